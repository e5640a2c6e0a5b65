// Two small dictionaries; the compiler refuses a key that either of them lacks.

import { createContext, useContext } from "react";
import type { Language } from "../api/types";
import * as assets from "./assets";
import * as common from "./common";
import * as desk from "./desk";
import * as kinds from "./kinds";
import { actionInChinese, keyInChinese, labelInChinese, saidInChinese, spaced } from "./said";
import * as onvif from "./onvif";
import * as publish from "./publish";
import * as rules from "./rules";
import * as sheets from "./sheets";
import * as statistics from "./statistics";
import * as wall from "./wall";

const en = {
  ...kinds.en,
  ...common.en,
  ...wall.en,
  ...assets.en,
  ...desk.en,
  ...onvif.en,
  ...publish.en,
  ...sheets.en,
  ...rules.en,
  ...statistics.en,
};
export type Key = keyof typeof en;
const zh: Record<Key, string> = {
  ...kinds.zh,
  ...common.zh,
  ...wall.zh,
  ...assets.zh,
  ...desk.zh,
  ...onvif.zh,
  ...publish.zh,
  ...sheets.zh,
  ...rules.zh,
  ...statistics.zh,
};

export const DICTIONARIES: Record<Language, Record<Key, string>> = { en, "zh-CN": zh };
export const LANGUAGES: { value: Language; label: string }[] = [
  { value: "en", label: "English" },
  { value: "zh-CN", label: "简体中文" },
];

export type Values = Record<string, string | number>;

export class Words {
  readonly language: Language;
  private readonly dictionary: Record<Key, string>;

  constructor(language: Language) {
    this.language = language;
    this.dictionary = DICTIONARIES[language];
  }

  readonly t = (key: Key, values?: Values): string => fill(this.dictionary[key], values);

  /** Words for what the API named, such as `kind.intrusion`; an unknown one is shown as it came. */
  readonly say = (prefix: string, word: string | number | null | undefined): string => {
    if (word === null || word === undefined || word === "") return "–";
    return (this.dictionary as Record<string, string>)[`${prefix}.${word}`] ?? spaced(String(word));
  };

  /** A short sentence of the server's, such as why an event joined an incident. */
  readonly said = (text: string | null | undefined): string => {
    if (!text) return "";
    return this.language === "en" ? text : saidInChinese(text, this);
  };

  /** What a detector calls a thing. */
  readonly label = (label: string): string => (this.language === "en" ? label : labelInChinese(label));

  /** A key of a small document, such as a part's detail. */
  readonly key = (key: string): string => (this.language === "en" ? spaced(key) : keyInChinese(key));

  /** What the audit says somebody did. */
  readonly action = (action: string): string => (this.language === "en" ? action : actionInChinese(action));
}

export function fill(text: string, values?: Values): string {
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

const KEPT = "alertwall.language";

export function firstLanguage(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "zh-CN") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

export function keepLanguage(language: Language): void {
  localStorage.setItem(KEPT, language);
  document.documentElement.lang = language;
}

export const WordsContext = createContext<Words>(new Words("en"));

export function useWords(): Words {
  return useContext(WordsContext);
}
