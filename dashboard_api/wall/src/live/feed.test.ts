import { describe, expect, it } from "vitest";
import { isNewer } from "./cursor";
import { backoffMs, Feed, type FeedState, freshness, type Row, type Source, STALE_AFTER_MS } from "./feed";

class FakeSource implements Source {
  closed = false;
  private readonly listeners = new Map<string, (message: { data?: string; lastEventId?: string }) => void>();
  constructor(readonly url: string) {}
  addEventListener(kind: string, listener: (message: { data?: string; lastEventId?: string }) => void): void {
    this.listeners.set(kind, listener);
  }
  close(): void {
    this.closed = true;
  }
  say(kind: string, data = "{}", lastEventId = ""): void {
    this.listeners.get(kind)?.({ data, lastEventId });
  }
}

class World {
  now = 1_000;
  sources: FakeSource[] = [];
  timers: { at: number; action: () => void }[] = [];
  rows: Row[] = [];
  states: FeedState[] = [];
  starts = 0;
  troubles = 0;
  readonly feed = new Feed({
    url: "/feed",
    open: (url) => {
      const source = new FakeSource(url);
      this.sources.push(source);
      return source;
    },
    now: () => this.now,
    later: (ms, action) => {
      const timer = { at: this.now + ms, action };
      this.timers.push(timer);
      return () => {
        this.timers = this.timers.filter((one) => one !== timer);
      };
    },
    random: () => 1,
    onStart: () => {
      this.starts += 1;
    },
    onRow: (row) => this.rows.push(row),
    onState: (state) => this.states.push(state),
    onClock: () => undefined,
    onTrouble: () => {
      this.troubles += 1;
    },
  });

  get source(): FakeSource {
    return this.sources[this.sources.length - 1]!;
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.now = next.at;
      next.action();
    }
    this.now = end;
  }

  get shown(): string {
    return this.states[this.states.length - 1]?.freshness ?? "";
  }
}

function greeted(): World {
  const world = new World();
  world.feed.start();
  world.source.say("hello", '{"at":"2026-01-01T00:00:00Z"}', "5-10");
  return world;
}

describe("the feed", () => {
  it("loads once, after the greeting", () => {
    const world = greeted();
    expect(world.starts).toBe(1);
    expect(world.shown).toBe("live");
  });

  it("resumes after the last row that arrived, not after the greeting that ran ahead", () => {
    const world = greeted();
    world.source.say("incident", '{"id":1}', "6-11");
    world.source.say("error");
    world.advance(1_000);
    expect(world.source.url).toBe("/feed?after=6-11");
    world.source.say("hello", "{}", "9-40");
    world.source.say("error");
    world.advance(2_000);
    expect(world.source.url).toBe("/feed?after=6-11");
    expect(world.starts).toBe(1);
  });

  it("drops a row it has already had", () => {
    const world = greeted();
    world.source.say("incident", '{"id":1}', "6-11");
    world.source.say("incident", '{"id":1}', "6-11");
    world.source.say("incident", '{"id":2}', "6-12");
    expect(world.rows.map((row) => row.cursor)).toEqual(["6-11", "6-12"]);
  });

  it("starts over when the server says it fell too far behind", () => {
    const world = greeted();
    const old = world.source;
    world.source.say("resync");
    expect(old.closed).toBe(true);
    expect(world.source.url).toBe("/feed");
    world.source.say("hello", "{}", "70-1");
    expect(world.starts).toBe(2);
  });

  it("does not listen to a connection it gave up", () => {
    const world = greeted();
    const old = world.source;
    old.say("error");
    world.advance(1_000);
    old.say("incident", '{"id":1}', "6-11");
    expect(world.rows).toEqual([]);
  });

  it("is stale when beats stop, reconnects, and is live again", () => {
    const world = greeted();
    world.advance(STALE_AFTER_MS + 2_000);
    expect(world.shown).toBe("stale");
    expect(world.sources.length).toBeGreaterThan(1);
    world.advance(1_000);
    world.source.say("hello", "{}", "9-40");
    expect(world.shown).toBe("live");
  });

  it("says reconnecting at once, and asks who is signed in after two failures", () => {
    const world = greeted();
    world.source.say("error");
    expect(world.shown).toBe("reconnecting");
    world.advance(1_000);
    world.source.say("error");
    expect(world.troubles).toBe(1);
  });

  it("stops for good", () => {
    const world = greeted();
    world.feed.stop();
    world.advance(60_000);
    expect(world.sources).toHaveLength(1);
    expect(world.source.closed).toBe(true);
  });
});

describe("its parts", () => {
  it("orders cursors by transaction, then sequence, as numbers", () => {
    expect(isNewer("10-1", "9-99")).toBe(true);
    expect(isNewer("9-100", "9-99")).toBe(true);
    expect(isNewer("9-99", "9-99")).toBe(false);
    expect(isNewer("18446744073709551615-2", "18446744073709551615-1")).toBe(true);
    expect(isNewer("1-1", null)).toBe(true);
  });

  it("backs off with jitter up to a limit", () => {
    expect(backoffMs(0, 0)).toBe(250);
    expect(backoffMs(0, 1)).toBe(500);
    expect(backoffMs(20, 1)).toBe(10_000);
  });

  it("tells connecting from stale", () => {
    expect(freshness(false, null, 0)).toBe("connecting");
    expect(freshness(true, 0, STALE_AFTER_MS)).toBe("live");
    expect(freshness(true, 0, STALE_AFTER_MS + 1)).toBe("stale");
  });
});
