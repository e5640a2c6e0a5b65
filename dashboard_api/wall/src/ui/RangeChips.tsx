// A stretch of time: lately, by one of a few lengths, or from and to.

import { useState } from "react";
import { useWords } from "../i18n";
import { serverClock } from "../live/clock";
import type { Range } from "../timeline/scale";
import { toLocalInput } from "./time";

export interface Span {
  key: string;
  label: string;
  ms: number;
}

interface Props {
  spans: readonly Span[];
  /** the key of a span, or "custom" */
  value: string;
  range: Range;
  onSpan: (span: Span) => void;
  onCustom: (range: Range) => void;
  testId: string;
}

export function lately(ms: number): Range {
  const toMs = serverClock.nowMs();
  return { fromMs: toMs - ms, toMs };
}

/** Which stretch is chosen, and what `RangeChips` needs to choose another. */
export function useSpan(key: string, ms: number): Pick<Props, "value" | "range" | "onSpan" | "onCustom"> {
  const [value, setValue] = useState(key);
  const [range, setRange] = useState<Range>(() => lately(ms));
  return {
    value,
    range,
    onSpan: (span) => {
      setValue(span.key);
      setRange(lately(span.ms));
    },
    onCustom: (next) => {
      setValue("custom");
      setRange(next);
    },
  };
}

export function RangeChips({ spans, value, range, onSpan, onCustom, testId }: Props) {
  const { t } = useWords();
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [open, setOpen] = useState(false);
  const take = (nextFrom: string, nextTo: string): void => {
    setFrom(nextFrom);
    setTo(nextTo);
    const [fromMs, toMs] = [Date.parse(nextFrom), Date.parse(nextTo)];
    if (fromMs < toMs) onCustom({ fromMs, toMs });
  };
  return (
    <div className="range-bar">
      {spans.map((span) => (
        <button
          key={span.key}
          type="button"
          className="chip"
          aria-pressed={value === span.key}
          onClick={() => {
            setOpen(false);
            onSpan(span);
          }}
          data-testid={`${testId}-${span.key}`}
        >
          {span.label}
        </button>
      ))}
      <button
        type="button"
        className="chip"
        aria-pressed={value === "custom"}
        aria-expanded={open}
        onClick={() => {
          setFrom(toLocalInput(range.fromMs));
          setTo(toLocalInput(range.toMs));
          setOpen(!open);
        }}
        data-testid={`${testId}-custom`}
      >
        {t("timeline.custom")}
      </button>
      {open && (
        <div className="range-custom">
          <label>
            {t("timeline.from")}
            <input
              type="datetime-local"
              step="1"
              value={from}
              onChange={(event) => take(event.currentTarget.value, to)}
              data-testid={`${testId}-from`}
            />
          </label>
          <label>
            {t("timeline.to")}
            <input
              type="datetime-local"
              step="1"
              value={to}
              onChange={(event) => take(from, event.currentTarget.value)}
              data-testid={`${testId}-to`}
            />
          </label>
        </div>
      )}
    </div>
  );
}
