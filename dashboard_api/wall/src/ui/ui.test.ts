import { describe, expect, it } from "vitest";
import { Words } from "../i18n";
import { qr, remainder } from "./qr";
import { merged } from "./useForm";
import { age, clock, moment, toLocalInput } from "./time";

const en = new Words("en");
const zh = new Words("zh-CN");

describe("ages", () => {
  it("show two units at most", () => {
    expect(age(0, en)).toBe("0s");
    expect(age(59_999, en)).toBe("59s");
    expect(age(60_000, en)).toBe("1m 00s");
    expect(age(3_725_000, en)).toBe("1h 02m");
    expect(age(90_000_000, en)).toBe("1d 01h");
  });
  it("are never negative", () => {
    expect(age(-4_000, en)).toBe("0s");
  });
  it("speak Chinese", () => {
    expect(age(192_000, zh)).toBe("3分12秒");
  });
});

describe("times", () => {
  const at = new Date(2026, 2, 9, 21, 4, 7);
  it("are the clock alone today, and the day as well otherwise", () => {
    expect(moment(at, at.getTime() + 60_000)).toBe("21:04:07");
    expect(moment(at, at.getTime() + 86_400_000)).toBe("2026-03-09 21:04:07");
    expect(moment(null)).toBe("–");
  });
  it("fit a form's input and come back the same", () => {
    expect(Date.parse(toLocalInput(at.getTime()))).toBe(at.getTime());
    expect(clock(at)).toBe("21:04:07");
  });
});

describe("QR codes", () => {
  it("have the check words of the standard's example", () => {
    const data = [0x10, 0x20, 0x0c, 0x56, 0x61, 0x80, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11];
    expect(remainder(data, 10)).toEqual([0xa5, 0x24, 0xd4, 0xc1, 0xed, 0x36, 0xc7, 0x87, 0x2c, 0x55]);
  });
  it("grow with the text and refuse what does not fit", () => {
    expect(qr("short")!.length).toBe(21);
    expect(qr("x".repeat(60))!.length).toBe(33);
    expect(qr("x".repeat(400))).toBeNull();
  });
});

describe("a form that somebody overtook", () => {
  it("keeps what was typed here and takes the rest as it came", () => {
    const base = { name: "Gate", place: "", cameras: ["a"], port: 554 };
    const mine = { name: "East gate", place: "", cameras: ["a"], port: 554 };
    const fresh = { name: "Gate 2", place: "Corner", cameras: ["a", "b"], port: 8554 };
    expect(merged(base, mine, fresh)).toEqual({ name: "East gate", place: "Corner", cameras: ["a", "b"], port: 8554 });
  });
});
