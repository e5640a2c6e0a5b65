// Times and ages as people read them. Records are UTC; people read their own clock.

import type { Words } from "../i18n";

/** Two units at most: "3m 12s", "2h 05m", "4d 03h". Never negative: a clock may be a second off. */
export function age(ms: number, words: Words): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [d, h, m, s] = [words.t("unit.day"), words.t("unit.hour"), words.t("unit.minute"), words.t("unit.second")];
  const gap = words.language === "en" ? " " : "";
  if (seconds < 60) return `${seconds}${s}`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${m}${gap}${two(seconds % 60)}${s}`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}${h}${gap}${two(Math.floor(seconds / 60) % 60)}${m}`;
  return `${Math.floor(seconds / 86_400)}${d}${gap}${two(Math.floor(seconds / 3600) % 24)}${h}`;
}

export function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** "21:04:07" */
export function clock(at: string | number | Date): string {
  const time = new Date(at);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** "2026-03-09" */
export function day(at: string | number | Date): string {
  const time = new Date(at);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

/** The clock alone for today, day and clock otherwise. */
export function moment(at: string | number | Date | null | undefined, now: number = Date.now()): string {
  if (at === null || at === undefined) return "–";
  return day(at) === day(now) ? clock(at) : `${day(at)} ${clock(at)}`;
}

/** For an input of type datetime-local. */
export function toLocalInput(ms: number): string {
  return `${day(ms)}T${clock(ms)}`;
}

export function toUtc(ms: number): string {
  return new Date(ms).toISOString();
}
