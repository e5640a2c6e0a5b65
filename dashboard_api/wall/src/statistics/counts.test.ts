import { describe, expect, it } from "vitest";
import type { CountItem } from "../api/types";
import { heatColour, seriesOf, shares, stepsOf } from "./counts";

const item = (values: Partial<CountItem>): CountItem => ({
  at: "2026-01-01T00:00:00.000Z",
  rule_id: 1,
  rule_version: 1,
  rule_name: "yard",
  kind: "intrusion",
  label: "person",
  entered: 0,
  left: 0,
  crossed_right: 0,
  crossed_left: 0,
  present_most: 0,
  present_s: 0,
  ...values,
});

describe("the map's colours", () => {
  it("leave what is empty unpainted and grow brighter with the share", () => {
    expect(heatColour(0)[3]).toBe(0);
    const light = [0.01, 0.25, 0.5, 0.75, 1].map(heatColour).map(([r, g, b]) => 0.3 * r + 0.59 * g + 0.11 * b);
    expect([...light].sort((a, b) => a - b)).toEqual(light);
    expect(heatColour(5)).toEqual(heatColour(1));
  });

  it("are of the largest cell", () => {
    expect(shares([0, 1, 4])).toEqual([0, 0.5, 1]);
    expect(shares([0, 0])).toEqual([0, 0]);
  });
});

describe("the chart's series", () => {
  it("are one for each rule and class that has any", () => {
    const items = [
      item({ entered: 2 }),
      item({ entered: 3, at: "2026-01-01T01:00:00.000Z" }),
      item({ entered: 9, label: "car" }),
      item({ rule_id: 2, rule_name: "line", crossed_right: 4 }),
    ];
    expect(seriesOf(items, "entered").map((one) => [one.rule, one.label, one.total])).toEqual([
      ["yard", "car", 9],
      ["yard", "person", 5],
    ]);
    expect(seriesOf(items, "crossed_right").map((one) => one.rule)).toEqual(["line"]);
  });

  it("take the most of what is at once, not the sum", () => {
    const items = [item({ present_most: 3 }), item({ present_most: 2, at: "2026-01-01T01:00:00.000Z" })];
    expect(seriesOf(items, "present_most")[0]!.total).toBe(3);
  });
});

describe("the chart's steps", () => {
  it("are whole hours, also those without anything", () => {
    const from = Date.parse("2026-01-01T00:20:00Z");
    expect(stepsOf([], from, from + 2 * 3_600_000, 3_600_000)).toEqual([
      "2026-01-01T00:00:00.000Z",
      "2026-01-01T01:00:00.000Z",
      "2026-01-01T02:00:00.000Z",
    ]);
  });

  it("are the site's days", () => {
    const items = [item({ at: "2026-01-01T16:00:00.000Z" })];
    const from = Date.parse("2026-01-01T00:00:00Z");
    expect(stepsOf(items, from, from + 86_400_000, 86_400_000)).toEqual([
      "2025-12-31T16:00:00.000Z",
      "2026-01-01T16:00:00.000Z",
    ]);
  });
});
