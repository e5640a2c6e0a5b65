import type { RuleWindow } from "../api/types";
import { useWords } from "../i18n";
import { ALL_DAYS, barsOf, scheduleText } from "./schedule";

const HOURS = [0, 6, 12, 18, 24] as const;
const percent = (hours: number): string => `${(hours / 24) * 100}%`;

/** A row a day, a bar for each stretch in force. */
export function WeekGrid({ windows }: { windows: readonly RuleWindow[] }) {
  const words = useWords();
  const { t, say } = words;
  const rows = ALL_DAYS.map((day) => ({ day, bars: barsOf(windows, day) }));
  const sun = rows.some(({ bars }) => bars?.some((bar) => bar.sun));
  return (
    <div className="week">
      <p className="sr-only">{t("schedule.week", { text: scheduleText(windows, words) })}</p>
      <div className="week-hours" aria-hidden="true">
        {HOURS.map((hour) => (
          <span key={hour} style={{ left: percent(hour) }}>
            {hour}
          </span>
        ))}
      </div>
      {rows.map(({ day, bars }) => (
        <div key={day} className="week-row" aria-hidden="true" data-day={day}>
          <span className="week-day">{say("day", day)}</span>
          <span className="week-line">
            {bars === null && <small>{t("schedule.as_weekday")}</small>}
            {bars?.map((bar, index) => (
              <i
                key={index}
                data-sun={bar.sun}
                style={{ left: percent(Math.max(0, bar.from_h)), width: percent(Math.min(24, bar.to_h) - Math.max(0, bar.from_h)) }}
              />
            ))}
          </span>
        </div>
      ))}
      {sun && <p className="dim small">{t("schedule.about")}</p>}
    </div>
  );
}
