// When a rule is in force: windows as the API has them, as people edit them, in words, and as bars of a week.

import type { RuleWindow } from "../api/types";
import type { Words } from "../i18n";
import { two } from "../ui/time";

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export const HOLIDAY = "holiday";
export const ALL_DAYS: readonly string[] = [...DAYS, HOLIDAY];
export const WINDOWS_MAX = 32;
/** five hours and 59 minutes before or after */
export const OFFSET_MAX_MIN = 359;

export type Anchor = "time" | "sunrise" | "sunset";

/** A moment of the day as a form holds it: a clock's time, or minutes from sunrise or sunset. */
export interface Moment {
  anchor: Anchor;
  clock: string;
  offset_min: number;
}

const SUN = /^(sunrise|sunset)(?:([+-])(\d\d):(\d\d))?$/;
const TIME = /^(\d\d):(\d\d)$/;

export function parseMoment(text: string): Moment {
  const sun = SUN.exec(text);
  if (!sun) return { anchor: "time", clock: text, offset_min: 0 };
  const minutes = Number(sun[3] ?? 0) * 60 + Number(sun[4] ?? 0);
  return { anchor: sun[1] as Anchor, clock: "", offset_min: sun[2] === "-" ? -minutes : minutes };
}

/** "9:30" is "09:30"; what is no time stays as it was typed, for the server to say so. */
export function momentString({ anchor, clock, offset_min }: Moment): string {
  if (anchor === "time") {
    const typed = /^(\d{1,2})[:：.](\d\d)$/.exec(clock.trim());
    return typed ? `${two(Number(typed[1]))}:${typed[2]}` : clock.trim();
  }
  if (!offset_min) return anchor;
  const minutes = Math.abs(Math.round(offset_min));
  return `${anchor}${offset_min < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** "22:00", "sunset", "30 min before sunset". */
export function momentText(text: string, words: Words): string {
  const { anchor, clock, offset_min } = parseMoment(text);
  if (anchor === "time") return clock;
  const sun = words.say("sun", anchor);
  if (offset_min === 0) return sun;
  return words.t(offset_min < 0 ? "schedule.before" : "schedule.after", { minutes: Math.abs(offset_min), sun });
}

/** "Mon–Fri, holidays", "every day". */
export function daysText(days: readonly string[], words: Words): string {
  const at = DAYS.map((day) => days.includes(day));
  const holiday = days.includes(HOLIDAY) ? [words.t("day.holidays")] : [];
  if (at.every(Boolean)) return [words.t("schedule.every_day"), ...holiday].join(words.t("schedule.comma"));
  const parts: string[] = [];
  for (let first = 0; first < DAYS.length; first += 1) {
    if (!at[first]) continue;
    let last = first;
    while (at[last + 1]) last += 1;
    const [from, to] = [words.say("day", DAYS[first]), words.say("day", DAYS[last])];
    const gap = words.language === "en" ? "–" : "至";
    parts.push(...(last === first ? [from] : last === first + 1 ? [from, to] : [`${from}${gap}${to}`]));
    first = last;
  }
  return [...parts, ...holiday].join(words.t("schedule.comma"));
}

export function windowText(window: RuleWindow, words: Words): string {
  const days = daysText(window.days, words);
  if (window.start === "00:00" && (window.end === "24:00" || window.end === "00:00")) {
    return words.t("schedule.all_day", { days });
  }
  const [start, end] = [momentText(window.start, words), momentText(window.end, words)];
  return words.t("schedule.window", { days, start, end });
}

export function scheduleText(windows: readonly RuleWindow[], words: Words): string {
  if (windows.length === 0) return words.t("schedule.always");
  return windows.map((window) => windowText(window, words)).join(words.t("schedule.semicolon"));
}

export type Preset = "always" | "nights" | "working" | "dark";

export const PRESETS: Record<Preset, readonly RuleWindow[]> = {
  always: [],
  nights: [{ days: [...DAYS], start: "22:00", end: "06:00" }],
  working: [{ days: DAYS.slice(0, 5), start: "08:00", end: "18:00" }],
  dark: [{ days: [...DAYS], start: "sunset", end: "sunrise" }],
};

/** The preset that these windows are, or null when they are something else. */
export function presetOf(windows: readonly RuleWindow[]): Preset | null {
  const found = Object.entries(PRESETS).find(([, preset]) => JSON.stringify(preset) === JSON.stringify(windows));
  return found ? (found[0] as Preset) : null;
}

/** A stretch of one day in hours; `sun`: an end is the sun's, drawn where it is about. */
export interface Bar {
  from_h: number;
  to_h: number;
  sun: boolean;
}

const SUNRISE_H = 6;
const SUNSET_H = 18;

/** Hours since midnight, the sun's about; null for what is no time. */
export function hourOf(text: string): number | null {
  const { anchor, clock, offset_min } = parseMoment(text);
  if (anchor !== "time") return (anchor === "sunrise" ? SUNRISE_H : SUNSET_H) + offset_min / 60;
  const time = TIME.exec(clock);
  if (!time) return null;
  const hours = Number(time[1]) + Number(time[2]) / 60;
  return hours <= 24 ? hours : null;
}

/** What a day's row shows; a window past midnight goes on in the next day's row. Null: the weekday's windows hold. */
export function barsOf(windows: readonly RuleWindow[], day: string): Bar[] | null {
  if (windows.length === 0) return [{ from_h: 0, to_h: 24, sun: false }];
  if (day === HOLIDAY && !windows.some((window) => window.days.includes(HOLIDAY))) return null;
  const at = (DAYS as readonly string[]).indexOf(day);
  const before = day === HOLIDAY ? "" : DAYS[(at + 6) % 7]!;
  return windows.flatMap((window) => {
    const [from_h, to_h] = [hourOf(window.start), hourOf(window.end)];
    if (from_h === null || to_h === null) return [];
    const sun = /^sun/.test(window.start) || /^sun/.test(window.end);
    const over = to_h <= from_h;
    return [
      ...(window.days.includes(day) ? [{ from_h, to_h: over ? 24 : to_h, sun }] : []),
      ...(over && to_h > 0 && window.days.includes(before) ? [{ from_h: 0, to_h, sun }] : []),
    ];
  });
}
