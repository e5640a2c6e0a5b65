// What the page makes of counts: colours of the map, series of the chart, totals of the table.

import type { CountItem } from "../api/types";

export const MEASURES = ["entered", "left", "crossed_right", "crossed_left", "present_most", "present_s"] as const;
export type Measure = (typeof MEASURES)[number];

/** Cividis (Nuñez, Anderton, Renslow 2018): the same to people who see red or green less, and even in grey. */
const CIVIDIS: readonly [number, number, number][] = [
  [0, 34, 78],
  [18, 53, 112],
  [59, 73, 108],
  [87, 93, 109],
  [112, 113, 115],
  [138, 134, 120],
  [165, 156, 116],
  [195, 179, 105],
  [225, 204, 85],
  [254, 232, 56],
];

/** The colour of a share of 0..1, as red, green, blue and alpha of 0..255; nothing at all is not painted. */
export function heatColour(share: number): [number, number, number, number] {
  if (!(share > 0)) return [0, 0, 0, 0];
  const at = Math.min(share, 1) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const mix = (channel: 0 | 1 | 2): number =>
    Math.round(CIVIDIS[low]![channel] + (at - low) * (CIVIDIS[low + 1]![channel] - CIVIDIS[low]![channel]));
  return [mix(0), mix(1), mix(2), Math.round(120 + 110 * Math.min(share, 1))];
}

/** Few cells hold most of the time: by the square root the others can be seen too. */
export function shares(cells: readonly number[]): number[] {
  const most = Math.max(0, ...cells);
  return cells.map((seconds) => (most > 0 ? Math.sqrt(seconds / most) : 0));
}

export interface Series {
  key: string;
  rule: string;
  label: string;
  values: Map<string, number>;
  total: number;
}

/** One series for each rule and class that has any of the measure, the largest first. */
export function seriesOf(items: readonly CountItem[], measure: Measure): Series[] {
  const found = new Map<string, Series>();
  for (const item of items) {
    const key = `${item.rule_id} ${item.label}`;
    const one = found.get(key) ?? { key, rule: item.rule_name, label: item.label, values: new Map(), total: 0 };
    const value = item[measure];
    one.values.set(item.at, (one.values.get(item.at) ?? 0) + value);
    one.total = measure === "present_most" ? Math.max(one.total, value) : one.total + value;
    found.set(key, one);
  }
  return [...found.values()].filter((one) => one.total > 0).sort((a, b) => b.total - a.total);
}

/** All hours or days of a range, as the API names them, so that empty ones have their place too. */
export function stepsOf(items: readonly CountItem[], fromMs: number, toMs: number, stepMs: number): string[] {
  const known = items.map((item) => Date.parse(item.at));
  const offset = known.length > 0 ? known[0]! % stepMs : 0;
  const first = Math.floor((fromMs - offset) / stepMs) * stepMs + offset;
  const steps: string[] = [];
  for (let at = first; at < toMs; at += stepMs) steps.push(new Date(at).toISOString());
  return steps;
}
