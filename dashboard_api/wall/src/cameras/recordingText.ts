import type { Camera } from "../api/types";
import type { Words } from "../i18n";

/** Whether a camera is recorded now; one that waits for a trigger says for which. */
export function recordingText(camera: Camera, t: Words["t"]): string {
  if (camera.state?.recording) return t("common.yes");
  if (camera.record && camera.enabled && camera.record_mode !== "continuous")
    return t(`camera.record_mode_${camera.record_mode}`);
  return t("common.no");
}
