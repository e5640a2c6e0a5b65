import { describe, expect, it } from "vitest";
import { foreseen, Outbox, type Step } from "./outbox";

class FakeShelf {
  private readonly kept = new Map<string, string>();
  getItem(key: string): string | null {
    return this.kept.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.kept.set(key, value);
  }
}
const step = (name: Step["step"], key = name as string): Step => ({ assignment: 1, step: name, reason: "", key, at: "" });

describe("the outbox", () => {
  it("keeps steps in order over a reload until the network is back, each with its key", async () => {
    const shelf = new FakeShelf();
    const first = new Outbox(shelf, async () => "later");
    first.put(step("accept", "k1"));
    first.put(step("on_scene", "k2"));
    expect(await first.flush()).toBe(false);

    const sent: string[] = [];
    const second = new Outbox(shelf, async (one) => {
      sent.push(one.key);
      return "done";
    });
    expect(await second.flush()).toBe(true);
    expect(sent).toEqual(["k1", "k2"]);
    expect(new Outbox(shelf, async () => "done").waiting).toEqual([]);
  });

  it("takes a step once, however often it is pressed", () => {
    const outbox = new Outbox(new FakeShelf(), async () => "later");
    outbox.put(step("accept", "k1"));
    outbox.put(step("accept", "k2"));
    expect(outbox.waiting).toHaveLength(1);
  });

  it("goes on after a step the server refused", async () => {
    const outbox = new Outbox(new FakeShelf(), async (one) => (one.step === "accept" ? "refused" : "done"));
    outbox.put(step("accept"));
    outbox.put(step("clear"));
    expect(await outbox.flush()).toBe(true);
    expect(outbox.waiting).toEqual([]);
  });

  it("survives a spoiled shelf", () => {
    const shelf = new FakeShelf();
    shelf.setItem("alertwall.patrol.steps", "{not json");
    expect(new Outbox(shelf, async () => "done").waiting).toEqual([]);
  });
});

describe("what the phone shows meanwhile", () => {
  it("is the state that the waiting steps will lead to", () => {
    expect(foreseen("queued", [step("delivered")])).toBe("delivered");
    expect(foreseen("delivered", [step("accept"), step("on_scene")])).toBe("on_scene");
    expect(foreseen("accepted", [step("delivered")])).toBe("accepted");
  });
});
