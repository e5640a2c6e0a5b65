import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Assignment, Incident } from "../api/types";
import { useWords, type Words } from "../i18n";
import { useLive } from "../live/hooks";
import { Age, PriorityMark } from "../ui/bits";
import { windowOf } from "./filters";
import { sourceName } from "./names";

const ROW_PX = 56;
const FRESH_MS = 20_000;

interface Props {
  incidents: readonly Incident[];
  selected: number | null;
  me: string;
  areaName: (path: string) => string;
  assignments: ReadonlyMap<number, Assignment>;
  empty: string;
  onSelect: (id: number) => void;
  onOpen: (id: number) => void;
}

export function focusList(): void {
  document.querySelector<HTMLElement>(".rows")?.focus();
}

/** A list of equal rows of which only the visible ones exist, so that 2,000 cost what 20 do. */
export function IncidentList(props: Props) {
  const { t } = useWords();
  const { incidents, selected } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 900 });
  const index = incidents.findIndex((incident) => incident.id === selected);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setView((old) => ({ ...old, height: element.clientHeight })));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || index < 0) return;
    const top = index * ROW_PX;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW_PX > element.scrollTop + element.clientHeight)
      element.scrollTop = top + ROW_PX - element.clientHeight;
    // only a new selection scrolls: arrivals above must not move the page under the reader's eyes
  }, [selected]);

  const { first, last } = windowOf(incidents.length, ROW_PX, view.top, view.height);
  return (
    <div
      className="rows"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-label={t("wall.list")}
      aria-activedescendant={selected === null ? undefined : `row-${selected}`}
      data-testid="incident-list"
      onScroll={(event) => {
        const top = event.currentTarget.scrollTop;
        setView((old) => ({ ...old, top }));
      }}
    >
      {incidents.length === 0 && <p className="empty">{props.empty}</p>}
      <div style={{ height: incidents.length * ROW_PX, position: "relative" }}>
        {incidents.slice(first, last).map((incident, offset) => (
          <Row
            key={incident.id}
            incident={incident}
            at={first + offset}
            count={incidents.length}
            {...props}
            selected={incident.id === selected}
          />
        ))}
      </div>
    </div>
  );
}

interface RowProps extends Omit<Props, "selected"> {
  incident: Incident;
  at: number;
  count: number;
  selected: boolean;
}

function Row({ incident, at, count, selected, me, areaName, assignments, onSelect, onOpen }: RowProps) {
  const words = useWords();
  const live = useLive();
  const fresh = useFresh(incident);
  const source = sourceName(live, incident, words.say);
  const errand = assignments.get(incident.id);
  const patrol = errand && (errand.patrol_name ?? live.patrols.get(errand.patrol_id)?.name ?? errand.patrol_id);
  const mine = incident.owner === me;
  return (
    <div
      id={`row-${incident.id}`}
      className="row"
      role="option"
      aria-selected={selected}
      aria-posinset={at + 1}
      aria-setsize={count}
      data-testid={`incident-row-${incident.id}`}
      data-priority={incident.priority}
      data-state={incident.state}
      data-fresh={fresh}
      data-active={incident.active}
      style={{ transform: `translateY(${at * ROW_PX}px)` }}
      onClick={() => onSelect(incident.id)}
      onDoubleClick={() => onOpen(incident.id)}
    >
      <PriorityMark priority={incident.priority} size={30} />
      <div className="two">
        <b className="what">
          <span>{words.say("kind", incident.kind)}</span>
          {incident.event_count > 1 && <small className="count">×{incident.event_count}</small>}
        </b>
        <span>{source}</span>
      </div>
      <div className="two where">
        <b>{incident.place || areaName(incident.area)}</b>
        <span>{incident.place ? areaName(incident.area) : "\u00a0"}</span>
      </div>
      <div className="age">
        <Age since={incident.opened_at} />
      </div>
      <div className="two owner" data-mine={mine}>
        <b>{incident.state === "new" ? words.say("state", "new") : (incident.owner ?? words.say("state", incident.state))}</b>
        <span className={errand ? "if-wide" : undefined}>{ownerNote(incident, words)}</span>
        {errand && (
          <span className="if-narrow" data-state={errand.state}>
            {words.say("assignment", errand.state)} · {patrol}
          </span>
        )}
      </div>
      <div className="errand" data-state={errand?.state}>
        {errand && (
          <>
            <b>{words.say("assignment", errand.state)}</b>
            <span>{patrol}</span>
          </>
        )}
      </div>
    </div>
  );
}

function ownerNote(incident: Incident, { t, say }: Words): string {
  if (incident.state === "closed") return incident.disposition ? say("disposition", incident.disposition) : "";
  if (!incident.active) return t("incident.inactive");
  return incident.state === "claimed" ? say("state", "claimed") : "";
}

/** For some seconds after it came, a new row is marked. */
function useFresh(incident: Incident): boolean {
  const { arrivals } = useLive();
  const arrived = arrivals.some((one) => one.id === incident.id);
  const [fresh, setFresh] = useState(arrived);
  useEffect(() => {
    if (!arrived) return;
    const left = Date.parse(incident.opened_at) + FRESH_MS - Date.now();
    const timer = setTimeout(() => setFresh(false), Math.min(FRESH_MS, Math.max(1_000, left)));
    return () => clearTimeout(timer);
  }, [arrived, incident.opened_at]);
  return fresh && incident.state === "new";
}
