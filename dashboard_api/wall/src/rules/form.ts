// A rule as a form holds it, and back as the API takes it.

import type { Rule, RuleBody, RuleKindItem, RuleParam, RuleWindow } from "../api/types";
import type { Point } from "./geometry";

/** Class names that detectors know by the COCO list, of what cameras of a district see; others may be typed. */
export const CLASSES = [
  "person",
  "bicycle",
  "car",
  "motorcycle",
  "bus",
  "truck",
  "dog",
  "cat",
  "bird",
  "backpack",
  "handbag",
  "suitcase",
  "umbrella",
  "boat",
  "train",
] as const;

const FIRST_LABELS: Partial<Record<Rule["kind"], string[]>> = {
  wrong_way: ["bicycle", "car", "motorcycle", "bus", "truck"],
  speed: ["car", "motorcycle", "bus", "truck"],
  left_object: [],
  removed_object: [],
  tamper: [],
};

/** One class that has a number of its own. */
export interface Own {
  label: string;
  value: string;
}

export interface Numbers {
  /** by name; "" is the kind's default */
  all: Record<string, string>;
  own: Record<string, Own[]>;
}

export interface Draft {
  name: string;
  labels: string[];
  direction: Rule["direction"];
  confirm_frames: number | string;
  cool_down_s: number | string;
  min_score: number | string;
  enabled: boolean;
  points: Point[];
  numbers: Numbers;
  schedule: RuleWindow[];
}

export function draftOf(rule: Partial<Rule>, kind: RuleKindItem): Draft {
  return {
    name: rule.name ?? "",
    labels: rule.labels ?? FIRST_LABELS[kind.kind] ?? ["person"],
    direction: rule.direction ?? "both",
    confirm_frames: rule.confirm_frames ?? 3,
    cool_down_s: rule.cool_down_s ?? 30,
    min_score: rule.min_score ?? 0,
    enabled: rule.enabled ?? true,
    points: rule.points ?? [],
    numbers: numbersOf(rule.params ?? {}, kind.params),
    schedule: rule.schedule ?? [],
  };
}

export function numbersOf(params: Readonly<Record<string, number>>, known: readonly RuleParam[]): Numbers {
  const all: Record<string, string> = {};
  const own: Record<string, Own[]> = {};
  for (const { name, per_label } of known) {
    all[name] = name in params ? String(params[name]) : "";
    if (!per_label) continue;
    own[name] = Object.entries(params)
      .filter(([key]) => key.startsWith(`${name}.`))
      .map(([key, value]) => ({ label: key.slice(name.length + 1), value: String(value) }));
  }
  return { all, own };
}

/** Only what was set; a row without a class or a number says nothing. */
export function paramsOf({ all, own }: Numbers): Record<string, number> {
  const params: Record<string, number> = {};
  const put = (name: string, value: string): void => {
    if (value.trim() !== "") params[name] = Number(value);
  };
  for (const [name, value] of Object.entries(all)) put(name, value);
  for (const [name, rows] of Object.entries(own)) {
    for (const { label, value } of rows) if (label.trim()) put(`${name}.${label.trim()}`, value);
  }
  return params;
}

/** What the API takes: a picture's rule has no points, and only a line has a direction. */
export function bodyOf(draft: Draft, kind: RuleKindItem): RuleBody {
  return {
    name: draft.name.trim(),
    kind: kind.kind,
    points: kind.shape === "picture" ? [] : draft.points,
    labels: draft.labels.map((label) => label.trim()).filter(Boolean),
    direction: kind.shape === "line" ? draft.direction : "both",
    confirm_frames: Number(draft.confirm_frames),
    cool_down_s: Number(draft.cool_down_s),
    min_score: Number(draft.min_score),
    params: paramsOf(draft.numbers),
    schedule: draft.schedule,
    enabled: draft.enabled,
  };
}

/** The number that holds: what was typed, or the default. */
export function valueOf(numbers: Numbers, params: readonly RuleParam[], name: string): number {
  const typed = numbers.all[name]?.trim();
  const number = typed ? Number(typed) : Number.NaN;
  return Number.isFinite(number) ? number : (params.find((param) => param.name === name)?.default ?? 0);
}
