import { NumberInput, TextInput } from "@mantine/core";
import { useState } from "react";
import * as calls from "../api/calls";
import type { RuleWindow } from "../api/types";
import { useWords } from "../i18n";
import { useLoad } from "../live/hooks";
import {
  ALL_DAYS,
  type Anchor,
  DAYS,
  momentString,
  OFFSET_MAX_MIN,
  parseMoment,
  type Preset,
  PRESETS,
  presetOf,
  WINDOWS_MAX,
} from "./schedule";
import { WeekGrid } from "./WeekGrid";

interface Props {
  windows: RuleWindow[];
  onChange: (windows: RuleWindow[]) => void;
  errorAt: (place: string) => string | undefined;
}

const ANCHORS: readonly Anchor[] = ["time", "sunrise", "sunset"];
const FRESH: RuleWindow = { days: [...DAYS], start: "08:00", end: "18:00" };

/** When a rule is in force: presets, windows, and the week as it then is. */
export function ScheduleEditor({ windows, onChange, errorAt }: Props) {
  const { t } = useWords();
  const zone = useLoad("status", calls.status).data?.timezone;
  const preset = presetOf(windows);
  const put = (index: number, change: Partial<RuleWindow>): void =>
    onChange(windows.map((window, at) => (at === index ? { ...window, ...change } : window)));
  return (
    <fieldset className="schedule" data-testid="schedule">
      <legend>{t("schedule.title")}</legend>
      <div className="chips" role="group" aria-label={t("schedule.title")}>
        {(Object.keys(PRESETS) as Preset[]).map((one) => (
          <button
            key={one}
            type="button"
            className="chip"
            aria-pressed={preset === one}
            onClick={() => onChange(PRESETS[one].map((window) => ({ ...window, days: [...window.days] })))}
            data-testid={`schedule-${one}`}
          >
            {t(`preset.${one}`)}
          </button>
        ))}
        {preset === null && (
          <button type="button" className="chip" aria-pressed={true}>
            {t("preset.custom")}
          </button>
        )}
      </div>
      {windows.map((window, index) => (
        <WindowRow
          key={index}
          number={index + 1}
          window={window}
          onChange={(change) => put(index, change)}
          onRemove={() => onChange(windows.filter((_, at) => at !== index))}
          errorAt={(field) => errorAt(`schedule.${index}.${field}`)}
        />
      ))}
      {errorAt("schedule") && <p className="field-error">{errorAt("schedule")}</p>}
      {windows.length < WINDOWS_MAX && (
        <button
          type="button"
          className="chip"
          style={{ justifySelf: "start" }}
          onClick={() => onChange([...windows, { ...FRESH, days: [...FRESH.days] }])}
          data-testid="schedule-add"
        >
          {t("schedule.add")}
        </button>
      )}
      <WeekGrid windows={windows} />
      <p className="dim small">{zone && t("schedule.zone", { zone })}</p>
    </fieldset>
  );
}

interface RowProps {
  number: number;
  window: RuleWindow;
  onChange: (change: Partial<RuleWindow>) => void;
  onRemove: () => void;
  errorAt: (field: string) => string | undefined;
}

function WindowRow({ number, window, onChange, onRemove, errorAt }: RowProps) {
  const { t, say } = useWords();
  const toggle = (day: string): void =>
    onChange({ days: ALL_DAYS.filter((one) => (one === day ? !window.days.includes(day) : window.days.includes(one))) });
  const error = errorAt("days");
  return (
    <div className="window" data-testid={`window-${number}`}>
      <div className="days" role="group" aria-label={t("schedule.days", { number })}>
        {ALL_DAYS.map((day) => (
          <button
            key={day}
            type="button"
            className="day"
            aria-pressed={window.days.includes(day)}
            onClick={() => toggle(day)}
            data-testid={`window-${number}-${day}`}
          >
            {say("day", day)}
          </button>
        ))}
      </div>
      <div className="moments">
        <MomentInput
          label={t("schedule.start_of", { number })}
          short={t("schedule.start")}
          text={window.start}
          onChange={(start) => onChange({ start })}
          error={errorAt("start")}
          testId={`window-${number}-start`}
        />
        <MomentInput
          label={t("schedule.end_of", { number })}
          short={t("schedule.end")}
          text={window.end}
          onChange={(end) => onChange({ end })}
          error={errorAt("end")}
          testId={`window-${number}-end`}
        />
      </div>
      <button type="button" className="text-button" aria-label={t("schedule.remove", { number })} onClick={onRemove}>
        ✕
      </button>
      {error && <p className="field-error">{error}</p>}
    </div>
  );
}

interface MomentProps {
  label: string;
  short: string;
  text: string;
  onChange: (text: string) => void;
  error: string | undefined;
  testId: string;
}

function MomentInput({ label, short, text, onChange, error, testId }: MomentProps) {
  const { t } = useWords();
  const moment = parseMoment(text);
  const [typed, setTyped] = useState<string | null>(null);
  const choose = (anchor: Anchor): void => onChange(anchor === "time" ? "06:00" : anchor);
  return (
    <div className="moment">
      <span className="dim">{short}</span>
      <select
        aria-label={label}
        value={moment.anchor}
        onChange={(event) => choose(event.currentTarget.value as Anchor)}
        data-testid={`${testId}-anchor`}
      >
        {ANCHORS.map((anchor) => (
          <option key={anchor} value={anchor}>
            {t(`anchor.${anchor}`)}
          </option>
        ))}
      </select>
      {moment.anchor === "time" ? (
        <TextInput
          size="xs"
          w={76}
          aria-label={label}
          placeholder="22:30"
          value={typed ?? moment.clock}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            onChange(momentString({ ...moment, clock: event.currentTarget.value }));
          }}
          onBlur={() => setTyped(null)}
          error={error}
          data-testid={testId}
        />
      ) : (
        <NumberInput
          size="xs"
          w={92}
          aria-label={`${label}: ${t("schedule.minutes")}`}
          title={t("schedule.minutes")}
          step={15}
          min={-OFFSET_MAX_MIN}
          max={OFFSET_MAX_MIN}
          allowDecimal={false}
          prefix={moment.offset_min > 0 ? "+" : ""}
          suffix=" min"
          value={moment.offset_min}
          onChange={(value) => onChange(momentString({ ...moment, offset_min: Number(value) || 0 }))}
          error={error}
          data-testid={testId}
        />
      )}
    </div>
  );
}
