// The one live store of a signed-in page: loads once, then follows the feed.

import { ApiError, BASE } from "../api/client";
import * as calls from "../api/calls";
import type { Assignment, Camera, Incident, Patrol, Unit } from "../api/types";
import { serverClock } from "./clock";
import { Feed, type FeedState, type Row, type Source } from "./feed";
import { applyRows, EMPTY, fromSnapshot, type Live, refreshed } from "./state";

const LOAD_AGAIN_MS = 2_000;

export class LiveStore {
  private live: Live = EMPTY;
  private feedState: FeedState = { freshness: "connecting", heardAt: null };
  private readonly listeners = new Set<() => void>();
  private pending: Row[] = [];
  private loading = false;
  private generation = 0;
  private flushAsked = false;
  private feed: Feed | null = null;
  private readonly desk: boolean;

  /** `desk`: whether this role may read patrols and their errands */
  constructor(desk: boolean) {
    this.desk = desk;
  }

  start(): void {
    this.feed = new Feed({
      url: `${BASE}/feed`,
      open: (url) => new EventSource(url) as unknown as Source,
      now: () => performance.now(),
      later: (ms, action) => {
        const timer = setTimeout(action, ms);
        return () => clearTimeout(timer);
      },
      random: Math.random,
      onStart: () => void this.load(),
      onRow: (row) => this.take(row),
      onState: (state) => {
        this.feedState = state;
        this.tell();
      },
      onClock: (at) => serverClock.set(at),
      onTrouble: () => void calls.me().catch(() => undefined),
    });
    this.feed.start();
  }

  stop(): void {
    this.generation += 1;
    this.feed?.stop();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  readonly getLive = (): Live => this.live;
  readonly getFeed = (): FeedState => this.feedState;

  /** Put in what an answer of the API just told, without waiting for the feed to say it too. */
  put(kind: "incident" | "camera" | "unit" | "patrol" | "assignment", ...items: unknown[]): void {
    this.live = applyRows(
      this.live,
      items.map((body) => ({ cursor: "", kind, body })),
    );
    this.tell();
  }

  /** The feed tells changes, not every heartbeat: pages that show ages ask again now and then. */
  async refresh(kind: "cameras" | "units"): Promise<void> {
    const generation = this.generation;
    const fresh = kind === "cameras" ? { cameras: await calls.cameras() } : { units: await calls.units() };
    if (generation !== this.generation || this.loading) return;
    this.live = refreshed(this.live, fresh);
    this.tell();
  }

  drop(kind: "cameras" | "units" | "patrols", id: string): void {
    const map = new Map<string, unknown>(this.live[kind]);
    map.delete(id);
    this.live = { ...this.live, [kind]: map };
    this.tell();
  }

  private take(row: Row): void {
    this.pending.push(row);
    if (this.loading || this.flushAsked) return;
    this.flushAsked = true;
    // a hidden page gets no animation frames, but its title and sound must go on
    if (document.hidden) setTimeout(() => this.flush(), 50);
    else requestAnimationFrame(() => this.flush());
  }

  private flush(): void {
    this.flushAsked = false;
    if (this.loading) return;
    const rows = this.pending;
    this.pending = [];
    this.live = applyRows(this.live, rows);
    this.tell();
  }

  /** Rows that arrive meanwhile wait in `pending`; older versions among them lose by row_version. */
  private async load(): Promise<void> {
    const generation = ++this.generation;
    this.loading = true;
    try {
      const [incidents, cameras, units, patrols, assignments, ready] = await Promise.all([
        orNone<Incident>(calls.openIncidents()),
        orNone<Camera>(calls.cameras()),
        orNone<Unit>(calls.units()),
        this.desk ? orNone<Patrol>(calls.patrols()) : [],
        this.desk ? orNone<Assignment>(calls.openAssignments()) : [],
        calls.readiness().catch(() => null),
      ]);
      if (generation !== this.generation) return;
      const parts = ready?.parts ?? [];
      this.live = fromSnapshot(this.live, { incidents, cameras, units, patrols, assignments, parts });
      this.loading = false;
      this.flush();
    } catch {
      if (generation !== this.generation) return;
      setTimeout(() => generation === this.generation && void this.load(), LOAD_AGAIN_MS);
    }
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

/** A list that this role may not read is empty; any other failure is one. */
async function orNone<T>(list: Promise<T[]>): Promise<T[]> {
  try {
    return await list;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return [];
    throw error;
  }
}
