// A rule in few words, for lists and for why an event fired.

import type { Rule, RuleParam } from "../api/types";
import type { Words } from "../i18n";

/** "person, car", "anything", "covered, moved". */
export function whatCounts(rule: Pick<Rule, "kind" | "labels">, words: Words): string {
  const comma = words.t("schedule.comma");
  if (rule.kind === "tamper") {
    return rule.labels.map((fault) => words.say("fault", fault)).join(comma) || words.t("rules.all_faults");
  }
  return rule.labels.map(words.label).join(comma) || words.t("rules.any");
}

export function quantity(value: number, unit: string, words: Words): string {
  const number = String(Math.round(value * 1000) / 1000);
  const gap = unit === "deg" && words.language === "en" ? "" : " ";
  return unit === "" ? number : `${number}${gap}${words.say("units", unit)}`;
}

const SHOWN_IN_LISTS = 2;

/** The first numbers of a kind as they hold, and each class that has its own: "Time inside 30 s (car 60 s)". */
export function numbersText(rule: Pick<Rule, "params">, known: readonly RuleParam[], words: Words): string {
  return known
    .filter(({ name, per_label }, at) => at < SHOWN_IN_LISTS || per_label || name in rule.params)
    .map(({ name, default: usual, unit }) => {
      const own = Object.entries(rule.params)
        .filter(([key]) => key.startsWith(`${name}.`))
        .map(([key, value]) => `${words.label(key.slice(name.length + 1))} ${quantity(value, unit, words)}`);
      const all = `${words.say("param", name)} ${quantity(rule.params[name] ?? usual, unit, words)}`;
      return own.length > 0 ? `${all} (${own.join(words.t("schedule.comma"))})` : all;
    })
    .join(" · ");
}

/** The unit that a number's name ends with, as the API writes them. */
export function unitOf(name: string): string {
  const found = /(?:^|_)(s|m|deg|kmh)(?:\.|$)/.exec(name)?.[1] ?? "";
  return found === "kmh" ? "km/h" : found;
}

/** "Time inside" for `dwell_s`, "Time inside, car" for `dwell_s.car`. */
export function paramName(name: string, words: Words): string {
  const [base = "", label] = name.split(".");
  const said = words.say("param", base);
  return label ? `${said} (${words.label(label)})` : said;
}
