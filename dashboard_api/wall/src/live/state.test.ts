import { describe, expect, it } from "vitest";
import type { Assignment, Camera, Incident, Unit } from "../api/types";
import { ServerClock } from "./clock";
import type { Row, RowKind } from "./feed";
import { applyRows, assignmentsByIncident, EMPTY, fromSnapshot, type Live, refreshed } from "./state";

function incident(id: number, change: Partial<Incident> = {}): Incident {
  return {
    id,
    area: "a.b",
    place: "",
    kind: "burglary",
    priority: 2,
    state: "new",
    source_kind: "unit",
    source_id: "U1",
    source_name: "Flat 1",
    opened_at: "2026-01-01T00:00:00.000Z",
    last_event_at: "2026-01-01T00:00:00.000Z",
    event_count: 1,
    owner: null,
    claimed_at: null,
    closed_at: null,
    disposition: null,
    active: true,
    row_version: 1,
    lat: null,
    lon: null,
    cameras: [],
    ...change,
  };
}

const row = (kind: RowKind, body: unknown): Row => ({ cursor: "", kind, body });
const none = { incidents: [], cameras: [], units: [], patrols: [], assignments: [], parts: [] };
const loaded: Live = fromSnapshot(EMPTY, {
  ...none,
  incidents: [incident(1, { row_version: 3 })],
  cameras: [{ id: "gate", name: "Gate", area: "a", state: null } as unknown as Camera],
  units: [{ id: "U1", name: "Flat 1", area: "a", state: { conn: "online", arm: "disarmed" } } as unknown as Unit],
});

describe("rows of the feed", () => {
  it("add an incident and announce it", () => {
    const live = applyRows(loaded, [row("incident", incident(2))]);
    expect(live.incidents.size).toBe(2);
    expect(live.arrivals.map((one) => one.id)).toEqual([2]);
  });

  it("do not announce what was loaded, nor what is already claimed", () => {
    const live = applyRows(loaded, [
      row("incident", incident(1, { row_version: 4 })),
      row("incident", incident(3, { state: "claimed", owner: "li" })),
    ]);
    expect(live.arrivals).toEqual([]);
  });

  it("lose against a newer version that the load brought", () => {
    const live = applyRows(loaded, [row("incident", incident(1, { row_version: 2, state: "claimed" }))]);
    expect(live.incidents.get(1)?.state).toBe("new");
  });

  it("keep the source's name, which rows do not carry", () => {
    const { source_name: _, ...bare } = incident(1, { row_version: 4, state: "claimed" });
    expect(applyRows(loaded, [row("incident", bare)]).incidents.get(1)?.source_name).toBe("Flat 1");
  });

  it("leave the old state untouched", () => {
    applyRows(loaded, [row("incident", incident(9))]);
    expect(loaded.incidents.has(9)).toBe(false);
  });

  it("count what touches an incident, so that its pane reloads", () => {
    const assignment = { id: 7, incident_id: 1, patrol_id: "p", state: "queued" } as Assignment;
    const live = applyRows(loaded, [row("assignment", assignment), row("event", { id: "e", incident_id: 1 })]);
    expect(live.touched.get(1)).toBe(2);
    expect(live.assignments.get(7)?.state).toBe("queued");
  });

  it("change a camera's state and know a registration from a state", () => {
    const state = applyRows(loaded, [row("camera", { id: "gate", state: "streaming", reason: "" })]);
    expect(state.cameras.get("gate")).toMatchObject({ name: "Gate", state: { state: "streaming" } });
    const fresh = applyRows(loaded, [row("camera", { id: "new", name: "New", area: "a", state: null })]);
    expect(fresh.cameras.get("new")?.name).toBe("New");
    const unknown = applyRows(loaded, [row("camera", { id: "elsewhere", state: "streaming" })]);
    expect(unknown.cameras.has("elsewhere")).toBe(false);
  });

  it("change a unit's state and keep what the row does not name", () => {
    const live = applyRows(loaded, [row("unit", { id: "U1", conn: "offline" })]);
    expect(live.units.get("U1")?.state).toMatchObject({ conn: "offline", arm: "disarmed" });
  });

  it("remove what was retired", () => {
    const live = applyRows(loaded, [row("unit", { id: "U1", retired_at: "2026-01-01T00:00:00Z" })]);
    expect(live.units.has("U1")).toBe(false);
  });

  it("show an event once", () => {
    const live = applyRows(loaded, [row("event", { id: "e" }), row("event", { id: "e" })]);
    expect(live.events).toHaveLength(1);
  });

  it("take 2,000 incidents in one batch quickly", () => {
    const rows = Array.from({ length: 2_000 }, (_, id) => row("incident", incident(id + 10)));
    expect(applyRows(loaded, rows).incidents.size).toBe(2_001);
  });
});

describe("what follows from the state", () => {
  it("the newest assignment speaks for an incident", () => {
    const of = (id: number, state: string): [number, Assignment] => [id, { id, incident_id: 1, state } as Assignment];
    const found = assignmentsByIncident(new Map([of(2, "accepted"), of(1, "declined")]));
    expect(found.get(1)?.state).toBe("accepted");
  });
});

describe("the server's clock", () => {
  it("corrects a browser that is a minute late, and takes the least delayed reading", () => {
    let now = 0;
    const clock = new ServerClock(() => now);
    clock.set(new Date(60_000 - 200).toISOString());
    expect(clock.nowMs()).toBe(59_800);
    now = 5_000;
    clock.set(new Date(65_000 - 20).toISOString());
    expect(clock.nowMs()).toBe(64_980);
    clock.set(new Date(65_000 - 900).toISOString());
    expect(clock.nowMs()).toBe(64_980);
  });

  it("follows a clock that was set", () => {
    const clock = new ServerClock(() => 0);
    clock.set(new Date(3_600_000).toISOString());
    clock.set(new Date(0).toISOString());
    expect(clock.nowMs()).toBe(0);
  });
});

describe("lists asked for again", () => {
  const unit = (id: string, heard: string, version = 1): Unit =>
    ({ id, row_version: version, state: { last_heard_at: heard } }) as unknown as Unit;
  const first = refreshed(EMPTY, { units: [unit("U1", "10:00"), unit("U2", "10:00"), unit("U3", "10:00")] });

  it("bring what was heard later, and keep what the feed told meanwhile", () => {
    const told = refreshed(first, { units: [unit("U1", "10:09"), unit("U2", "10:00")] });
    const after = refreshed(told, { units: [unit("U1", "10:05"), unit("U2", "10:07")] });
    expect(after.units.get("U1")?.state?.last_heard_at).toBe("10:09");
    expect(after.units.get("U2")?.state?.last_heard_at).toBe("10:07");
  });
  it("drop what is registered no more, and leave other lists alone", () => {
    const after = refreshed(first, { units: [unit("U1", "10:01")] });
    expect([...after.units.keys()]).toEqual(["U1"]);
    expect(after.cameras).toBe(first.cameras);
  });
});
