import { describe, expect, it } from "vitest";
import { isSilent } from "./silence";

describe("a camera without a picture", () => {
  it("is silent once something went wrong", () => {
    expect(isSilent({ state: "backoff", reason: "connection refused" })).toBe(true);
    expect(isSilent({ state: "auth_failed", reason: "wrong user name or password" })).toBe(true);
    expect(isSilent({ state: "not_found", reason: "" })).toBe(true);
    expect(isSilent({ state: "disabled", reason: "switched off" })).toBe(true);
    expect(isSilent({ state: "connecting", reason: "connection refused" })).toBe(true);
  });

  it("is not, while it opens for the first time or sends", () => {
    expect(isSilent({ state: "connecting", reason: "" })).toBe(false);
    expect(isSilent({ state: "idle", reason: "" })).toBe(false);
    expect(isSilent({ state: "streaming", reason: "" })).toBe(false);
    expect(isSilent({ state: "degraded", reason: "the picture is frozen" })).toBe(false);
    expect(isSilent(null)).toBe(false);
    expect(isSilent(undefined)).toBe(false);
  });
});
