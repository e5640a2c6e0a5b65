import { describe, expect, it } from "vitest";
import { lendsCameras, linkOf, readLink } from "./link";
import { Publisher, type Refusal, type Shown } from "./publisher";
import type { End, SessionEvents } from "./whip";

const TOKEN = "k".repeat(43);

class FakeTrack extends EventTarget {
  stopped = false;
  stop(): void {
    this.stopped = true;
  }
}

class Desk {
  shown: Shown[] = [];
  tracks: FakeTrack[] = [];
  asked: string[] = [];
  sessions: { events: SessionEvents; before: string | null; stopped: boolean; replaced: number }[] = [];
  pauses: { ms: number; action: () => void }[] = [];
  unable: Refusal | null = null;
  denial: Error | null = null;
  lent: MediaStream | null = null;
  /** what a test does while the browser asks the person */
  meanwhile: (() => void) | null = null;

  readonly publisher = new Publisher(
    {
      unable: () => this.unable,
      camera: async (choice) => {
        this.asked.push(choice);
        const act = this.meanwhile;
        this.meanwhile = null;
        act?.();
        if (this.denial) throw this.denial;
        const track = new FakeTrack();
        this.tracks.push(track);
        return { getTracks: () => [track], getVideoTracks: () => [track] } as unknown as MediaStream;
      },
      open: (_stream, events, before) => {
        const session = { events, before, stopped: false, replaced: 0 };
        const resource = `/session/${this.sessions.push(session)}`;
        return {
          resource,
          replace: async () => void session.replaced++,
          facts: async () => null,
          stop: () => void (session.stopped = true),
        };
      },
      later: (ms, action) => {
        const pause = { ms, action };
        this.pauses.push(pause);
        return () => void this.pauses.splice(this.pauses.indexOf(pause), 1);
      },
      now: () => 1_000,
      random: () => 1,
      onShown: (shown) => void this.shown.push(shown),
      onStream: (stream) => void (this.lent = stream),
    },
    "environment",
  );

  get step(): string | undefined {
    return this.shown.at(-1)?.step;
  }

  async live(): Promise<void> {
    await this.publisher.start();
    this.sessions.at(-1)!.events.onLive();
  }

  end(status: number | null, detail: string | null = null): void {
    const end: End = { status, detail };
    this.sessions.at(-1)!.events.onEnd(end);
  }
}

const named = (name: string): Error => Object.assign(new Error(name), { name });

describe("a link", () => {
  it("is read whole or not at all", () => {
    expect(readLink(`#gate-1.${TOKEN}`)).toEqual({ camera: "gate-1", token: TOKEN });
    for (const bad of ["", "#", "#gate-1", `#.${TOKEN}`, "#gate-1.short", `#Gate.${TOKEN}`, `#../x.${TOKEN}`]) {
      expect(readLink(bad), bad).toBeNull();
    }
  });

  it("carries the token behind the number sign only", () => {
    const url = new URL(linkOf("gate", { url: "https://a.example/api/v1/cameras/gate/whip", token: TOKEN }));
    expect(url.origin + url.pathname + url.search).toBe("https://a.example/publish");
    expect(readLink(url.hash)).toEqual({ camera: "gate", token: TOKEN });
  });

  it("says where browsers lend cameras", () => {
    for (const good of ["https://a.example/", "http://127.0.0.1:8780/", "http://localhost/", "http://[::1]:1/"]) {
      expect(lendsCameras(good), good).toBe(true);
    }
    for (const bad of ["http://a.example/", "http://192.168.1.5:8780/", "http://127.0.0.1.evil.example/"]) {
      expect(lendsCameras(bad), bad).toBe(false);
    }
  });
});

