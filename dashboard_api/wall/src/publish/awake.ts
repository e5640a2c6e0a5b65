import { useEffect, useState } from "react";

/** Keep the screen on while `wanted`; false where the browser cannot. Browsers let go whenever the page is hidden. */
export function useAwake(wanted: boolean): boolean {
  const [refused, setRefused] = useState(false);
  useEffect(() => {
    if (!wanted) return;
    let over = false;
    let lock: WakeLockSentinel | null = null;
    const hold = async (): Promise<void> => {
      if (document.visibilityState !== "visible") return;
      try {
        const held = await navigator.wakeLock.request("screen");
        if (over) void held.release();
        else lock = held;
        setRefused(false);
      } catch {
        setRefused(document.visibilityState === "visible");
      }
    };
    const change = (): void => void hold();
    void hold();
    document.addEventListener("visibilitychange", change);
    return () => {
      over = true;
      document.removeEventListener("visibilitychange", change);
      void lock?.release();
    };
  }, [wanted]);
  return !refused;
}
