// Feeds fMP4 fragments into a SourceBuffer: bounded queue, trimmed past, and a steady place near the live edge.

export const MAX_PENDING_BYTES = 8 * 1024 * 1024;
export const KEEP_BEHIND_S = 10;
export const TRIM_AT_S = 20;
export const JUMP_WHEN_BEHIND_S = 1.5;
export const HURRY_WHEN_BEHIND_S = 0.9;
export const JUMP_TO_S = 0.3;
export const HURRY_RATE = 1.06;

/** What the pump needs of a SourceBuffer. */
export interface BufferLike {
  readonly updating: boolean;
  readonly buffered: { readonly length: number; start(index: number): number; end(index: number): number };
  appendBuffer(data: ArrayBuffer): void;
  remove(start: number, end: number): void;
}

/** What the pump needs of a video element. */
export interface VideoLike {
  currentTime: number;
  playbackRate: number;
}

export type Edge = { act: "jump"; to: number } | { act: "hurry" } | { act: "steady" };

/** Where playing should go, given what is buffered. */
export function atEdge(start: number, end: number, current: number): Edge {
  const behind = end - current;
  if (current < start || behind > JUMP_WHEN_BEHIND_S) return { act: "jump", to: Math.max(start, end - JUMP_TO_S) };
  if (behind < -0.1) return { act: "jump", to: Math.max(start, end - JUMP_TO_S) };
  return { act: behind > HURRY_WHEN_BEHIND_S ? "hurry" : "steady" };
}

export class Pump {
  private readonly pending: ArrayBuffer[] = [];
  private pendingBytes = 0;
  private readonly buffer: BufferLike;
  private readonly video: VideoLike;
  private readonly onOverflow: () => void;
  private overflowed = false;

  constructor(buffer: BufferLike, video: VideoLike, onOverflow: () => void) {
    this.buffer = buffer;
    this.video = video;
    this.onOverflow = onOverflow;
  }

  /** A hole in a GOP would show as smear, so a queue that is too long ends this stream, and a new one begins. */
  push(data: ArrayBuffer): void {
    if (this.overflowed) return;
    this.pending.push(data);
    this.pendingBytes += data.byteLength;
    if (this.pendingBytes > MAX_PENDING_BYTES) {
      this.overflowed = true;
      this.onOverflow();
      return;
    }
    this.turn();
  }

  /** Call at every `updateend`. */
  turn(): void {
    if (this.overflowed || this.buffer.updating) return;
    this.follow();
    if (this.trim(TRIM_AT_S)) return;
    if (this.pending.length === 0) return;
    const data = joined(this.pending, this.pendingBytes);
    try {
      this.buffer.appendBuffer(data);
    } catch (error) {
      if ((error as Error).name !== "QuotaExceededError") throw error;
      if (!this.trim(KEEP_BEHIND_S / 2, 1)) this.onOverflow();
      return;
    }
    this.pending.length = 0;
    this.pendingBytes = 0;
  }

  behindS(): number {
    const { buffered } = this.buffer;
    return buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - this.video.currentTime;
  }

  private follow(): void {
    const { buffered } = this.buffer;
    if (buffered.length === 0) return;
    const last = buffered.length - 1;
    const edge = atEdge(buffered.start(last), buffered.end(last), this.video.currentTime);
    if (edge.act === "jump") this.video.currentTime = edge.to;
    const rate = edge.act === "hurry" ? HURRY_RATE : 1;
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
  }

  private trim(whenBehindS: number, keepS = KEEP_BEHIND_S): boolean {
    const { buffered } = this.buffer;
    if (buffered.length === 0) return false;
    const start = buffered.start(0);
    const end = this.video.currentTime - keepS;
    if (this.video.currentTime - start <= whenBehindS || end <= start) return false;
    this.buffer.remove(start, end);
    return true;
  }
}

function joined(chunks: readonly ArrayBuffer[], bytes: number): ArrayBuffer {
  if (chunks.length === 1) return chunks[0]!;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(new Uint8Array(chunk), at);
    at += chunk.byteLength;
  }
  return all.buffer;
}
