import { useEffect, useState } from "react";
import * as calls from "../api/calls";
import type { Part } from "../api/types";
import { useWords } from "../i18n";
import { useFeedState, useLive } from "../live/hooks";
import { clock } from "../ui/time";

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
  const named = (state: string): string =>
    [...parts.values()]
      .filter((part) => part.state === state)
      .map((part) => part.id)
      .join(", ");
  const down = named("down");
  const degraded = named("degraded");
  const stale = feed.freshness === "stale" && feed.heardAt !== null;
  const since = clock(Date.now() - (performance.now() - (feed.heardAt ?? 0)));
  return (
    <div className="banner" role="status" data-testid="banner">
      {stale && <p data-grave="true">{t("feed.stale_long", { time: since })}</p>}
      {polled.away && !stale && <p data-grave="true">{t("part.api_away")}</p>}
      {down && <p data-grave="true">{t("part.down", { parts: down })}</p>}
      {degraded && <p>{t("part.degraded", { parts: degraded })}</p>}
    </div>
  );
}
