import { Button } from "@mantine/core";
import { useState } from "react";
import { BASE } from "../api/client";
import * as calls from "../api/calls";
import type { Camera, Rule } from "../api/types";
import { useCan } from "../app/session";
import { useWords } from "../i18n";
import { useLoad } from "../live/hooks";
import { ErrorText } from "../ui/bits";
import { Drawing } from "./Drawing";
import { RuleForm } from "./RuleForm";

export function RulesPanel({ camera }: { camera: Camera }) {
  const { t, say, label } = useWords();
  const mayRegister = useCan("register");
  const mayWatch = useCan("watch");
  const { data, error, reload } = useLoad(`rules ${camera.id}`, () => calls.rules(camera.id));
  const [edit, setEdit] = useState<Partial<Rule> | null>(null);
  // asked anew whenever an editor opens, so that the drawing is over what is there now
  const [taken, setTaken] = useState(() => Date.now());
  const rules = data ?? [];
  const picture = mayWatch ? `${BASE}/cameras/${encodeURIComponent(camera.id)}/snapshot.jpg?at=${taken}` : null;
  const open = (rule: Partial<Rule>): void => {
    setTaken(Date.now());
    setEdit(rule);
  };
  if (edit) {
    return (
      <section className="panel">
        <h3>{t("camera.rules")}</h3>
        <RuleForm
          camera={camera.id}
          rule={edit}
          others={rules.filter((rule) => rule.id !== edit.id)}
          picture={picture}
          onDone={() => {
            setEdit(null);
            reload();
          }}
        />
      </section>
    );
  }
  return (
    <section className="panel" data-testid="rules">
      <h3>{t("camera.rules")}</h3>
      <ErrorText error={error} />
      {data && rules.length === 0 && <p className="dim">{t("rules.none")}</p>}
      {rules.length > 0 && <Drawing picture={picture} points={[]} kind="intrusion" others={rules} />}
      <table className="table">
        <tbody>
          {rules.map((rule) => (
            <tr key={rule.id} data-testid={`rule-${rule.id}`}>
              <td className="strong">{rule.name}</td>
              <td>{say("rule", rule.kind)}</td>
              <td>{rule.labels.map(label).join(", ") || t("common.all")}</td>
              <td>{rule.kind === "line_crossing" ? say("direction", rule.direction) : ""}</td>
              <td className="dim">
                {t("rules.version", { version: rule.version })}
                {rule.enabled ? "" : ` · ${t("rules.disabled")}`}
              </td>
              {mayRegister && (
                <td className="num">
                  <button type="button" className="text-button" onClick={() => open(rule)} data-testid={`rule-change-${rule.id}`}>
                    {t("common.change")}
                  </button>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {mayRegister && (
        <div className="dialog-foot" style={{ marginTop: 10 }}>
          <Button size="xs" variant="default" onClick={() => open({ kind: "intrusion" })} data-testid="rule-add-zone">
            {t("rules.add_zone")}
          </Button>
          <Button size="xs" variant="default" onClick={() => open({ kind: "line_crossing" })} data-testid="rule-add-wire">
            {t("rules.add_wire")}
          </Button>
        </div>
      )}
    </section>
  );
}
