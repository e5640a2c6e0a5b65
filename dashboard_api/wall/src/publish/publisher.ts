// From "may I use the camera" to "live", and back there by itself after the network was away.

import { retryMs } from "../media/stream";
import type { End, Facts, Session, SessionEvents } from "./whip";

export type Refusal =
  | "insecure"
  | "no_capture"
  | "no_h264"
  | "denied"
  | "no_camera"
  | "camera_busy"
  | "camera_ended"
  | "token"
  | "taken"
  | "server";

export type Shown =
  | { step: "idle" }
  | { step: "asking" }
  | { step: "ready" }
  | { step: "connecting" }
  | { step: "live"; since: number }
  | { step: "reconnecting"; detail: string | null }
  | { step: "refused"; why: Refusal; detail: string | null };

export interface Seams {
  /** Why this browser cannot publish at all; null when it can. */
  unable: () => Refusal | null;
  camera: (choice: string) => Promise<MediaStream>;
  open: (stream: MediaStream, events: SessionEvents, before: string | null) => Session;
  later: (ms: number, action: () => void) => () => void;
  now: () => number;
  random: () => number;
  onShown: (shown: Shown) => void;
  onStream: (stream: MediaStream | null) => void;
}

const FINAL_FOR: Record<number, Refusal> = { 401: "token", 403: "token", 404: "token", 409: "taken" };
/** The server is busy or restarting: it may say yes in a moment. */
const PASSING = new Set([408, 425, 429]);

export class Publisher {
  private stream: MediaStream | null = null;
  private session: Session | null = null;
  private wanted = false;
  private wasLive = false;
  private attempt = 0;
  private before: string | null = null;
  private cancel: (() => void) | null = null;
  /** Counts what was asked for; an answer to an earlier question is thrown away. */
  private turn = 0;

  constructor(
    private readonly seams: Seams,
    private choice: string,
  ) {}

  /** Show the picture; send nothing. */
  async preview(): Promise<void> {
    if (await this.look()) this.seams.onShown({ step: "ready" });
  }

  async start(): Promise<void> {
    if (this.wanted) return;
    this.wanted = true;
    this.wasLive = false;
    this.attempt = 0;
    if (!this.stream && !(await this.look())) return;
    if (this.wanted && this.stream) this.connect();
  }

  /** End the session and let go of the camera. */
  stop(): void {
    this.end();
    this.seams.onShown({ step: "idle" });
  }

  async choose(choice: string): Promise<void> {
    this.choice = choice;
    if (!this.stream) return;
    const { session } = this;
    // a phone lends one camera at a time
    this.release();
    if (!(await this.look(session === null && !this.wanted))) return;
    if (!this.wanted) this.seams.onShown({ step: "ready" });
    else if (session && session === this.session) await session.replace(this.stream!.getVideoTracks()[0]!);
    else if (!this.session && !this.cancel) this.connect();
  }

  /** The network is back: do not wait for the rest of the pause. */
  hurry(): void {
    if (!this.cancel) return;
    this.cancel();
    this.connect();
  }

  facts(): Promise<Facts | null> {
    return this.session?.facts() ?? Promise.resolve(null);
  }

  private async look(say = true): Promise<boolean> {
    const turn = ++this.turn;
    const unable = this.seams.unable();
    if (unable) {
      this.refuse(unable, null);
      return false;
    }
    if (say) this.seams.onShown({ step: "asking" });
    const { choice } = this;
    let stream: MediaStream;
    try {
      stream = await this.seams.camera(choice);
    } catch (error) {
      if (turn === this.turn) this.refuse(...reasonOf(error));
      return false;
    }
    if (turn !== this.turn || choice !== this.choice) {
      for (const track of stream.getTracks()) track.stop();
      return turn === this.turn && this.look(say);
    }
    this.stream = stream;
    stream.getVideoTracks()[0]?.addEventListener("ended", () => {
      if (this.stream === stream) this.refuse("camera_ended", null);
    });
    this.seams.onStream(stream);
    return true;
  }

  private connect(): void {
    this.cancel = null;
    if (!this.stream) return;
    if (!this.wasLive) this.seams.onShown({ step: "connecting" });
    const session = this.seams.open(
      this.stream,
      {
        onLive: () => {
          if (this.session !== session) return;
          this.attempt = 0;
          this.wasLive = true;
          this.seams.onShown({ step: "live", since: this.seams.now() });
        },
        onEnd: (end) => {
          if (this.session === session) this.lost(end, session.resource);
        },
      },
      this.before,
    );
    this.before = null;
    this.session = session;
  }

  private lost(end: End, resource: string | null): void {
    this.session = null;
    this.before = resource;
    const { status } = end;
    const final = status !== null && status < 500 && !PASSING.has(status);
    // after a lost line the place may still be held by what we sent before
    if (final && !(status === 409 && this.wasLive)) {
      this.refuse(FINAL_FOR[status] ?? "server", end.detail);
      return;
    }
    this.seams.onShown({ step: "reconnecting", detail: end.detail });
    this.cancel = this.seams.later(retryMs(this.attempt++, this.seams.random()), () => this.connect());
  }

  private refuse(why: Refusal, detail: string | null): void {
    this.end();
    this.seams.onShown({ step: "refused", why, detail });
  }

  private end(): void {
    this.turn++;
    this.wanted = false;
    this.cancel?.();
    this.cancel = null;
    const { session } = this;
    this.session = null;
    session?.stop();
    this.release();
  }

  private release(): void {
    const { stream } = this;
    this.stream = null;
    for (const track of stream?.getTracks() ?? []) track.stop();
    if (stream) this.seams.onStream(null);
  }
}

function reasonOf(error: unknown): [Refusal, string | null] {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return ["denied", null];
  if (name === "NotFoundError" || name === "OverconstrainedError") return ["no_camera", null];
  if (name === "NotReadableError" || name === "AbortError") return ["camera_busy", null];
  return ["no_camera", String(error)];
}
