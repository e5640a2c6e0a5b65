import { describe, expect, it } from "vitest";
import type { Assignment, Incident } from "../api/types";
import { stepsOf } from "./Assignments";
import { isFiltered, matches, neighbour, NO_FILTERS, sorted, windowOf } from "./filters";

function incident(id: number, change: Partial<Incident> = {}): Incident {
  return {
    id,
    priority: 2,
    state: "new",
    kind: "burglary",
    area: "city.east.park",
    owner: null,
    opened_at: `2026-01-01T00:00:${String(id).padStart(2, "0")}Z`,
    ...change,
  } as Incident;
}
const text = (item: Incident): string => `${item.id} ${item.kind} Garden Street`;

describe("filters", () => {
  it("show what is open, and closed only when asked", () => {
    const closed = incident(1, { state: "closed" });
    expect(matches(closed, NO_FILTERS, "li", text)).toBe(false);
    expect(matches(closed, { ...NO_FILTERS, state: "closed" }, "li", text)).toBe(true);
  });
  it("take an area with all that lies inside it, by whole words", () => {
    const of = (area: string): boolean => matches(incident(1), { ...NO_FILTERS, area }, "li", text);
    expect(of("city.east")).toBe(true);
    expect(of("city.east.park")).toBe(true);
    expect(of("city.ea")).toBe(false);
  });
  it("find every word of the text, in any order", () => {
    const of = (words: string): boolean => matches(incident(1), { ...NO_FILTERS, text: words }, "li", text);
    expect(of("street burg")).toBe(true);
    expect(of("street fire")).toBe(false);
  });
  it("know mine, kinds and priorities", () => {
    const mine = incident(1, { owner: "li", state: "claimed" });
    expect(matches(mine, { ...NO_FILTERS, mine: true }, "li", text)).toBe(true);
    expect(matches(mine, { ...NO_FILTERS, mine: true }, "wu", text)).toBe(false);
    expect(matches(mine, { ...NO_FILTERS, priorities: [1] }, "li", text)).toBe(false);
    expect(matches(mine, { ...NO_FILTERS, kind: "fire" }, "li", text)).toBe(false);
    expect(isFiltered(NO_FILTERS)).toBe(false);
    expect(isFiltered({ ...NO_FILTERS, mine: true })).toBe(true);
  });
});

describe("the order", () => {
  it("is priority first, whatever the age", () => {
    const list = [incident(1, { priority: 3 }), incident(2), incident(3, { priority: 1 }), incident(4)];
    expect(sorted(list, "newest").map((one) => one.id)).toEqual([3, 4, 2, 1]);
    expect(sorted(list, "oldest").map((one) => one.id)).toEqual([3, 2, 4, 1]);
  });
});

describe("the list", () => {
  it("draws only what can be seen", () => {
    expect(windowOf(2_000, 56, 0, 900, 6)).toEqual({ first: 0, last: 23 });
    expect(windowOf(2_000, 56, 56_000, 900, 6)).toEqual({ first: 994, last: 1_023 });
    expect(windowOf(3, 56, 0, 900)).toEqual({ first: 0, last: 3 });
  });
  it("puts the selection on the row that took the place of the one that left", () => {
    expect(neighbour([5, 6, 7], 6, 1)).toBe(6);
    expect(neighbour([5, 7], 6, 1)).toBe(7);
    expect(neighbour([5], 6, 1)).toBe(5);
    expect(neighbour([], 6, 1)).toBeNull();
  });
});

describe("an errand's steps", () => {
  const errand = { queued_at: "a", delivered_at: "b", answered_at: "c", on_scene_at: null, ended_at: null } as Assignment;
  it("run from sent to clear", () => {
    expect(stepsOf({ ...errand, state: "accepted" }).map((step) => step.state)).toEqual([
      "queued",
      "delivered",
      "accepted",
      "on_scene",
      "clear",
    ]);
  });
  it("end early when refused or unanswered", () => {
    expect(stepsOf({ ...errand, state: "declined" })[2]).toEqual({ state: "declined", at: "c" });
    expect(stepsOf({ ...errand, state: "timed_out" })).toHaveLength(3);
  });
});
