import { describe, expect, it } from "vitest";
import type { RuleKindItem, RuleParam } from "../api/types";
import { ApiError } from "../api/client";
import { Words } from "../i18n";
import { bodyOf, draftOf, numbersOf, paramsOf, valueOf } from "./form";
import { along, crossings, enoughPoints, fan, headingTo, inside, mostPoints, nextPoint, type Point, turned } from "./geometry";
import {
  barsOf,
  DAYS,
  daysText,
  hourOf,
  momentString,
  momentText,
  parseMoment,
  PRESETS,
  presetOf,
  scheduleText,
  windowText,
} from "./schedule";
import { numbersText, paramName, unitOf, whatCounts } from "./text";

const en = new Words("en");
const zh = new Words("zh-CN");
const WIDE = 16 / 9;

const dwell: RuleParam = { name: "dwell_s", default: 30, least: 1, most: 86400, unit: "s", text: "", per_label: true };
const grace: RuleParam = { name: "grace_s", default: 2, least: 0, most: 60, unit: "s", text: "", per_label: false };
const loitering: RuleKindItem = { kind: "loitering", shape: "polygon", params: [dwell, grace], labels: [] };
const tamper: RuleKindItem = { kind: "tamper", shape: "picture", params: [], labels: ["covered", "moved"] };
const line: RuleKindItem = { kind: "line_crossing", shape: "line", params: [], labels: [] };

describe("points", () => {
  it("stay inside the picture", () => {
    expect(inside([-0.2, 1.4])).toEqual([0, 1]);
    expect(inside([0.123456, 0.5])).toEqual([0.123, 0.5]);
  });

  it("come one after the other by keyboard, each one another place", () => {
    const points: Point[] = [];
    for (let count = 0; count < 6; count += 1) points.push(nextPoint(points));
    expect(points.slice(0, 4)).toEqual([[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]]);
    expect(points[4]).toEqual([0.3, 0.5]);
    expect(new Set(points.map(String)).size).toBe(6);
  });

  it("are as many as the shape takes", () => {
    expect([mostPoints("quad"), enoughPoints("quad")]).toEqual([4, 4]);
    expect([mostPoints("line"), enoughPoints("line")]).toEqual([2, 2]);
    expect([mostPoints("picture"), enoughPoints("picture")]).toEqual([0, 0]);
    expect(enoughPoints("polygon")).toBe(3);
  });
});

describe("headings", () => {
  it("are as they look: 0 is right, 90 down", () => {
    expect(headingTo([0.5, 0.5], [0.9, 0.5], WIDE)).toBe(0);
    expect(headingTo([0.5, 0.5], [0.5, 0.9], WIDE)).toBe(90);
    expect(headingTo([0.5, 0.5], [0.1, 0.5], WIDE)).toBe(180);
    expect(headingTo([0.5, 0.5], [0.5, 0.1], WIDE)).toBe(270);
  });

  it("measure what is seen, not what is stored", () => {
    expect(headingTo([0, 0], [0.9, 1.6], WIDE)).toBe(45);
  });

  it("turn around the circle both ways", () => {
    expect(turned(355, 10)).toBe(5);
    expect(turned(0, -5)).toBe(355);
  });

  it("lead back to the same degrees", () => {
    for (let deg = 0; deg < 360; deg += 15) expect(headingTo([0.5, 0.5], along([0.5, 0.5], deg, 0.3, WIDE), WIDE)).toBe(deg);
  });

  it("fan out by the tolerance, the long way round past 90", () => {
    expect(fan([0.5, 0.5], 0, 90, 0.2, 1)).toBe("M 0.5 0.5 L 0.5 0.3 A 0.2 0.2 0 0 1 0.5 0.7 Z");
    expect(fan([0.5, 0.5], 0, 120, 0.2, 1)).toContain("A 0.2 0.2 0 1 1");
  });
});

describe("arrows of a line", () => {
  const down: Point[] = [[0.5, 0.2], [0.5, 0.8]];
  it("show the ways that count: looking down the picture, left to right goes to its left", () => {
    const [only, ...more] = crossings(down, "left_to_right", WIDE);
    expect(more).toEqual([]);
    expect(only!.to[0]).toBeLessThan(0.5);
    expect(crossings(down, "right_to_left", WIDE)[0]!.to[0]).toBeGreaterThan(0.5);
  });
  it("are two for both ways and none before there are two ends", () => {
    expect(crossings(down, "both", WIDE)).toHaveLength(2);
    expect(crossings(down.slice(0, 1), "both", WIDE)).toEqual([]);
  });
});

