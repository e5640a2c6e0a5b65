// What the wall knows, and how feed rows change it. Pure: tests need no browser.

import type {
  Assignment,
  Camera,
  CameraState,
  EventItem,
  Incident,
  Part,
  Patrol,
  Unit,
  UnitState,
} from "../api/types";
import type { Row } from "./feed";

export const EVENTS_KEPT = 200;

export interface Live {
  loaded: boolean;
  incidents: ReadonlyMap<number, Incident>;
  cameras: ReadonlyMap<string, Camera>;
  units: ReadonlyMap<string, Unit>;
  patrols: ReadonlyMap<string, Patrol>;
  /** by assignment id */
  assignments: ReadonlyMap<number, Assignment>;
  parts: readonly Part[];
  /** newest first */
  events: readonly EventItem[];
  /** incidents that came by the feed since the last load, newest last */
  arrivals: readonly Incident[];
  /** counts changes of each incident that its list item may not show (entries, assignments) */
  touched: ReadonlyMap<number, number>;
}

export const EMPTY: Live = {
  loaded: false,
  incidents: new Map(),
  cameras: new Map(),
  units: new Map(),
  patrols: new Map(),
  assignments: new Map(),
  parts: [],
  events: [],
  arrivals: [],
  touched: new Map(),
};

export interface Snapshot {
  incidents: Incident[];
  cameras: Camera[];
  units: Unit[];
  patrols: Patrol[];
  assignments: Assignment[];
  parts: Part[];
}

const ARRIVALS_KEPT = 20;

export function fromSnapshot(old: Live, snapshot: Snapshot): Live {
  return {
    ...old,
    loaded: true,
    incidents: byId(snapshot.incidents),
    cameras: byId(snapshot.cameras),
    units: byId(snapshot.units),
    patrols: byId(snapshot.patrols),
    assignments: byId(snapshot.assignments),
    parts: snapshot.parts,
    arrivals: [],
  };
}

function byId<K, T extends { id: K }>(items: readonly T[]): Map<K, T> {
  return new Map(items.map((item) => [item.id, item]));
}

/** A draft copies a map only once per batch of rows, however many rows touch it. */
class Draft {
  readonly live: { -readonly [K in keyof Live]: Live[K] };
  private readonly copied = new Set<string>();

  constructor(live: Live) {
    this.live = { ...live };
  }

  map<K extends "incidents" | "cameras" | "units" | "patrols" | "assignments" | "touched">(key: K): MapOf<Live[K]> {
    if (!this.copied.has(key)) {
      this.copied.add(key);
      (this.live as Record<string, unknown>)[key] = new Map(this.live[key] as ReadonlyMap<unknown, unknown>);
    }
    return this.live[key] as unknown as MapOf<Live[K]>;
  }
}

type MapOf<M> = M extends ReadonlyMap<infer K, infer V> ? Map<K, V> : never;

export function applyRows(old: Live, rows: readonly Row[]): Live {
  if (rows.length === 0) return old;
  const draft = new Draft(old);
  for (const row of rows) applyRow(draft, row);
  return draft.live;
}

function applyRow(draft: Draft, row: Row): void {
  switch (row.kind) {
    case "incident":
      return incidentRow(draft, row.body as Incident);
    case "event":
      return eventRow(draft, row.body as EventItem);
    case "camera":
      return cameraRow(draft, row.body as { id: string } & Partial<Camera> & Partial<CameraState>);
    case "unit":
      return unitRow(draft, row.body as { id: string } & Partial<Unit> & Partial<UnitState>);
    case "patrol":
      return patrolRow(draft, row.body as Patrol);
    case "assignment":
      return assignmentRow(draft, row.body as Assignment);
    case "status":
      draft.live.parts = (row.body as { parts?: Part[] }).parts ?? draft.live.parts;
  }
}

