import { Button, NumberInput, Select, Switch, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import * as calls from "../api/calls";
import type { Rule } from "../api/types";
import { useWords } from "../i18n";
import { ErrorText } from "../ui/bits";
import { useForm } from "../ui/useForm";
import { Rehearsal } from "./Rehearsal";
import { Drawing, enoughPoints, mostPoints, type Point } from "./Drawing";

interface Props {
  camera: string;
  rule: Partial<Rule>;
  others: readonly Rule[];
  picture: string | null;
  onDone: () => void;
}

export function RuleForm({ camera, rule, others, picture, onDone }: Props) {
  const { t, say } = useWords();
  const kind = rule.kind ?? "intrusion";
  const [points, setPoints] = useState<Point[]>(rule.points ?? []);
  const form = useForm({
    name: rule.name ?? "",
    labels: (rule.labels ?? ["person"]).join(", "),
    direction: (rule.direction ?? "both") as string,
    confirm_frames: rule.confirm_frames ?? 3,
    cool_down_s: rule.cool_down_s ?? 30,
    min_score: rule.min_score ?? 0,
    enabled: rule.enabled ?? true,
  });
  const { values } = form;
  const top = useRef<HTMLFormElement>(null);
  useEffect(() => {
    // braces: newer browsers answer a promise, which must not become the effect's clean-up
    void top.current?.scrollIntoView({ block: "nearest" });
  }, []);
  const body = () => ({
    ...values,
    kind,
    points,
    labels: values.labels.split(/[,，]/).map((one) => one.trim()).filter(Boolean),
  });
  const save = (): Promise<void> =>
    form.submit(async () => {
      if (rule.id === undefined) await calls.addRule(camera, body());
      else await calls.changeRule(camera, rule.id, body());
      onDone();
    });
  const remove = (): Promise<void> =>
    form.submit(async () => {
      if (rule.id === undefined || !confirm(t("common.confirm"))) return;
      await calls.removeRule(camera, rule.id);
      onDone();
    });
  return (
    <>
    <form
      ref={top}
      className="dialog"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Drawing picture={picture} points={points} kind={kind} others={others} onChange={setPoints} />
      <div style={{ display: "flex", gap: 10, alignItems: "center" }}>
        <span className="dim" style={{ flex: 1 }}>
          {kind === "intrusion" ? t("rules.draw_zone") : t("rules.draw_wire")}
        </span>
        {points.length < mostPoints(kind) && (
          <button
            type="button"
            className="chip"
            onClick={() => setPoints([...points, nextPoint(points)])}
            data-testid="rule-add-point"
          >
            {t("rules.add_point")}
          </button>
        )}
      </div>
      <div className="form-grid">
        <TextInput label={t("rules.name")} required data-testid="rule-name" {...form.text("name")} />
        <TextInput label={t("rules.labels")} description={t("rules.labels_hint")} data-testid="rule-labels" {...form.text("labels")} />
        {kind === "line_crossing" && (
          <Select
            label={t("rules.direction")}
            allowDeselect={false}
            value={values.direction}
            data={["both", "left_to_right", "right_to_left"].map((value) => ({ value, label: say("direction", value) }))}
            onChange={(value) => form.set("direction", value ?? "both")}
            data-testid="rule-direction"
          />
        )}
        <NumberInput
          label={t("rules.confirm")}
          min={1}
          max={250}
          value={values.confirm_frames}
          onChange={(value) => form.set("confirm_frames", Number(value) || 1)}
        />
        <NumberInput
          label={t("rules.cool_down")}
          min={0}
          value={values.cool_down_s}
          onChange={(value) => form.set("cool_down_s", Number(value) || 0)}
        />
        <NumberInput
          label={t("rules.min_score")}
          min={0}
          max={1}
          step={0.05}
          value={values.min_score}
          onChange={(value) => form.set("min_score", Number(value) || 0)}
        />
      </div>
      <Switch
        label={t("common.enabled")}
        checked={values.enabled}
        onChange={(event) => form.set("enabled", event.currentTarget.checked)}
      />
      <ErrorText error={form.error} />
      <div className="dialog-foot">
        {rule.id !== undefined && (
          <>
            <Button variant="subtle" color="red" onClick={() => void remove()} data-testid="rule-remove">
              {t("common.remove")}
            </Button>
            <span className="space" />
          </>
        )}
        <Button variant="default" onClick={onDone}>
          {t("common.cancel")}
        </Button>
        <Button type="submit" loading={form.busy} disabled={points.length < enoughPoints(kind)} data-testid="rule-save">
          {t("common.save")}
        </Button>
      </div>
    </form>
    <Rehearsal camera={camera} body={body} ruleId={rule.id} />
    </>
  );
}

/** By keyboard, points come one after the other around the middle, to be moved from there. */
function nextPoint(points: readonly Point[]): Point {
  const corners: Point[] = [
    [0.3, 0.3],
    [0.7, 0.3],
    [0.7, 0.7],
    [0.3, 0.7],
  ];
  return corners[points.length] ?? [0.5, 0.5];
}
