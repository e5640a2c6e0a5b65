// The timeline's arithmetic: time to pixels and back, zooming, ticks. Pure.

export interface Range {
  fromMs: number;
  toMs: number;
}

export const SHORTEST_MS = 10_000;
export const LONGEST_MS = 31 * 86_400_000;

export function xOf(range: Range, widthPx: number, ms: number): number {
  return ((ms - range.fromMs) / (range.toMs - range.fromMs)) * widthPx;
}

export function timeAt(range: Range, widthPx: number, xPx: number): number {
  return range.fromMs + (xPx / widthPx) * (range.toMs - range.fromMs);
}

/** Zoom by a factor about a time, which stays where it is; never outside `whole`. */
export function zoom(range: Range, whole: Range, aboutMs: number, factor: number): Range {
  const span = clamp((range.toMs - range.fromMs) * factor, SHORTEST_MS, whole.toMs - whole.fromMs);
  const share = (aboutMs - range.fromMs) / (range.toMs - range.fromMs);
  return within({ fromMs: aboutMs - share * span, toMs: aboutMs + (1 - share) * span }, whole);
}

export function pan(range: Range, whole: Range, byMs: number): Range {
  return within({ fromMs: range.fromMs + byMs, toMs: range.toMs + byMs }, whole);
}

/** Keep the length, move what sticks out back in. */
export function within(range: Range, whole: Range): Range {
  const span = Math.min(range.toMs - range.fromMs, whole.toMs - whole.fromMs);
  const fromMs = clamp(range.fromMs, whole.fromMs, whole.toMs - span);
  return { fromMs, toMs: fromMs + span };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

const STEPS_S = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];

/** Round times of the reader's own clock, at least `apartPx` from each other. */
export function ticks(range: Range, widthPx: number, offsetMin: number, apartPx = 110): number[] {
  const wantedS = ((range.toMs - range.fromMs) / 1000 / Math.max(1, widthPx)) * apartPx;
  const step = (STEPS_S.find((one) => one >= wantedS) ?? STEPS_S[STEPS_S.length - 1]!) * 1000;
  const shift = offsetMin * 60_000;
  const found: number[] = [];
  for (let at = Math.ceil((range.fromMs - shift) / step) * step + shift; at <= range.toMs; at += step) found.push(at);
  return found;
}

/** The nearest item to a time, if it lies within the tolerance. */
export function nearest<T extends { time: string }>(items: readonly T[], ms: number, withinMs: number): T | null {
  let best: T | null = null;
  let least = withinMs;
  for (const item of items) {
    const away = Math.abs(Date.parse(item.time) - ms);
    if (away > least) continue;
    least = away;
    best = item;
  }
  return best;
}

/** The next item after a time (or before it), for stepping through events. */
export function step<T extends { time: string }>(items: readonly T[], ms: number, forward: boolean): T | null {
  const sorted = [...items].sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  if (forward) return sorted.find((item) => Date.parse(item.time) > ms) ?? null;
  return sorted.reverse().find((item) => Date.parse(item.time) < ms) ?? null;
}
