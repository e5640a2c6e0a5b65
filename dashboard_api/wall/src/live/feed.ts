// The live feed: one EventSource that knows where it was, so that a lost connection loses nothing.
//
// The browser's own reconnect is not used: it would resume after the greeting's cursor, which may lie
// ahead of rows that have not arrived yet. We resume after the last row that did.

import { isNewer } from "./cursor";

export const STALE_AFTER_MS = 12_000;
export const ROW_KINDS = ["incident", "event", "camera", "unit", "patrol", "assignment", "status"] as const;
export type RowKind = (typeof ROW_KINDS)[number];

export interface Row {
  cursor: string;
  kind: RowKind;
  body: unknown;
}

export type Freshness = "connecting" | "live" | "reconnecting" | "stale";

export interface FeedState {
  freshness: Freshness;
  /** when the server was last heard, in the browser's milliseconds */
  heardAt: number | null;
}

/** What the feed needs of an EventSource. */
export interface Source {
  addEventListener(kind: string, listener: (message: { data?: string; lastEventId?: string }) => void): void;
  close(): void;
}

export interface FeedOptions {
  url: string;
  open: (url: string) => Source;
  now: () => number;
  later: (ms: number, action: () => void) => () => void;
  random: () => number;
  /** first greeting, or the server's word that we fell too far behind: load everything, then apply rows */
  onStart: () => void;
  onRow: (row: Row) => void;
  onState: (state: FeedState) => void;
  /** the server's clock, as read at this moment */
  onClock: (serverTime: string) => void;
  /** several failures in a row: perhaps the login ended */
  onTrouble: () => void;
}

const CHECK_EVERY_MS = 1_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LIMIT_MS = 10_000;
const TROUBLE_AFTER = 2;

export function backoffMs(attempt: number, random: number): number {
  return Math.min(BACKOFF_LIMIT_MS, BACKOFF_FIRST_MS * 2 ** attempt) * (0.5 + random / 2);
}

export function freshness(connected: boolean, heardAt: number | null, now: number): Freshness {
  if (heardAt === null) return "connecting";
  if (now - heardAt > STALE_AFTER_MS) return "stale";
  return connected ? "live" : "reconnecting";
}

export class Feed {
  private readonly options: FeedOptions;
  private source: Source | null = null;
  private cursor: string | null = null;
  private connected = false;
  private heardAt: number | null = null;
  private openedAt = 0;
  private attempt = 0;
  private cancelRetry: (() => void) | null = null;
  private cancelCheck: (() => void) | null = null;
  private shown = "";

  constructor(options: FeedOptions) {
    this.options = options;
  }

  start(): void {
    this.connect();
    this.check();
  }

  stop(): void {
    this.disconnect();
    this.cancelRetry?.();
    this.cancelCheck?.();
  }

  private connect(): void {
    const { url, open } = this.options;
    this.cancelRetry = null;
    this.openedAt = this.options.now();
    const source = open(this.cursor === null ? url : `${url}?after=${this.cursor}`);
    this.source = source;
    const on = (kind: string, act: (data: string, id: string) => void): void =>
      source.addEventListener(kind, (message) => {
        if (this.source === source) act(message.data ?? "", message.lastEventId ?? "");
      });
    on("hello", (data, id) => this.greeted(data, id));
    on("beat", (data) => this.heard(data));
    on("resync", () => this.startOver());
    for (const kind of ROW_KINDS) on(kind, (data, id) => this.row(kind, data, id));
    on("error", () => this.lost());
  }

  private greeted(data: string, id: string): void {
    this.connected = true;
    this.attempt = 0;
    this.heard(data);
    if (this.cursor === null) {
      this.cursor = id || "0-0";
      this.options.onStart();
    }
  }

  private heard(data: string): void {
    this.heardAt = this.options.now();
    const at = serverTime(data);
    if (at) this.options.onClock(at);
    this.show();
  }

  private row(kind: RowKind, data: string, id: string): void {
    this.heardAt = this.options.now();
    if (id && !isNewer(id, this.cursor)) return;
    if (id) this.cursor = id;
    this.options.onRow({ cursor: id, kind, body: JSON.parse(data) });
    this.show();
  }

  private startOver(): void {
    this.disconnect();
    this.cursor = null;
    this.connect();
  }

  private lost(): void {
    this.disconnect();
    this.retryLater();
    this.show();
  }

  private retryLater(): void {
    if (this.cancelRetry) return;
    const wait = backoffMs(this.attempt, this.options.random());
    this.attempt += 1;
    if (this.attempt % TROUBLE_AFTER === 0) this.options.onTrouble();
    this.cancelRetry = this.options.later(wait, () => this.connect());
  }

  private disconnect(): void {
    this.source?.close();
    this.source = null;
    this.connected = false;
  }

  /** Once a second: a connection that says nothing is as bad as none. */
  private check(): void {
    const since = Math.max(this.heardAt ?? 0, this.openedAt);
    if (this.source && this.options.now() - since > STALE_AFTER_MS) this.lost();
    this.show();
    this.cancelCheck = this.options.later(CHECK_EVERY_MS, () => this.check());
  }

  private show(): void {
    const state = { freshness: freshness(this.connected, this.heardAt, this.options.now()), heardAt: this.heardAt };
    const key = state.freshness === "live" ? "live" : `${state.freshness} ${state.heardAt}`;
    if (key === this.shown) return;
    this.shown = key;
    this.options.onState(state);
  }
}

function serverTime(data: string): string | null {
  if (!data) return null;
  try {
    const body = JSON.parse(data) as { at?: string };
    return body.at ?? null;
  } catch {
    return null;
  }
}