describe("moments", () => {
  it("are a time, or so long before or after the sun's", () => {
    expect(parseMoment("22:30")).toEqual({ anchor: "time", clock: "22:30", offset_min: 0 });
    expect(parseMoment("sunset-00:30")).toEqual({ anchor: "sunset", clock: "", offset_min: -30 });
    expect(parseMoment("sunrise+01:15")).toEqual({ anchor: "sunrise", clock: "", offset_min: 75 });
  });

  it("come back the same, and a hasty time is put in order", () => {
    for (const text of ["22:30", "24:00", "sunset", "sunset-00:30", "sunrise+05:59"]) {
      expect(momentString(parseMoment(text))).toBe(text);
    }
    expect(momentString({ anchor: "time", clock: "9:30", offset_min: 0 })).toBe("09:30");
    expect(momentString({ anchor: "time", clock: "at noon", offset_min: 0 })).toBe("at noon");
  });

  it("are said as people say them", () => {
    expect(momentText("sunset-00:30", en)).toBe("30 min before sunset");
    expect(momentText("sunset-00:30", zh)).toBe("日落前 30 分钟");
    expect(momentText("sunrise", en)).toBe("sunrise");
  });

  it("are hours for the week's bars", () => {
    expect(hourOf("22:30")).toBe(22.5);
    expect(hourOf("sunset-01:00")).toBe(17);
    expect(hourOf("25:00")).toBeNull();
    expect(hourOf("soon")).toBeNull();
  });
});

describe("schedules in words", () => {
  it("join days that follow one another", () => {
    expect(daysText(["mon", "tue", "wed", "thu", "fri"], en)).toBe("Mon–Fri");
    expect(daysText(["sat", "sun"], en)).toBe("Sat, Sun");
    expect(daysText(["mon", "wed", "thu", "fri", "holiday"], en)).toBe("Mon, Wed–Fri, holidays");
    expect(daysText([...DAYS], zh)).toBe("每天");
  });

  it("say when a rule is in force", () => {
    expect(scheduleText([], en)).toBe("always");
    expect(scheduleText(PRESETS.nights, en)).toBe("every day 22:00–06:00");
    expect(scheduleText(PRESETS.dark, zh)).toBe("每天 日落 至 日出");
    expect(windowText({ days: ["sat"], start: "00:00", end: "24:00" }, en)).toBe("Sat, all day");
    const two = [...PRESETS.working, { days: ["holiday"], start: "sunset", end: "24:00" }];
    expect(scheduleText(two, en)).toBe("Mon–Fri 08:00–18:00; holidays sunset–24:00");
  });

  it("are known as the preset they are", () => {
    expect(presetOf([])).toBe("always");
    expect(presetOf([{ days: [...DAYS], start: "22:00", end: "06:00" }])).toBe("nights");
    expect(presetOf([{ days: ["mon"], start: "22:00", end: "06:00" }])).toBeNull();
  });
});

describe("the week", () => {
  it("goes on past midnight in the next day's row", () => {
    const night = [{ days: ["sun"], start: "22:00", end: "06:00" }];
    expect(barsOf(night, "sun")).toEqual([{ from_h: 22, to_h: 24, sun: false }]);
    expect(barsOf(night, "mon")).toEqual([{ from_h: 0, to_h: 6, sun: false }]);
    expect(barsOf(night, "tue")).toEqual([]);
  });

  it("is full without a window, and a holiday is as its weekday until it has its own", () => {
    expect(barsOf([], "holiday")).toEqual([{ from_h: 0, to_h: 24, sun: false }]);
    expect(barsOf(PRESETS.working, "holiday")).toBeNull();
    expect(barsOf([{ days: ["holiday"], start: "sunset", end: "24:00" }], "holiday")).toEqual([
      { from_h: 18, to_h: 24, sun: true },
    ]);
  });
});

