import { Button, Modal, TextInput } from "@mantine/core";
import { useState } from "react";
import * as calls from "../api/calls";
import type { Patrol } from "../api/types";
import { follow } from "../app/router";
import { useCan } from "../app/session";
import { useWords } from "../i18n";
import { useLive, useStore } from "../live/hooks";
import { AreaInput } from "../ui/AreaInput";
import { ErrorText, State, type Tone } from "../ui/bits";
import { CopyLine } from "../ui/CopyLine";
import { QrCode } from "../ui/QrCode";
import { moment } from "../ui/time";
import { useForm } from "../ui/useForm";
import { Errand } from "../wall/Assignments";
import { byReadiness } from "../wall/DispatchModal";
import { useAreaNames } from "../wall/names";

const TONES: Record<Patrol["state"], Tone> = {
  available: "good",
  dispatched: "warn",
  en_route: "warn",
  on_scene: "warn",
  off_duty: "none",
};
const OPEN = new Set(["queued", "delivered", "accepted", "on_scene"]);

type Pairing = { patrol: Patrol; code: string; url: string; expires_at: string };

export default function PatrolsPage() {
  const { t, say } = useWords();
  const live = useLive();
  const areas = useAreaNames();
  const mayDispatch = useCan("dispatch");
  const [adding, setAdding] = useState(false);
  const [pairing, setPairing] = useState<Pairing | null>(null);
  const [error, setError] = useState<unknown>(null);
  const patrols = byReadiness(live.patrols.values());
  const pair = async (patrol: Patrol): Promise<void> => {
    setError(null);
    try {
      setPairing({ patrol, ...(await calls.pairing(patrol.id)) });
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <div className="page">
      <div className="page-head">
        <h2>{t("patrols.title")}</h2>
        <span className="space" />
        {mayDispatch && (
          <Button size="xs" onClick={() => setAdding(true)} data-testid="patrol-add">
            {t("patrols.add")}
          </Button>
        )}
      </div>
      <ErrorText error={error} />
      {patrols.length === 0 && <p className="empty">{live.loaded ? t("patrols.none") : t("app.loading")}</p>}
      <div className="patrol-board">
        {patrols.map((patrol) => {
          const errand = [...live.assignments.values()].find(
            (one) => one.patrol_id === patrol.id && OPEN.has(one.state),
          );
          return (
            <section key={patrol.id} className="panel" data-testid={`patrol-card-${patrol.id}`} data-state={patrol.state}>
              <div className="patrol-head">
                <b>{patrol.name}</b>
                <State tone={TONES[patrol.state]}>{say("patrol", patrol.state)}</State>
              </div>
              <p className="dim">
                {areas.short(patrol.area)} · {patrol.online ? t("dispatch.online") : t("dispatch.offline")}
              </p>
              {errand && (
                <>
                  <a className="plain-link" href={`/?incident=${errand.incident_id}`} onClick={follow}>
                    {t("incident.number", { id: errand.incident_id })}
                  </a>
                  <Errand item={errand} />
                </>
              )}
              {mayDispatch && (
                <Button
                  size="xs"
                  variant="default"
                  onClick={() => void pair(patrol)}
                  data-testid={`patrol-pairing-${patrol.id}`}
                >
                  {t("patrols.pair")}
                </Button>
              )}
            </section>
          );
        })}
      </div>
      {adding && <PatrolForm onClose={() => setAdding(false)} />}
      {pairing && (
        <Modal opened onClose={() => setPairing(null)} title={`${t("patrols.pair")}: ${pairing.patrol.name}`} size="md">
          <div className="dialog">
            <p style={{ margin: 0 }}>{t("patrols.pair_hint", { time: moment(pairing.expires_at) })}</p>
            <div style={{ textAlign: "center" }}>
              <QrCode text={absolute(pairing.url)} label={t("patrols.qr")} />
            </div>
            <CopyLine label={t("patrols.link")} text={absolute(pairing.url)} testId="pairing-url" />
            <CopyLine label={t("patrols.code")} text={pairing.code} testId="pairing-code" />
          </div>
        </Modal>
      )}
    </div>
  );
}

/** The server may only know its path; the phone needs the whole address. */
function absolute(url: string): string {
  return new URL(url, location.origin).href;
}

function PatrolForm({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const store = useStore();
  const form = useForm({ id: "", name: "", area: "" });
  const save = (): Promise<void> =>
    form.submit(async () => {
      store.put("patrol", await calls.addPatrol(form.values));
      onClose();
    });
  return (
    <Modal opened onClose={onClose} title={t("patrols.new")} size="md">
      <form
        className="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <TextInput
          label={t("common.id")}
          description={t("patrols.id_hint")}
          required
          spellCheck={false}
          data-testid="patrol-id"
          {...form.text("id")}
        />
        <TextInput label={t("common.name")} required data-testid="patrol-name" {...form.text("name")} />
        <AreaInput
          value={form.values.area}
          onChange={(area) => form.set("area", area)}
          error={form.fieldError("area")}
          testId="patrol-area"
        />
        <ErrorText error={form.error} />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" loading={form.busy} data-testid="patrol-save">
            {t("common.save")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
