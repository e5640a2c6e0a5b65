// What both ways of showing a live picture have in common.

export interface StreamEvents {
  onPlaying: () => void;
  /**
   * the stream is over; `problem` is what the server said about it, if it said anything;
   * `soon`: the same way may work in a moment
   */
  onEnd: (problem: string | null, soon?: boolean) => void;
}

export interface Stream {
  readonly kind: "mse" | "webrtc";
  stop: () => void;
}

const FIRST_MS = 1_000;
const LIMIT_MS = 15_000;

export function retryMs(attempt: number, random: number): number {
  return Math.min(LIMIT_MS, FIRST_MS * 2 ** attempt) * (0.5 + random / 2);
}