function incidentRow(draft: Draft, item: Incident): void {
  const known = draft.live.incidents.get(item.id);
  if (known && known.row_version > item.row_version) return;
  draft.map("incidents").set(item.id, { ...known, ...item });
  touch(draft, item.id);
  if (!known && item.state === "new") {
    draft.live.arrivals = [...draft.live.arrivals, item].slice(-ARRIVALS_KEPT);
  }
}

function eventRow(draft: Draft, item: EventItem): void {
  if (draft.live.events.some((event) => event.id === item.id)) return;
  draft.live.events = [item, ...draft.live.events].slice(0, EVENTS_KEPT);
  if (item.incident_id) touch(draft, item.incident_id);
}

/** A row of a camera is its link's state, its registration, or both. */
function cameraRow(draft: Draft, body: { id: string } & Record<string, unknown>): void {
  const cameras = draft.map("cameras");
  if (retired(body)) {
    cameras.delete(body.id);
    return;
  }
  const known = cameras.get(body.id);
  if (isRegistration(body)) cameras.set(body.id, { ...known, ...(body as unknown as Camera) });
  else if (known) cameras.set(body.id, { ...known, state: { ...known.state, ...stateOf(body) } as CameraState });
}

function unitRow(draft: Draft, body: { id: string } & Record<string, unknown>): void {
  const units = draft.map("units");
  if (retired(body)) {
    units.delete(body.id);
    return;
  }
  const known = units.get(body.id);
  if (isRegistration(body)) units.set(body.id, { ...known, ...(body as unknown as Unit) });
  else if (known) units.set(body.id, { ...known, state: { ...known.state, ...stateOf(body) } as UnitState });
}

function isRegistration(body: Record<string, unknown>): boolean {
  return typeof body.name === "string" && typeof body.area === "string";
}

function retired(body: Record<string, unknown>): boolean {
  return typeof body.retired_at === "string";
}

/** The state may stand flat beside the id, or below a key `state`. */
function stateOf(body: Record<string, unknown>): Record<string, unknown> {
  if (typeof body.state === "object" && body.state !== null) return body.state as Record<string, unknown>;
  return body;
}

function patrolRow(draft: Draft, item: Patrol): void {
  const patrols = draft.map("patrols");
  if (retired(item as unknown as Record<string, unknown>)) patrols.delete(item.id);
  else patrols.set(item.id, { ...patrols.get(item.id), ...item });
}

function assignmentRow(draft: Draft, item: Assignment): void {
  const assignments = draft.map("assignments");
  assignments.set(item.id, { ...assignments.get(item.id), ...item });
  touch(draft, item.incident_id);
}

function touch(draft: Draft, incident: number): void {
  const touched = draft.map("touched");
  touched.set(incident, (touched.get(incident) ?? 0) + 1);
}

/** Lists asked for again: they know who was heard last, unless the feed has told something newer meanwhile. */
export function refreshed(old: Live, fresh: { cameras?: readonly Camera[]; units?: readonly Unit[] }): Live {
  const keep = <T extends { id: string; row_version: number; state: object | null }>(
    known: ReadonlyMap<string, T>,
    items: readonly T[],
    heard: (item: T) => string,
  ): Map<string, T> =>
    new Map(
      items.map((item) => {
        const before = known.get(item.id);
        const newer = before && (before.row_version > item.row_version || heard(before) > heard(item));
        return [item.id, newer ? before : item];
      }),
    );
  return {
    ...old,
    ...(fresh.cameras && { cameras: keep(old.cameras, fresh.cameras, (item) => item.state?.last_frame_at ?? "") }),
    ...(fresh.units && { units: keep(old.units, fresh.units, (item) => item.state?.last_heard_at ?? "") }),
  };
}

/** The assignment that says most about an incident: the newest. */
export function assignmentsByIncident(assignments: ReadonlyMap<number, Assignment>): Map<number, Assignment> {
  const found = new Map<number, Assignment>();
  for (const item of assignments.values()) {
    const known = found.get(item.incident_id);
    if (!known || known.id < item.id) found.set(item.incident_id, item);
  }
  return found;
}
