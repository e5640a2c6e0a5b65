import { useEffect } from "react";
import * as calls from "../api/calls";
import type { Unit } from "../api/types";
import { useWords } from "../i18n";
import { useLive, useStore } from "../live/hooks";
import { Age, connTone, Facts, State } from "../ui/bits";
import { Battery } from "../units/Battery";

const ASK_AGAIN_MS = 10_000;

export function UnitCard({ unit: given }: { unit: Unit }) {
  const { t, say } = useWords();
  const store = useStore();
  useEffect(() => {
    const ask = (): void => void calls.unit(given.id).then((unit) => store.put("unit", unit), () => undefined);
    const timer = setInterval(ask, ASK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [given.id, store]);
  const known = useLive().units.get(given.id);
  // the one that was heard later is the newer one
  const unit = known && heard(known) >= heard(given) ? known : given;
  const state = unit.state;
  return (
    <section className="panel" data-testid="unit-card">
      <h3>
        {t("incident.unit")} {unit.name}
      </h3>
      <Facts
        items={[
          [
            t("units.conn"),
            <State key="conn" tone={connTone(state?.conn, Boolean(state?.silent_since))}>
              {state?.silent_since ? t("units.silent") : say("conn", state?.conn ?? "unknown")}
            </State>,
          ],
          [t("units.arm"), say("arm", state?.arm ?? "unknown")],
          [t("units.last_heard"), <Age key="heard" since={state?.last_heard_at ?? null} />],
          [t("units.battery"), <Battery key="battery" state={state} />],
          [t("units.points"), state && state.points_open.length > 0 ? state.points_open.join(", ") : t("common.none")],
        ]}
      />
    </section>
  );
}

function heard(unit: Unit): string {
  return unit.state?.last_heard_at ?? "";
}
