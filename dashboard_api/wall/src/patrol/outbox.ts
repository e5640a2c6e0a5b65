// Steps a patrol took that the server has not heard yet. They survive a reload and are sent in order.

export interface Step {
  assignment: number;
  step: "delivered" | "accept" | "decline" | "on_scene" | "clear";
  reason: string;
  /** sent as Idempotency-Key: a repeated step counts once */
  key: string;
  at: string;
}

/** What the outbox needs of localStorage. */
export interface Shelf {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

export type Send = (step: Step) => Promise<"done" | "refused" | "later">;

const KEPT = "alertwall.patrol.steps";

export class Outbox {
  private steps: Step[];
  private readonly shelf: Shelf;
  private readonly send: Send;
  private running = false;

  constructor(shelf: Shelf, send: Send) {
    this.shelf = shelf;
    this.send = send;
    this.steps = read(shelf);
  }

  get waiting(): readonly Step[] {
    return this.steps;
  }

  put(step: Step): void {
    if (this.steps.some((one) => one.assignment === step.assignment && one.step === step.step)) return;
    this.steps = [...this.steps, step];
    this.keep();
  }

  /** Send what waits, oldest first; stop at the first that the network refused. */
  async flush(): Promise<boolean> {
    if (this.running) return false;
    this.running = true;
    try {
      while (this.steps.length > 0) {
        if ((await this.send(this.steps[0]!)) === "later") return false;
        this.steps = this.steps.slice(1);
        this.keep();
      }
      return true;
    } finally {
      this.running = false;
    }
  }

  private keep(): void {
    this.shelf.setItem(KEPT, JSON.stringify(this.steps));
  }
}

function read(shelf: Shelf): Step[] {
  try {
    const kept: unknown = JSON.parse(shelf.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? (kept as Step[]) : [];
  } catch {
    return [];
  }
}

/** What an assignment will be once the waiting steps have arrived. */
export function foreseen(state: string, steps: readonly Pick<Step, "step">[]): string {
  const becomes: Record<Step["step"], string> = {
    delivered: "delivered",
    accept: "accepted",
    decline: "declined",
    on_scene: "on_scene",
    clear: "clear",
  };
  return steps.reduce((now, { step }) => (step === "delivered" && now !== "queued" ? now : becomes[step]), state);
}
