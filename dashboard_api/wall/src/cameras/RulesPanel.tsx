import { useState } from "react";
import { BASE } from "../api/client";
import * as calls from "../api/calls";
import type { Camera, Rule, RuleKindItem } from "../api/types";
import { useCan } from "../app/session";
import { useWords } from "../i18n";
import { useLoad } from "../live/hooks";
import { KindMenu } from "../rules/KindMenu";
import { KindSwatch } from "../rules/RuleLines";
import { scheduleText } from "../rules/schedule";
import { numbersText, whatCounts } from "../rules/text";
import { ErrorText } from "../ui/bits";
import { Drawing } from "./Drawing";
import { RuleForm } from "./RuleForm";

export function RulesPanel({ camera }: { camera: Camera }) {
  const words = useWords();
  const { t, say } = words;
  const mayRegister = useCan("register");
  const mayWatch = useCan("watch");
  const { data, error, reload } = useLoad(`rules ${camera.id}`, () => calls.rules(camera.id));
  const kinds = useLoad("rule-kinds", calls.ruleKinds);
  const [edit, setEdit] = useState<{ rule: Partial<Rule>; kind: RuleKindItem } | null>(null);
  // asked anew whenever an editor opens, so that the drawing is over what is there now
  const [taken, setTaken] = useState(() => Date.now());
  const rules = data ?? [];
  const picture = mayWatch ? `${BASE}/cameras/${encodeURIComponent(camera.id)}/snapshot.jpg?at=${taken}` : null;
  const kindOf = (rule: Rule): RuleKindItem | undefined => kinds.data?.find((kind) => kind.kind === rule.kind);
  const open = (rule: Partial<Rule>, kind: RuleKindItem): void => {
    setTaken(Date.now());
    setEdit({ rule, kind });
  };
  if (edit) {
    const { rule, kind } = edit;
    return (
      <section className="panel">
        <h3>
          {rule.version === undefined
            ? t("rules.new", { kind: say("rule", kind.kind) })
            : t("rules.changing", { name: rule.name ?? "", version: rule.version })}
        </h3>
        <RuleForm
          camera={camera.id}
          kind={kind}
          rule={rule}
          others={rules.filter((one) => one.id !== rule.id)}
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
      <ErrorText error={error ?? kinds.error} />
      {data && rules.length === 0 && <p className="dim">{t("rules.none")}</p>}
      {rules.some((rule) => rule.points.length > 0) && (
        <Drawing picture={picture} points={[]} kind="intrusion" shape="picture" others={rules} />
      )}
      <table className="table rules-table">
        <tbody>
          {rules.map((rule) => {
            const kind = kindOf(rule);
            return (
              <tr key={rule.id} data-testid={`rule-${rule.id}`} data-enabled={rule.enabled}>
                <td className="swatch">
                  <KindSwatch kind={rule.kind} />
                </td>
                <td>
                  <b>{rule.name}</b>
                  <span className="dim below">
                    {say("rule", rule.kind)}
                    {rule.kind === "line_crossing" && ` · ${say("direction", rule.direction)}`}
                  </span>
                </td>
                <td>
                  {whatCounts(rule, words)}
                  <span className="dim below">{kind && numbersText(rule, kind.params, words)}</span>
                </td>
                <td data-testid={`rule-schedule-${rule.id}`}>{scheduleText(rule.schedule, words)}</td>
                <td className="dim keep">
                  {t("rules.version", { version: rule.version })}
                  {!rule.enabled && <span className="below">{t("rules.disabled")}</span>}
                </td>
                {mayRegister && (
                  <td className="num keep">
                    {kind && (
                      <button
                        type="button"
                        className="text-button"
                        onClick={() => open(rule, kind)}
                        data-testid={`rule-change-${rule.id}`}
                      >
                        {t("common.change")}
                      </button>
                    )}
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
      {mayRegister && (
        <div className="dialog-foot" style={{ marginTop: 10 }}>
          <KindMenu kinds={kinds.data ?? []} onChoose={(kind) => open({}, kind)} />
        </div>
      )}
    </section>
  );
}
