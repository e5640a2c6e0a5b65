// Small documents of the server's in one line, and the label of an event as its source meant it.

import type { EventItem } from "../api/types";
import type { Words } from "../i18n";
import { moment } from "./time";

const DIGEST = /^[0-9a-f]{40,}$/;
const DIGEST_SHOWN = 12;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

/** "cameras 2 · broker (kind mosquitto · durable ✓)". */
export function detailText(detail: unknown, words: Words): string {
  if (detail === null || detail === undefined || detail === "") return "";
  if (typeof detail === "boolean") return detail ? "✓" : "✗";
  if (typeof detail === "number") return String(Math.round(detail * 100) / 100);
  if (Array.isArray(detail)) return detail.map((one) => detailText(one, words)).join(", ");
  if (typeof detail !== "object") return plain(String(detail), words);
  return Object.entries(detail)
    .map(([key, value]) => {
      const text = key === "kind" && typeof value === "string" ? words.say("kind", value) : detailText(value, words);
      if (text === "") return "";
      return typeof value === "object" ? `${words.key(key)} (${text})` : `${words.key(key)} ${text}`;
    })
    .filter(Boolean)
    .join(" · ");
}

function plain(text: string, words: Words): string {
  if (DIGEST.test(text)) return `${text.slice(0, DIGEST_SHOWN)}…`;
  return TIME.test(text) ? moment(text) : words.said(text);
}

/** "camera:gate" as "camera gate", in the reader's words. */
export function objectText(object: string, words: Words): string {
  const at = object.indexOf(":");
  return at < 0 || object.startsWith("//", at + 1) ? object : `${words.key(object.slice(0, at))} ${object.slice(at + 1)}`;
}

type Labelled = Pick<EventItem, "kind" | "label"> & Partial<Pick<EventItem, "score" | "source_kind">>;

const SEEN = new Set([
  "intrusion",
  "line_crossing",
  "loitering",
  "wrong_way",
  "speeding",
  "crowd",
  "left_object",
  "removed_object",
]);

const FAULT = /^(covered|defocused|moved|frozen|black)$/;

/** What was seen and how surely; a unit's label only repeats its kind. */
export function labelOf(event: Labelled, words: Words): string {
  if (!event.label || event.source_kind === "unit") return "";
  if (event.kind === "camera_tamper" && FAULT.test(event.label)) return words.say("fault", event.label);
  if (!SEEN.has(event.kind)) return event.kind.startsWith("camera_") ? words.said(event.label) : "";
  const name = words.label(event.label);
  return typeof event.score === "number" ? `${name} ${Math.round(event.score * 100)}%` : name;
}
