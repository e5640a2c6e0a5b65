import type { UnitState } from "../api/types";
import { useWords } from "../i18n";
import { State } from "../ui/bits";

export const BATTERY_LOW_PERCENT = 20;

/** Battery and mains in one word: on mains all is well, on battery its percentage counts. */
export function Battery({ state }: { state: UnitState | null }) {
  const { t } = useWords();
  if (!state || (state.battery_percent === null && state.mains === null)) return <>–</>;
  const percent = state.battery_percent === null ? "" : `${Math.round(state.battery_percent)}%`;
  const low = state.battery_percent !== null && state.battery_percent < BATTERY_LOW_PERCENT;
  const power = state.mains === null ? "" : state.mains ? t("units.mains_ok") : t("units.mains_lost");
  const text = [percent, power].filter(Boolean).join(" · ");
  if (!low && state.mains !== false) return <>{text}</>;
  return <State tone={low ? "bad" : "warn"}>{text}</State>;
}
