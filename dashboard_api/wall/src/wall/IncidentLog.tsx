import { useEffect, useRef } from "react";
import type { Entry, EventItem, IncidentDetail } from "../api/types";
import { useWords, type Words } from "../i18n";
import { useLive } from "../live/hooks";
import type { Live } from "../live/state";
import { PriorityMark } from "../ui/bits";
import { labelOf } from "../ui/detail";
import { clock, moment } from "../ui/time";
import { sourceName } from "./names";

interface Props {
  detail: IncidentDetail;
  onEvent: (id: string) => void;
}

/** What happened, oldest first: events, people and patrols in one line of time. */
export function IncidentLog({ detail, onEvent }: Props) {
  const words = useWords();
  const live = useLive();
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    // what came last is what counts; older lines are a scroll away
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [detail.entries.length]);
  const events = new Map(detail.events.map((event) => [event.id, event]));
  return (
    <section className="panel log">
      <h3>{words.t("incident.log")}</h3>
      <ol ref={list} tabIndex={0} aria-label={words.t("incident.log")} data-testid="incident-log">
        {detail.entries.map((entry) => {
          const event = entry.event_id ? events.get(entry.event_id) : undefined;
          return (
            <li key={entry.id} data-kind={entry.kind} data-testid={`entry-${entry.kind}`}>
              <time dateTime={entry.at} title={moment(entry.at)}>
                {clock(entry.at)}
              </time>
              <div>
                {event && <PriorityMark priority={event.priority} size={17} />}
                <b>{title(entry, event, words)}</b>
                <span className="dim">{who(entry, event, live, words)}</span>
                {event?.has_snapshot && (
                  <button type="button" className="text-button" onClick={() => onEvent(event.id)}>
                    {words.t("media.snapshot")}
                  </button>
                )}
                <Text entry={entry} event={event} words={words} />
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function title(entry: Entry, event: EventItem | undefined, words: Words): string {
  if (event && entry.kind === "opened") return `${words.say("entry", "opened")}: ${words.say("kind", event.kind)}`;
  if (event) return words.say("kind", event.kind);
  if (entry.kind === "patrol" && typeof entry.detail.state === "string") {
    return words.say("assignment", entry.detail.state);
  }
  return words.say("entry", entry.kind);
}

function who(entry: Entry, event: EventItem | undefined, live: Live, words: Words): string {
  if (event) return sourceName(live, event, words.say);
  if (entry.actor.startsWith("patrol:")) {
    const id = entry.actor.slice("patrol:".length);
    return live.patrols.get(id)?.name ?? id;
  }
  return entry.actor;
}

/** Reasons that the line itself already shows. */
const PLAIN_REASONS = new Set(["opened", "same source", "restored", "reported"]);

function Text({ entry, event, words }: { entry: Entry; event: EventItem | undefined; words: Words }) {
  const parts: string[] = [];
  const label = event ? labelOf(event, words) : "";
  if (label) parts.push(label);
  if (typeof event?.attrs.point === "number") parts.push(words.t("log.point", { point: event.attrs.point }));
  const { disposition, reason } = entry.detail;
  if (entry.kind === "closed" && typeof disposition === "string") parts.push(words.say("disposition", disposition));
  // a unit's or camera's own text only repeats its kind; what people write and alertwall itself says counts
  if (entry.text && (!event || event.source_kind === "system")) parts.push(words.said(entry.text));
  if (event && typeof reason === "string" && !PLAIN_REASONS.has(reason)) parts.push(words.said(reason));
  if (parts.length === 0) return null;
  return <p>{parts.join(" · ")}</p>;
}
