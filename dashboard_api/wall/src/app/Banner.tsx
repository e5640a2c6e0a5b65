import { useEffect, useState } from "react";
import * as calls from "../api/calls";
import type { Part } from "../api/types";
import { type Key, useWords } from "../i18n";
import { useFeedState, useLive } from "../live/hooks";
import { clock } from "../ui/time";

/** What people lose while a part of this kind is away. */
const MEANINGS: Record<string, Key | undefined> = {
  core: "part.means_core",
  worker: "part.means_worker",
  broker: "part.means_broker",
  database: "part.means_database",
};

const POLL_MS = 5_000;

/** Says plainly when the picture is old or a part of alertwall is down. */
export function Banner() {
  const { t } = useWords();
  const feed = useFeedState();
  const live = useLive();
  const [polled, setPolled] = useState<{ parts: Part[]; away: boolean }>({ parts: [], away: false });

  useEffect(() => {
    let over = false;
    const poll = (): void => {
      calls.readiness().then(
        (ready) => !over && setPolled({ parts: ready.parts ?? [], away: false }),
        () => !over && setPolled((old) => ({ ...old, away: true })),
      );
    };
    poll();
    const timer = setInterval(poll, POLL_MS);
    return () => {
      over = true;
      clearInterval(timer);
    };
    // the feed's state often changes because a part's did: ask at once
  }, [feed.freshness]);

  const parts = new Map([...live.parts, ...polled.parts].map((part) => [part.id, part]));
  const inState = (state: string): Part[] => [...parts.values()].filter((part) => part.state === state);
  const named = (some: Part[]): string => some.map((part) => part.id).join(", ");
  const down = inState("down");
  const degraded = inState("degraded");
  const meanings = [...new Set(down.map((part) => MEANINGS[part.kind]))].filter((key) => key !== undefined);
  const stale = feed.freshness === "stale" && feed.heardAt !== null;
  const since = clock(Date.now() - (performance.now() - (feed.heardAt ?? 0)));
  return (
    <div className="banner" role="status" data-testid="banner">
      {stale && <p data-grave="true">{t("feed.stale_long", { time: since })}</p>}
      {polled.away && !stale && <p data-grave="true">{t("part.api_away")}</p>}
      {down.length > 0 && (
        <p data-grave="true">
          <b>{t("part.down", { parts: named(down) })}</b> {meanings.map((key) => t(key)).join(" ")}
        </p>
      )}
      {degraded.length > 0 && <p>{t("part.degraded", { parts: named(degraded) })}</p>}
    </div>
  );
}
