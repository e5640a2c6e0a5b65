import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useMemo, useRef, useState } from "react";
import * as calls from "../api/calls";
import { go, param, usePath } from "../app/router";
import { useSession } from "../app/session";
import { isTyping } from "../app/Shell";
import { useWords } from "../i18n";
import { useLive, useLoad } from "../live/hooks";
import { assignmentsByIncident } from "../live/state";
import { FilterBar } from "./FilterBar";
import { type Filters, matches, neighbour, NO_FILTERS, type Order, sorted } from "./filters";
import { HelpModal } from "./HelpModal";
import { focusList, IncidentList } from "./IncidentList";
import { IncidentPane, type PaneHandle } from "./IncidentPane";
import { sourceName, useAreaNames } from "./names";

const KEPT_ORDER = "alertwall.order";
const SETTLE_MS = 120;

export function WallPage() {
  const words = useWords();
  const { t, say } = words;
  const { me } = useSession();
  const live = useLive();
  const areas = useAreaNames();
  const path = usePath();
  const [filters, setFilters] = useState<Filters>(NO_FILTERS);
  const [order, setOrder] = useState<Order>(() => (localStorage.getItem(KEPT_ORDER) === "oldest" ? "oldest" : "newest"));
  const [help, setHelp] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const pane = useRef<PaneHandle>(null);
  const wanted = Number(param(path, "incident")) || null;

  const closed = useLoad(filters.state === "closed" ? "closed" : null, () => calls.closedIncidents(null));
  const pool = useMemo(
    () => (filters.state === "closed" ? (closed.data?.items ?? []) : [...live.incidents.values()]),
    [filters.state, closed.data, live.incidents],
  );
  const incidents = useMemo(() => {
    const text = (item: (typeof pool)[number]): string =>
      [item.id, say("kind", item.kind), item.place, item.area, areas.short(item.area), item.source_id, item.owner, sourceName(live, item, say)].join(" ");
    const found = pool.filter((item) => matches(item, filters, me.username, text));
    // closed ones stand by when they were closed, as the server gave them
    return filters.state === "closed" ? found : sorted(found, order);
  }, [pool, filters, order, me.username, live, say, areas]);
  const total = useMemo(
    () => (filters.state === "closed" ? pool.length : pool.filter((item) => item.state !== "closed").length),
    [pool, filters.state],
  );
  const kinds = useMemo(() => [...new Set(pool.map((item) => item.kind))].sort(), [pool]);
  const errands = useMemo(() => assignmentsByIncident(live.assignments), [live.assignments]);

  const ids = useMemo(() => incidents.map((incident) => incident.id), [incidents]);
  const lastIndex = useRef(0);
  // an incident just closed stays in the pane until the reader moves on
  const selected = wanted;
  useEffect(() => {
    // chosen once, so that arrivals above do not move the reader to another incident
    if (wanted === null && ids.length > 0) go(`/?incident=${neighbour(ids, null, 0)}`, true);
  }, [wanted, ids]);
  const at = selected === null ? -1 : ids.indexOf(selected);
  if (at >= 0) lastIndex.current = at;
  const [settled] = useDebouncedValue(selected, SETTLE_MS);

  const select = (id: number | null): void => {
    if (id !== null) go(`/?incident=${id}`, true);
  };
  const move = (by: number): void => {
    if (ids.length === 0) return;
    if (at < 0) select(ids[Math.min(lastIndex.current, ids.length - 1)]!);
    else select(ids[Math.min(Math.max(at + by, 0), ids.length - 1)]!);
  };

  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || help) return;
      const inList = !(event.target as HTMLElement).closest(".pane, .nav, .head, video");
      const act: Record<string, (() => void) | undefined> = {
        j: () => move(1),
        k: () => move(-1),
        ...(inList && {
          ArrowDown: () => move(1),
          ArrowUp: () => move(-1),
          PageDown: () => move(10),
          PageUp: () => move(-10),
          Home: () => move(-ids.length),
          End: () => move(ids.length),
          Enter: (event.target as HTMLElement).closest("button, a") ? undefined : () => pane.current?.focus(),
        }),
        Escape: focusList,
        "/": () => search.current?.focus(),
        "?": () => setHelp(true),
        c: () => pane.current?.claim(),
        r: () => pane.current?.release(),
        m: () => pane.current?.comment(),
        d: () => pane.current?.dispatch(),
        x: () => pane.current?.close(),
        v: () => pane.current?.nextMedia(),
      };
      const action = act[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  });

  const empty = !live.loaded
    ? t("app.loading")
    : filters.state === "closed"
      ? t("wall.no_closed")
      : total === 0
        ? t("wall.quiet")
        : t("wall.no_match");
  return (
    <div className="wall">
      <section className="wall-list">
        <FilterBar
          filters={filters}
          order={order}
          kinds={kinds}
          areas={areas.options}
          shown={incidents.length}
          total={total}
          search={search}
          onChange={setFilters}
          onOrder={(next) => {
            localStorage.setItem(KEPT_ORDER, next);
            setOrder(next);
          }}
          onHelp={() => setHelp(true)}
        />
        <IncidentList
          incidents={incidents}
          selected={selected}
          me={me.username}
          areaName={areas.short}
          assignments={errands}
          empty={empty}
          onSelect={select}
          onOpen={(id) => {
            select(id);
            pane.current?.focus();
          }}
        />
      </section>
      <section className="pane" aria-label={settled === null ? t("wall.pick") : t("incident.number", { id: settled })}>
        {settled === null ? (
          <p className="empty">{t("wall.pick")}</p>
        ) : (
          <IncidentPane key={settled} ref={pane} id={settled} areaName={areas.short} />
        )}
      </section>
      <HelpModal opened={help} onClose={() => setHelp(false)} />
    </div>
  );
}
