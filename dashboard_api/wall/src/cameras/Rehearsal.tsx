import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import * as calls from "../api/calls";
import type { Rehearsal as Said, RehearsedEvent } from "../api/types";
import { follow } from "../app/router";
import { useWords } from "../i18n";
import { ErrorText } from "../ui/bits";
import { lately, RangeChips, useSpan } from "../ui/RangeChips";
import { age, moment, toUtc } from "../ui/time";

const HOUR_MS = 3_600_000;
const ASK_EVERY_MS = 1_000;
const LISTED = 40;

interface Props {
  camera: string;
  /** the draft as it would be saved now */
  body: () => unknown;
  ruleId: number | undefined;
}

/** What the draft would have raised over what was recorded, beside the rule that stands. */
export function Rehearsal({ camera, body, ruleId }: Props) {
  const words = useWords();
  const { t, said: sentence } = words;
  const chosen = useSpan("four", 4 * HOUR_MS);
  const { range } = chosen;
  const [said, setSaid] = useState<Said | null>(null);
  const [error, setError] = useState<unknown>(null);
  const busy = said?.state === "waiting" || said?.state === "running";
  const open = useRef<string | null>(null);
  open.current = busy ? said.id : null;

  useEffect(() => {
    if (!busy) return;
    let over = false;
    const timer = setTimeout(() => {
      calls.rehearsal(camera, said.id).then(
        (next) => !over && setSaid(next),
        (failed: unknown) => {
          if (over) return;
          setSaid(null);
          setError(failed);
        },
      );
    }, ASK_EVERY_MS);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [busy, said, camera]);
  // whoever leaves the form waits for nothing any more
  useEffect(
    () => () => {
      if (open.current) void calls.endRehearsal(camera, open.current).catch(() => undefined);
    },
    [camera],
  );

  const start = (): void => {
    const asked = chosen.value === "custom" ? range : lately(range.toMs - range.fromMs);
    setError(null);
    setSaid(null);
    calls
      .startRehearsal(camera, {
        rule: body(),
        replaces: ruleId ?? null,
        from: toUtc(asked.fromMs),
        to: toUtc(asked.toMs),
      })
      .then(setSaid, setError);
  };
  const stop = (): void => {
    if (said) void calls.endRehearsal(camera, said.id).catch(() => undefined);
    setSaid(null);
  };
  const spans = [
    { key: "hour", label: t("rehearse.hour"), ms: HOUR_MS },
    { key: "four", label: t("rehearse.four"), ms: 4 * HOUR_MS },
    { key: "day", label: t("rehearse.day"), ms: 24 * HOUR_MS },
  ];
  return (
    <section className="panel rehearsal" data-testid="rehearsal">
      <h3>{t("rehearse.title")}</h3>
      <p className="dim">{t("rehearse.hint")}</p>
      <div className="rehearsal-head">
        <RangeChips spans={spans} {...chosen} testId="rehearse-range" />
        {busy ? (
          <Button size="xs" variant="default" onClick={stop} data-testid="rehearse-stop">
            {t("rehearse.stop")}
          </Button>
        ) : (
          <Button size="xs" variant="default" onClick={start} data-testid="rehearse-start">
            {t("rehearse.start")}
          </Button>
        )}
      </div>
      <ErrorText error={error} />
      {busy && (
        <div role="status">
          <progress value={said.progress?.share ?? 0} max={1} aria-label={t("rehearse.title")} />
          <p className="dim">
            {said.progress
              ? t("rehearse.running", { at: moment(said.progress.at), speed: Math.round(said.progress.speed) })
              : t("rehearse.waiting")}
          </p>
        </div>
      )}
      {said?.state === "failed" && <p data-testid="rehearse-failed">{t("rehearse.failed", { why: sentence(said.why) })}</p>}
      {said?.outcome && <Outcome camera={camera} outcome={said.outcome} />}
    </section>
  );
}

function Outcome({ camera, outcome }: { camera: string; outcome: NonNullable<Said["outcome"]> }) {
  const words = useWords();
  const { t, said } = words;
  const { draft, live } = outcome;
  const more = draft.total - (live?.total ?? 0);
  const events = [
    ...draft.events.map((event) => ({ event, by: event.both ? "both" : "draft" }) as const),
    ...(live?.events ?? []).filter((event) => !event.both).map((event) => ({ event, by: "live" }) as const),
  ].sort((a, b) => (a.event.time < b.event.time ? -1 : 1));
  const hidden = draft.total + outcome.only_live - Math.min(events.length, LISTED);
  return (
    <div role="status" data-testid="rehearse-outcome">
      <p>
        <b>
          {live
            ? t(more === 0 ? "rehearse.same" : more < 0 ? "rehearse.less" : "rehearse.more", {
                draft: draft.total,
                live: live.total,
                count: Math.abs(more),
              })
            : t("rehearse.alone", { draft: draft.total })}
        </b>
      </p>
      {live && (
        <p>
          {t("rehearse.difference", { both: outcome.both, draft: outcome.only_draft, live: outcome.only_live })}
        </p>
      )}
      <p className="dim">
        {t("rehearse.footage", { length: age(outcome.footage_s * 1000, words), gaps: outcome.gaps.length })}{" "}
        {said(outcome.why)}
      </p>
      <ul className="rehearsed">
        {events.slice(0, LISTED).map(({ event, by }, index) => (
          <li key={`${event.time} ${index}`}>
            <Raised camera={camera} event={event} by={by} />
          </li>
        ))}
      </ul>
      {hidden > 0 && <p className="dim">{t("rehearse.not_listed", { count: hidden })}</p>}
    </div>
  );
}

function Raised({ camera, event, by }: { camera: string; event: RehearsedEvent; by: "both" | "draft" | "live" }) {
  const { t, say, label } = useWords();
  const query = new URLSearchParams({ camera, at: event.time });
  return (
    <a href={`/timeline?${query}`} onClick={follow} data-by={by}>
      {event.picture ? (
        <img src={`data:image/jpeg;base64,${event.picture}`} alt="" />
      ) : (
        <span className="no-picture" aria-hidden="true" />
      )}
      <span className="num">{moment(event.time)}</span>
      <span>
        {label(event.label)} {event.direction && say("direction", event.direction)}
      </span>
      <span className="dim">{t(`rehearse.by_${by}`)}</span>
    </a>
  );
}
