import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ApiError, BASE } from "../api/client";
import * as calls from "../api/calls";
import type { Assignment, Patrol } from "../api/types";
import { type Key, useWords } from "../i18n";
import { serverClock } from "../live/clock";
import { Feed, type FeedState, type Source } from "../live/feed";
import { ring, unlockSound } from "../ui/sound";
import { clock } from "../ui/time";
import { ErrandCard } from "./ErrandCard";
import { foreseen, Outbox, type Step } from "./outbox";

const RETRY_MS = 3_000;
const OPEN = new Set(["queued", "delivered", "accepted", "on_scene"]);

interface Props {
  patrol: Patrol;
  onUnpaired: () => void;
}

export function PhoneDesk({ patrol, onUnpaired }: Props) {
  const { t, said } = useWords();
  const [errands, setErrands] = useState<Assignment[]>([]);
  const [feed, setFeed] = useState<FeedState>({ freshness: "connecting", heardAt: null });
  const [refused, setRefused] = useState<string | null>(null);
  const [, redraw] = useState(0);
  const rung = useRef(new Set<number>());

  const load = useCallback(async (): Promise<void> => {
    try {
      setErrands((await calls.patrolAssignments()).items);
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) onUnpaired();
    }
  }, [onUnpaired]);

  const outbox = useMemo(
    () =>
      new Outbox(localStorage, async (step) => {
        try {
          await calls.patrolStep(step.assignment, step.step, step.key, step.reason);
          return "done";
        } catch (error) {
          const final = error instanceof ApiError && error.status < 500 && error.status !== 401 && error.status !== 429;
          if (!final) return "later";
          // the errand moved on without us: say so, load what it is now, go on with the next step
          if (step.step !== "delivered") setRefused(error.message);
          return "refused";
        }
      }),
    [],
  );

  const flush = useCallback(async (): Promise<void> => {
    const had = outbox.waiting.length > 0;
    await outbox.flush();
    redraw((value) => value + 1);
    if (had && outbox.waiting.length === 0) await load();
  }, [outbox, load]);

  const take = useCallback(
    (assignment: number, step: Step["step"], reason = ""): void => {
      const key = `${assignment}-${step}-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
      outbox.put({ assignment, step, reason, key, at: new Date(serverClock.nowMs()).toISOString() });
      if (step !== "delivered") setRefused(null);
      redraw((value) => value + 1);
      void flush();
    },
    [outbox, flush],
  );

  useEffect(() => {
    const made = new Feed({
      url: `${BASE}/patrol/feed`,
      open: (url) => new EventSource(url) as unknown as Source,
      now: () => performance.now(),
      later: (ms, action) => {
        const timer = setTimeout(action, ms);
        return () => clearTimeout(timer);
      },
      random: Math.random,
      onStart: () => void load(),
      onRow: () => void load(),
      onState: setFeed,
      onClock: (at) => serverClock.set(at),
      onTrouble: () => void load(),
    });
    made.start();
    void load();
    const timer = setInterval(() => void flush(), RETRY_MS);
    const online = (): void => void flush();
    window.addEventListener("online", online);
    return () => {
      made.stop();
      clearInterval(timer);
      window.removeEventListener("online", online);
    };
  }, [load, flush]);

  useEffect(() => {
    for (const errand of errands) {
      if (errand.state === "queued") take(errand.id, "delivered");
      const unanswered = errand.state === "queued" || errand.state === "delivered";
      if (!unanswered || rung.current.has(errand.id)) continue;
      rung.current.add(errand.id);
      navigator.vibrate?.([400, 150, 400, 150, 800]);
      ring(1);
    }
  }, [errands, take]);

  const waiting = outbox.waiting.filter((step) => step.step !== "delivered").length;
  const shown = errands
    .map((errand) => ({
      errand,
      state: foreseen(
        errand.state,
        outbox.waiting.filter((step) => step.assignment === errand.id),
      ),
    }))
    .filter(({ state }) => OPEN.has(state));
  return (
    <div className="phone-body" onPointerDown={unlockSound}>
      <p className="feed" role="status" data-state={feed.freshness} data-testid="feed-state">
        {feed.freshness === "stale"
          ? t("feed.stale", { time: clock(Date.now() - (performance.now() - (feed.heardAt ?? 0))) })
          : t(`feed.${feed.freshness}` as Key)}
      </p>
      {waiting > 0 && (
        <p className="notice" data-testid="patrol-unsent">
          {t("phone.unsent", { count: waiting })}
        </p>
      )}
      {refused && (
        <p className="error" role="alert">
          {t("phone.refused", { detail: said(refused) })}
        </p>
      )}
      {shown.map(({ errand, state }) => (
        <ErrandCard
          key={errand.id}
          errand={errand}
          state={state}
          onStep={(step, reason) => take(errand.id, step, reason)}
        />
      ))}
      {shown.length === 0 && (
        <div className="phone-quiet" data-testid="patrol-quiet">
          <p>{t("phone.waiting")}</p>
          <p className="dim">{t("phone.waiting_hint")}</p>
          <p className="dim">{patrol.area}</p>
        </div>
      )}
    </div>
  );
}