describe("a publisher", () => {
  it("shows the picture first and sends only when told", async () => {
    const desk = new Desk();
    await desk.publisher.preview();
    expect(desk.shown.map((one) => one.step)).toEqual(["asking", "ready"]);
    expect(desk.sessions).toHaveLength(0);
    await desk.live();
    expect(desk.asked).toHaveLength(1);
    expect(desk.shown.at(-1)).toEqual({ step: "live", since: 1_000 });
    desk.publisher.stop();
    expect([desk.step, desk.sessions[0]!.stopped, desk.tracks[0]!.stopped, desk.lent]).toEqual(["idle", true, true, null]);
  });

  it.each([
    ["NotAllowedError", "denied"],
    ["NotFoundError", "no_camera"],
    ["NotReadableError", "camera_busy"],
  ])("says what a browser means by %s", async (name, why) => {
    const desk = new Desk();
    desk.denial = named(name);
    await desk.publisher.start();
    expect(desk.shown.at(-1)).toMatchObject({ step: "refused", why });
    desk.denial = null;
    await desk.live();
    expect(desk.step).toBe("live");
  });

  it("asks for no camera that it could not send", async () => {
    const desk = new Desk();
    desk.unable = "no_h264";
    await desk.publisher.preview();
    expect(desk.shown.at(-1)).toMatchObject({ step: "refused", why: "no_h264" });
    expect(desk.asked).toEqual([]);
  });

  it("comes back after the network was away, later and later, and ends what it left behind", async () => {
    const desk = new Desk();
    await desk.live();
    desk.end(null);
    for (const ms of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
      expect(desk.step).toBe("reconnecting");
      expect(desk.pauses[0]!.ms).toBe(ms);
      desk.pauses.pop()!.action();
      desk.end(null);
    }
    expect(desk.sessions[1]!.before).toBe("/session/1");
    desk.publisher.hurry();
    expect(desk.pauses).toHaveLength(0);
    desk.sessions.at(-1)!.events.onLive();
    expect(desk.step).toBe("live");
    desk.end(null);
    expect(desk.pauses[0]!.ms).toBe(1_000);
  });

  it("waits for its own old place, but not for somebody else's", async () => {
    const desk = new Desk();
    await desk.live();
    desk.end(null);
    desk.pauses.pop()!.action();
    desk.end(409, "another publisher of this camera is sending");
    expect(desk.step).toBe("reconnecting");
    desk.publisher.stop();
    await desk.publisher.start();
    desk.end(409, "another publisher of this camera is sending");
    expect(desk.shown.at(-1)).toMatchObject({ step: "refused", why: "taken" });
    expect(desk.pauses).toHaveLength(0);
  });

  it.each([
    [401, "token"],
    [404, "token"],
    [422, "server"],
  ])("does not ask again after %i", async (status, why) => {
    const desk = new Desk();
    await desk.live();
    desk.end(null);
    desk.pauses.pop()!.action();
    desk.end(status, "no");
    expect(desk.shown.at(-1)).toEqual({ step: "refused", why, detail: "no" });
    expect([desk.pauses.length, desk.tracks.at(-1)!.stopped]).toEqual([0, true]);
  });

  it.each([429, 500, 503])("asks again after %i", async (status) => {
    const desk = new Desk();
    await desk.publisher.start();
    desk.end(status, "busy");
    expect(desk.shown.at(-1)).toEqual({ step: "reconnecting", detail: "busy" });
  });

  it("changes the camera while it sends, and lets go of the old one first", async () => {
    const desk = new Desk();
    await desk.live();
    desk.meanwhile = () => expect(desk.tracks[0]!.stopped).toBe(true);
    await desk.publisher.choose("user");
    expect(desk.asked).toEqual(["environment", "user"]);
    expect([desk.sessions.length, desk.sessions[0]!.replaced, desk.step]).toEqual([1, 1, "live"]);
  });

  it("takes the camera chosen last, also while the browser still asks", async () => {
    const desk = new Desk();
    desk.meanwhile = () => void desk.publisher.choose("user");
    await desk.publisher.preview();
    expect([desk.asked, desk.tracks[0]!.stopped, desk.step]).toEqual([["environment", "user"], true, "ready"]);
  });

  it("sends nothing when it was stopped while the browser asked", async () => {
    const desk = new Desk();
    desk.meanwhile = () => desk.publisher.stop();
    await desk.publisher.start();
    expect([desk.sessions.length, desk.tracks[0]!.stopped, desk.step]).toEqual([0, true, "idle"]);
  });

  it("says when the camera is taken away", async () => {
    const desk = new Desk();
    await desk.live();
    desk.tracks[0]!.dispatchEvent(new Event("ended"));
    expect(desk.shown.at(-1)).toMatchObject({ step: "refused", why: "camera_ended" });
    expect(desk.sessions[0]!.stopped).toBe(true);
  });
});
