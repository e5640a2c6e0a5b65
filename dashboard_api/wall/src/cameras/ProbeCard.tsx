import { Button } from "@mantine/core";
import type { Probe } from "../api/types";
import { useWords } from "../i18n";
import { Facts } from "../ui/bits";

const KEYFRAMES_SPARSE_S = 4;

interface Props {
  probe: Probe | null;
  probing: boolean;
  canProbe: boolean;
  onProbe: () => void;
}

/** What the camera showed when it was opened as typed, before anything is saved. */
export function ProbeCard({ probe, probing, canProbe, onProbe }: Props) {
  const { t, said } = useWords();
  return (
    <section className="panel dialog" data-testid="probe-card" data-ok={probe?.ok}>
      <div style={{ display: "flex", gap: 12, alignItems: "center" }}>
        <Button variant="light" onClick={onProbe} loading={probing} disabled={!canProbe} style={{ flex: "none" }} data-testid="camera-probe">
          {t("camera.probe")}
        </Button>
        <span className="dim">{probing ? t("camera.probing") : t("camera.probe_hint")}</span>
      </div>
      {probe && !probe.ok && (
        <p className="error" role="alert" data-testid="probe-problem">
          {t("camera.probe_bad")}: {said(probe.problem) || "–"}
        </p>
      )}
      {probe?.ok && <p className="notice">{t("camera.probe_ok")}</p>}
      {probe?.snapshot_b64 && (
        <img
          src={`data:image/jpeg;base64,${probe.snapshot_b64}`}
          alt={t("media.snapshot")}
          style={{ width: "100%", borderRadius: 6 }}
          data-testid="probe-snapshot"
        />
      )}
      {probe?.ok && (
        <Facts
          items={[
            [t("cameras.codec"), probe.codec],
            [t("camera.probe_size"), probe.width_px ? `${probe.width_px}×${probe.height_px}` : "–"],
            [t("cameras.fps"), probe.fps?.toFixed(1) ?? "–"],
            [t("camera.probe_keyframe"), probe.keyframe_interval_s ? `${probe.keyframe_interval_s.toFixed(1)} s` : "–"],
            [t("camera.probe_open"), probe.open_s === null ? "–" : `${probe.open_s.toFixed(2)} s`],
          ]}
        />
      )}
      {probe?.ok && (probe.keyframe_interval_s ?? 0) > KEYFRAMES_SPARSE_S && (
        <p className="dim">{t("camera.keyframe_long", { seconds: probe.keyframe_interval_s?.toFixed(0) ?? "" })}</p>
      )}
      {probe?.ok && probe.codec && !/h\.?264|avc/i.test(probe.codec) && (
        <p className="dim">{t("camera.not_live", { codec: probe.codec })}</p>
      )}
    </section>
  );
}