describe("a rule's form", () => {
  it("is told apart by class and comes back as it came", () => {
    const params = { dwell_s: 20, "dwell_s.car": 60, grace_s: 3 };
    const numbers = numbersOf(params, loitering.params);
    expect(numbers.own.dwell_s).toEqual([{ label: "car", value: "60" }]);
    expect(paramsOf(numbers)).toEqual(params);
  });

  it("leaves out what was left empty", () => {
    const numbers = { all: { dwell_s: "", grace_s: "0" }, own: { dwell_s: [{ label: "", value: "9" }, { label: "car", value: "" }] } };
    expect(paramsOf(numbers)).toEqual({ grace_s: 0 });
    expect(valueOf(numbers, loitering.params, "dwell_s")).toBe(30);
    expect(valueOf(numbers, loitering.params, "grace_s")).toBe(0);
  });

  it("starts with people, and with nothing for a camera's faults", () => {
    expect(draftOf({}, loitering).labels).toEqual(["person"]);
    expect(draftOf({}, tamper).labels).toEqual([]);
  });

  it("sends no points for a whole picture and a direction for lines alone", () => {
    const draft = { ...draftOf({}, tamper), points: [[0.1, 0.1]] as Point[], direction: "left_to_right" as const };
    expect(bodyOf(draft, tamper)).toMatchObject({ kind: "tamper", points: [], direction: "both" });
    expect(bodyOf(draft, line)).toMatchObject({ points: [[0.1, 0.1]], direction: "left_to_right" });
  });

  it("finds the server's word at its own field alone", () => {
    const errors = [
      { pointer: "/params/dwell_s/car", detail: "1 to 86400 s, has 0" },
      { pointer: "/schedule/0/start", detail: "HH:MM" },
    ];
    const refused = new ApiError({ status: 422, errors });
    expect(refused.at("params.dwell_s.car")).toBe("1 to 86400 s, has 0");
    expect(refused.at("params.dwell_s")).toBeUndefined();
    expect(refused.at("schedule.0.start")).toBe("HH:MM");
    expect(refused.at("schedule.1.start")).toBeUndefined();
  });
});

describe("a rule in few words", () => {
  it("names what counts", () => {
    expect(whatCounts({ kind: "loitering", labels: [] }, en)).toBe("anything");
    expect(whatCounts({ kind: "tamper", labels: [] }, zh)).toBe("所有故障");
    expect(whatCounts({ kind: "tamper", labels: ["moved"] }, en)).toBe("Turned away");
  });

  it("says its numbers with their units, and each class that has its own", () => {
    expect(numbersText({ params: { dwell_s: 20, "dwell_s.car": 60 } }, loitering.params, en)).toBe(
      "Time inside 20 s (car 60 s) · May be away 2 s",
    );
    expect(paramName("dwell_s.car", zh)).toBe("停留时间 (轿车)");
    expect(["limit_kmh.car", "kmh", "heading_deg", "count_min"].map(unitOf)).toEqual(["km/h", "km/h", "deg", ""]);
  });
});

describe("what the server says of rules", () => {
  it("is in Chinese", () => {
    expect(zh.said("person stayed in 'Yard' (version 2) for 20 s, score 0.61")).toBe("人在“Yard”（第 2 版）停留 20 秒，得分 0.61");
    expect(zh.said("car was faster in 'Lane' (version 1) than 30 km/h")).toBe("轿车在“Lane”（第 1 版）超过 30 公里/时");
    expect(zh.said("10 or more were in 'Square' (version 1) for 5 s")).toBe("“Square”（第 1 版）内有 10 个以上目标，持续 5 秒");
    expect(zh.said("the picture was covered for 3 s, says 'Eye' (version 1)")).toBe("“Eye”（第 1 版）：画面被遮挡 3 秒");
    expect(zh.said("1 to 86400 s, has 0")).toBe("应为 1 至 86400 秒，现为 0");
    expect(zh.said("Judged again over 27 looks over 20.2 s: the same verdict at the same look.")).toBe(
      "按 20.2 秒内的 27 次观察重新判定：在同一次观察得出相同结论。",
    );
    expect(zh.said("3 points, has 2")).toBe("应有 3 个点，现有 2 个");
    expect(zh.said("Inside for so long is loitering.")).toBe("停留达到此时间即为徘徊。");
  });
});
