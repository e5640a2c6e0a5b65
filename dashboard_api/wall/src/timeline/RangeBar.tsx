import { Button } from "@mantine/core";
import { useState } from "react";
import { useWords } from "../i18n";
import { toLocalInput } from "../ui/time";
import type { Range } from "./scale";

const HOUR_MS = 3_600_000;

export type Preset = "hour" | "six" | "day" | "custom";
export const PRESET_MS: Record<Exclude<Preset, "custom">, number> = {
  hour: HOUR_MS,
  six: 6 * HOUR_MS,
  day: 24 * HOUR_MS,
};

interface Props {
  preset: Preset;
  whole: Range;
  onPreset: (preset: Exclude<Preset, "custom">) => void;
  onCustom: (range: Range) => void;
}

export function RangeBar({ preset, whole, onPreset, onCustom }: Props) {
  const { t } = useWords();
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [open, setOpen] = useState(false);
  const fits = Date.parse(from) < Date.parse(to);
  return (
    <div className="range-bar">
      {(["hour", "six", "day"] as const).map((one) => (
        <button
          key={one}
          type="button"
          className="chip"
          aria-pressed={preset === one}
          onClick={() => {
            setOpen(false);
            onPreset(one);
          }}
          data-testid={`range-${one}`}
        >
          {t(`timeline.${one}`)}
        </button>
      ))}
      <button
        type="button"
        className="chip"
        aria-pressed={preset === "custom"}
        onClick={() => {
          setFrom(toLocalInput(whole.fromMs));
          setTo(toLocalInput(whole.toMs));
          setOpen(!open);
        }}
        data-testid="range-custom"
      >
        {t("timeline.custom")}
      </button>
      {open && (
        <form
          className="range-custom"
          onSubmit={(event) => {
            event.preventDefault();
            if (fits) onCustom({ fromMs: Date.parse(from), toMs: Date.parse(to) });
          }}
        >
          <label>
            {t("timeline.from")}
            <input
              type="datetime-local"
              step="1"
              value={from}
              onChange={(event) => setFrom(event.currentTarget.value)}
              data-testid="range-from"
            />
          </label>
          <label>
            {t("timeline.to")}
            <input
              type="datetime-local"
              step="1"
              value={to}
              onChange={(event) => setTo(event.currentTarget.value)}
              data-testid="range-to"
            />
          </label>
          <Button size="xs" type="submit" disabled={!fits} data-testid="range-show">
            {t("timeline.show")}
          </Button>
        </form>
      )}
    </div>
  );
}
