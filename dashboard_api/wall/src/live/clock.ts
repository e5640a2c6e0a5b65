// Ages are counted on the server's clock, so that a wrong clock in a browser shows no wrong age.

export class ServerClock {
  private offsetMs: number | null = null;
  private readonly now: () => number;

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  /** Every reading is late by its way here; the least late one is the best. */
  set(serverTime: string): void {
    const offset = Date.parse(serverTime) - this.now();
    if (Number.isNaN(offset)) return;
    const jumped = this.offsetMs !== null && Math.abs(offset - this.offsetMs) > JUMP_MS;
    if (this.offsetMs === null || offset > this.offsetMs || jumped) this.offsetMs = offset;
  }

  nowMs(): number {
    return this.now() + (this.offsetMs ?? 0);
  }
}

const JUMP_MS = 5_000;

export const serverClock = new ServerClock();

type Listener = () => void;
const listeners = new Set<Listener>();
let second = Math.floor(serverClock.nowMs() / 1000);
let timer: ReturnType<typeof setInterval> | null = null;

/** One timer for every age on the page. */
export function subscribeSeconds(listener: Listener): () => void {
  listeners.add(listener);
  if (!timer) {
    second = Math.floor(serverClock.nowMs() / 1000);
    timer = setInterval(tick, 1000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer) {
      clearInterval(timer);
      timer = null;
    }
  };
}

function tick(): void {
  second = Math.floor(serverClock.nowMs() / 1000);
  for (const listener of listeners) listener();
}

export function currentSecond(): number {
  return second;
}
