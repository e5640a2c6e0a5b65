// Small pieces that every page uses.

import type { ReactNode } from "react";
import { ApiError, Unreachable } from "../api/client";
import type { Priority } from "../api/types";
import { useWords, type Words } from "../i18n";
import { useNow } from "../live/hooks";
import { age, moment } from "./time";

/** Priority is a number in a shape; the colour only repeats it. */
export function PriorityMark({ priority, size = 26 }: { priority: Priority; size?: number }) {
  const words = useWords();
  const label = words.t("incident.priority", { priority, word: words.say("priority", priority) });
  return (
    <svg className="priority" data-priority={priority} width={size} height={size} viewBox="0 0 26 26" role="img">
      <title>{label}</title>
      {SHAPES[priority]}
      <text x="13" y="18.2" textAnchor="middle" fontSize="14.5" fontWeight="700">
        {priority}
      </text>
    </svg>
  );
}

const SHAPES: Record<Priority, ReactNode> = {
  1: <polygon points="8,1 18,1 25,8 25,18 18,25 8,25 1,18 1,8" />,
  2: <polygon points="13,0.5 25.5,13 13,25.5 0.5,13" />,
  3: <rect x="3" y="3" width="20" height="20" rx="3" />,
  4: <circle cx="13" cy="13" r="10.5" />,
};

export function Age({ since }: { since: string | null }) {
  const words = useWords();
  const now = useNow();
  if (!since) return <>{words.t("common.never")}</>;
  return <time dateTime={since}>{age(now - Date.parse(since), words)}</time>;
}

export type Tone = "good" | "warn" | "bad" | "none";

export function State({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className="state" data-tone={tone}>
      {children}
    </span>
  );
}

/** Say what went wrong so that a person knows what to do next. */
export function errorText(error: unknown, words: Words): string {
  if (error instanceof Unreachable) return words.t("common.unreachable");
  if (!(error instanceof ApiError)) return words.t("common.failed", { detail: String(error) });
  if (error.status === 412 || error.status === 428) return words.t("common.conflict");
  if (error.status === 404) return words.t("common.not_found");
  const fields = error.problem.errors?.map((one) => fieldText(one.pointer, words.said(one.detail), words)) ?? [];
  if (fields.length > 0) return words.t("common.failed", { detail: fields.join("; ") });
  if (error.status === 403) return words.t("common.forbidden");
  return words.t("common.failed", { detail: words.said(error.message) });
}

/** By the last word of a pointer, as the form calls it: "/source/host" is "host"; "/" is all that was sent. */
function fieldText(pointer: string, detail: string, words: Words): string {
  const name = pointer.split("/").pop();
  return name ? `${words.key(name)}: ${detail}` : detail;
}

export function ErrorText({ error }: { error: unknown }) {
  const words = useWords();
  if (!error) return null;
  return (
    <p className="error" role="alert">
      {errorText(error, words)}
    </p>
  );
}

export function Facts({ items }: { items: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {items.map(([term, value]) => (
        <div key={term} style={{ display: "contents" }}>
          <dt>{term}</dt>
          <dd>{value ?? "–"}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Moment({ at }: { at: string | null | undefined }) {
  return at ? <time dateTime={at}>{moment(at)}</time> : <>–</>;
}

export function position(item: { lat?: number | null; lon?: number | null }): string {
  if (item.lat === null || item.lat === undefined || item.lon === null || item.lon === undefined) return "–";
  return `${item.lat.toFixed(5)}, ${item.lon.toFixed(5)}`;
}

export function linkTone(state: string | undefined): Tone {
  if (state === "streaming") return "good";
  if (state === "degraded" || state === "connecting" || state === "probing") return "warn";
  if (state === undefined || state === "idle" || state === "disabled") return "none";
  return "bad";
}

export function connTone(conn: string | undefined, silent: boolean): Tone {
  if (silent || conn === "offline") return "bad";
  if (conn === "online") return "good";
  return conn === "sleeping" ? "warn" : "none";
}
