import type { Unit } from "../api/types";
import { useWords } from "../i18n";
import { useLive } from "../live/hooks";
import { Age, connTone, Facts, State } from "../ui/bits";
import { Battery } from "../units/Battery";

export function UnitCard({ unit: given }: { unit: Unit }) {
  const { t, say } = useWords();
  const live = useLive();
  const unit = live.units.get(given.id) ?? given;
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
