import { describe, expect, it } from "vitest";
import { DICTIONARIES, fill, type Key, Words } from ".";

const keys = Object.keys(DICTIONARIES.en) as Key[];

describe("the dictionaries", () => {
  it("have the same keys", () => {
    expect(Object.keys(DICTIONARIES["zh-CN"]).sort()).toEqual([...keys].sort());
  });

  it("leave nothing empty", () => {
    for (const dictionary of Object.values(DICTIONARIES)) {
      for (const text of Object.values(dictionary)) expect(text.trim()).not.toBe("");
    }
  });

  it("name the same values in both languages", () => {
    const names = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).sort();
    for (const key of keys) expect(names(DICTIONARIES["zh-CN"][key]), key).toEqual(names(DICTIONARIES.en[key]));
  });

  it("are really in Chinese, except for names", () => {
    const same = keys.filter((key) => DICTIONARIES.en[key] === DICTIONARIES["zh-CN"][key]);
    expect(same).toEqual([
      "source.system",
      "app.name",
      "media.by_webrtc",
      "engine.plain",
      "engine.timescale",
    ]);
  });
});

describe("words", () => {
  it("fill in values and leave unknown names as they are", () => {
    expect(fill("{count} of {total}", { count: 3 })).toBe("3 of {total}");
  });

  it("say a word the API may use one day, rather than nothing", () => {
    const words = new Words("en");
    expect(words.say("kind", "intrusion")).toBe("Intrusion");
    expect(words.say("kind", "smoke_seen")).toBe("smoke seen");
    expect(words.say("kind", null)).toBe("–");
  });
});
