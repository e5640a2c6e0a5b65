// What is known of a camera that gives no picture, so that nobody waits for one.

import type { CameraState } from "../api/types";

const UP: ReadonlySet<string> = new Set(["streaming", "degraded"]);
const TRYING: ReadonlySet<string> = new Set(["idle", "connecting", "probing"]);

/** Whether its worker says that no picture comes; a first attempt that is under way, or no word yet, is no silence. */
export function isSilent(state: Pick<CameraState, "state" | "reason"> | null | undefined): boolean {
  if (!state || UP.has(state.state)) return false;
  return !TRYING.has(state.state) || state.reason !== "";
}
