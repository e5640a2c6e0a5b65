import { describe, expect, it } from "vitest";
import { atEdge, type BufferLike, HURRY_RATE, MAX_PENDING_BYTES, Pump } from "./pump";
import { retryMs } from "./stream";

class FakeBuffer implements BufferLike {
  updating = false;
  ranges: [number, number][] = [];
  appended: number[] = [];
  removed: [number, number][] = [];
  full = false;
  readonly buffered: BufferLike["buffered"];
  constructor() {
    const ranges = (): [number, number][] => this.ranges;
    this.buffered = {
      get length() {
        return ranges().length;
      },
      start: (index) => ranges()[index]![0],
      end: (index) => ranges()[index]![1],
    };
  }
  appendBuffer(data: ArrayBuffer): void {
    if (this.full) throw Object.assign(new Error("full"), { name: "QuotaExceededError" });
    this.appended.push(data.byteLength);
    this.updating = true;
  }
  remove(start: number, end: number): void {
    this.removed.push([start, end]);
    this.updating = true;
  }
}

function pumped(): { buffer: FakeBuffer; video: { currentTime: number; playbackRate: number }; pump: Pump; lost: () => number } {
  const buffer = new FakeBuffer();
  const video = { currentTime: 0, playbackRate: 1 };
  let overflows = 0;
  const pump = new Pump(buffer, video, () => {
    overflows += 1;
  });
  return { buffer, video, pump, lost: () => overflows };
}

describe("the edge", () => {
  it("jumps when more than 1.5 s behind", () => {
    expect(atEdge(0, 10, 8.4)).toEqual({ act: "jump", to: 9.7 });
  });
  it("hurries when a little behind", () => {
    expect(atEdge(0, 10, 9)).toEqual({ act: "hurry" });
  });
  it("is steady near it", () => {
    expect(atEdge(0, 10, 9.6)).toEqual({ act: "steady" });
  });
  it("jumps into what is buffered when it stands before or after it", () => {
    expect(atEdge(100, 100.1, 0)).toEqual({ act: "jump", to: 100 });
    expect(atEdge(0, 10, 14)).toEqual({ act: "jump", to: 9.7 });
  });
});

describe("the pump", () => {
  it("appends one thing at a time and joins what waited", () => {
    const { buffer, pump } = pumped();
    pump.push(new ArrayBuffer(10));
    pump.push(new ArrayBuffer(20));
    pump.push(new ArrayBuffer(30));
    expect(buffer.appended).toEqual([10]);
    buffer.updating = false;
    pump.turn();
    expect(buffer.appended).toEqual([10, 50]);
  });

  it("trims the past before it appends more", () => {
    const { buffer, video, pump } = pumped();
    buffer.ranges = [[0, 30]];
    video.currentTime = 29.5;
    pump.push(new ArrayBuffer(10));
    expect(buffer.removed).toEqual([[0, 19.5]]);
    buffer.updating = false;
    buffer.ranges = [[19.5, 30]];
    pump.turn();
    expect(buffer.appended).toEqual([10]);
  });

  it("plays faster to catch up and at its own speed when it has", () => {
    const { buffer, video, pump } = pumped();
    buffer.ranges = [[0, 10]];
    video.currentTime = 9;
    pump.turn();
    expect(video.playbackRate).toBe(HURRY_RATE);
    video.currentTime = 9.6;
    pump.turn();
    expect(video.playbackRate).toBe(1);
  });

  it("gives up once when the browser cannot keep pace, rather than dropping pieces of a GOP", () => {
    const { buffer, pump, lost } = pumped();
    buffer.updating = true;
    pump.push(new ArrayBuffer(MAX_PENDING_BYTES));
    pump.push(new ArrayBuffer(1));
    pump.push(new ArrayBuffer(1));
    expect(lost()).toBe(1);
  });

  it("makes room when the buffer is full, and keeps what it could not append", () => {
    const { buffer, video, pump, lost } = pumped();
    buffer.ranges = [[0, 15]];
    video.currentTime = 14.8;
    buffer.full = true;
    pump.push(new ArrayBuffer(10));
    expect(buffer.removed[0]![0]).toBe(0);
    buffer.full = false;
    buffer.updating = false;
    buffer.ranges = [[9.8, 15]];
    pump.turn();
    expect(buffer.appended).toEqual([10]);
    expect(lost()).toBe(0);
  });

  it("waits longer after each failure, up to a limit", () => {
    expect(retryMs(0, 1)).toBe(1_000);
    expect(retryMs(2, 0)).toBe(2_000);
    expect(retryMs(30, 1)).toBe(15_000);
  });
});
