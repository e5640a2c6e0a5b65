import { Button, NumberInput, Select, Switch, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import * as calls from "../api/calls";
import type { Rule, RuleKindItem } from "../api/types";
import { useWords } from "../i18n";
import { bodyOf, type Draft, draftOf, valueOf } from "../rules/form";
import { enoughPoints, mostPoints, nextPoint } from "../rules/geometry";
import { FaultChecks, LabelsInput } from "../rules/LabelsInput";
import { ParamFields, Unit } from "../rules/ParamFields";
import { ScheduleEditor } from "../rules/ScheduleEditor";
import { ErrorText } from "../ui/bits";
import { useForm } from "../ui/useForm";
import { Drawing, type Heading } from "./Drawing";
import { Rehearsal } from "./Rehearsal";

interface Props {
  camera: string;
  kind: RuleKindItem;
  rule: Partial<Rule>;
  others: readonly Rule[];
  picture: string | null;
  onDone: () => void;
}

/** A new rule or the next version of one: its drawing, what counts, its numbers, when it is in force. */
export function RuleForm({ camera, kind, rule, others, picture, onDone }: Props) {
  const { t, say } = useWords();
  const [draft, setDraft] = useState<Draft>(() => draftOf(rule, kind));
  const form = useForm({});
  const top = useRef<HTMLFormElement>(null);
  useEffect(() => {
    // braces: newer browsers answer a promise, which must not become the effect's clean-up
    void top.current?.scrollIntoView({ block: "nearest" });
  }, []);
  const set = (change: Partial<Draft>): void => setDraft((old) => ({ ...old, ...change }));
  const save = (): Promise<void> =>
    form.submit(async () => {
      const body = bodyOf(draft, kind);
      if (rule.id === undefined) await calls.addRule(camera, body);
      else await calls.changeRule(camera, rule.id, body);
      onDone();
    });
  const remove = (): Promise<void> =>
    form.submit(async () => {
      if (rule.id === undefined || !confirm(t("common.confirm"))) return;
      await calls.removeRule(camera, rule.id);
      onDone();
    });
  const number = (name: string): number => valueOf(draft.numbers, kind.params, name);
  const heading: Heading = {
    deg: number("heading_deg"),
    tolerance: number("tolerance_deg"),
    onTurn: (deg) =>
      setDraft((old) => ({
        ...old,
        numbers: { ...old.numbers, all: { ...old.numbers.all, heading_deg: String(deg) } },
      })),
  };
  const edges = [
    t("rules.edge_width", { metres: number("width_m") }),
    t("rules.edge_length", { metres: number("length_m") }),
  ] as const;
  return (
    <>
    <form
      ref={top}
      className="dialog rule-form"
      data-kind={kind.kind}
      data-testid="rule-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <p className="rule-what">{say("what", kind.kind)}</p>
      <Drawing
        picture={picture}
        points={draft.points}
        kind={kind.kind}
        shape={kind.shape}
        others={others}
        {...(kind.shape === "line" && { direction: draft.direction })}
        {...(kind.kind === "wrong_way" && { heading })}
        {...(kind.shape === "quad" && { edges })}
        onChange={(points) => set({ points })}
      />
      <div className="draw-foot">
        <span className="dim">{say("draw", kind.shape)}</span>
        {draft.points.length > 0 && (
          <button type="button" className="chip" onClick={() => set({ points: [] })} data-testid="rule-clear-points">
            {t("rules.clear_points")}
          </button>
        )}
        {draft.points.length < mostPoints(kind.shape) && (
          <button
            type="button"
            className="chip"
            onClick={() => set({ points: [...draft.points, nextPoint(draft.points)] })}
            data-testid="rule-add-point"
          >
            {t("rules.add_point")}
          </button>
        )}
      </div>
      {form.errorAt("points") && (
        <p className="field-error" data-testid="rule-points-error">
          {form.errorAt("points")}
        </p>
      )}
      <div className="form-grid">
        <TextInput
          label={t("rules.name")}
          required
          value={draft.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          error={form.errorAt("name")}
          data-testid="rule-name"
        />
        {kind.labels.length > 0 ? (
          <FaultChecks
            faults={kind.labels}
            labels={draft.labels}
            onChange={(labels) => set({ labels })}
            error={form.errorAt("labels")}
          />
        ) : (
          <LabelsInput labels={draft.labels} onChange={(labels) => set({ labels })} error={form.errorAt("labels")} />
        )}
        {kind.shape === "line" && (
          <Select
            label={t("rules.direction")}
            allowDeselect={false}
            value={draft.direction}
            data={(["both", "left_to_right", "right_to_left"] as const).map((value) => ({
              value,
              label: say("direction", value),
            }))}
            onChange={(direction) => set({ direction: direction ?? "both" })}
            data-testid="rule-direction"
          />
        )}
      </div>
      <ParamFields
        params={kind.params}
        numbers={draft.numbers}
        labels={draft.labels}
        onChange={(numbers) => set({ numbers })}
        errorAt={form.errorAt}
      />
      <ScheduleEditor
        windows={draft.schedule}
        onChange={(schedule) => set({ schedule })}
        errorAt={form.errorAt}
      />
      <More draft={draft} set={set} errorAt={form.errorAt} />
      <Switch
        label={t("common.enabled")}
        checked={draft.enabled}
        onChange={(event) => set({ enabled: event.currentTarget.checked })}
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
        <Button variant="default" onClick={onDone} data-testid="rule-cancel">
          {t("common.cancel")}
        </Button>
        <Button
          type="submit"
          loading={form.busy}
          disabled={draft.points.length < enoughPoints(kind.shape)}
          data-testid="rule-save"
        >
          {t("common.save")}
        </Button>
      </div>
    </form>
    <Rehearsal camera={camera} body={() => bodyOf(draft, kind)} ruleId={rule.id} />
    </>
  );
}

interface MoreProps {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  errorAt: (place: string) => string | undefined;
}

/** What every kind has and few change; it opens by itself where something in it is wrong. */
function More({ draft, set, errorAt }: MoreProps) {
  const { t } = useWords();
  const names = ["confirm_frames", "cool_down_s", "min_score"] as const;
  const wrong = names.some((name) => errorAt(name));
  return (
    <details className="more" {...(wrong && { open: true })}>
      <summary data-testid="rule-more">{t("rules.more")}</summary>
      <div className="form-grid">
        <NumberInput
          label={t("rules.confirm")}
          description={t("rules.range", { least: 1, most: 250 })}
          clampBehavior="none"
          value={draft.confirm_frames}
          onChange={(confirm_frames) => set({ confirm_frames })}
          error={errorAt("confirm_frames")}
          data-testid="rule-confirm"
        />
        <NumberInput
          label={t("rules.cool_down")}
          description={t("rules.cool_down_hint")}
          rightSection={<Unit unit="s" />}
          clampBehavior="none"
          value={draft.cool_down_s}
          onChange={(cool_down_s) => set({ cool_down_s })}
          error={errorAt("cool_down_s")}
          data-testid="rule-cool-down"
        />
        <NumberInput
          label={t("rules.min_score")}
          description={t("rules.range", { least: 0, most: 1 })}
          step={0.05}
          clampBehavior="none"
          value={draft.min_score}
          onChange={(min_score) => set({ min_score })}
          error={errorAt("min_score")}
          data-testid="rule-min-score"
        />
      </div>
    </details>
  );
}
