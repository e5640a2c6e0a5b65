import { describe, expect, it } from "vitest";
import { nearest, pan, SHORTEST_MS, step, ticks, timeAt, xOf, zoom } from "./scale";

const whole = { fromMs: 0, toMs: 3_600_000 };

describe("the timeline's scale", () => {
  it("turns times into pixels and back", () => {
    expect(xOf(whole, 1_000, 1_800_000)).toBe(500);
    expect(timeAt(whole, 1_000, 500)).toBe(1_800_000);
  });
  it("zooms about the pointer, which stays where it is", () => {
    const about = 900_000;
    const near = zoom(whole, whole, about, 0.5);
    expect(near.toMs - near.fromMs).toBe(1_800_000);
    expect(xOf(near, 1_000, about)).toBeCloseTo(xOf(whole, 1_000, about));
  });
  it("never leaves the range that was loaded, nor goes below ten seconds", () => {
    expect(zoom(whole, whole, 10, 5)).toEqual(whole);
    const least = zoom(whole, whole, 0, 1e-9);
    expect(least.toMs - least.fromMs).toBe(SHORTEST_MS);
    expect(pan({ fromMs: 0, toMs: 1_000_000 }, whole, -5_000)).toEqual({ fromMs: 0, toMs: 1_000_000 });
    expect(pan({ fromMs: 0, toMs: 1_000_000 }, whole, 9e9).toMs).toBe(whole.toMs);
  });
  it("marks round times of the reader's clock", () => {
    const marks = ticks(whole, 1_000, -480);
    expect(marks).toContain(1_800_000);
    expect(marks.every((at) => at % 600_000 === 0)).toBe(true);
    const day = ticks({ fromMs: 0, toMs: 86_400_000 * 3 }, 500, -480);
    expect((day[0]! + 480 * 60_000) % 86_400_000).toBe(0);
  });
  it("finds the event under the pointer and the next one", () => {
    const items = [{ time: "1970-01-01T00:00:10Z" }, { time: "1970-01-01T00:00:30Z" }];
    expect(nearest(items, 12_000, 3_000)).toBe(items[0]);
    expect(nearest(items, 20_000, 3_000)).toBeNull();
    expect(step(items, 10_000, true)).toBe(items[1]);
    expect(step(items, 10_000, false)).toBeNull();
  });
});
