import { Button } from "@mantine/core";
import { useState } from "react";
import { BASE } from "../api/client";
import * as calls from "../api/calls";
import type { Camera } from "../api/types";
import { follow, go } from "../app/router";
import { useCan } from "../app/session";
import { useWords } from "../i18n";
import { useLive, useLoad } from "../live/hooks";
import { Clip } from "../media/Clip";
import { LiveView } from "../media/LiveView";
import { Age, Facts, Moment, position, PriorityMark } from "../ui/bits";
import { labelOf } from "../ui/detail";
import { useAreaNames } from "../wall/names";
import { CameraForm } from "./CameraForm";
import { LinkState, pictureOf } from "./CamerasPage";
import { MasksPanel } from "./MasksPanel";
import { Presets } from "./Presets";
import { RulesPanel } from "./RulesPanel";
import { recordingText } from "./recordingText";

export function CameraPage({ camera }: { camera: Camera }) {
  const { t, said, say } = useWords();
  const mayWatch = useCan("watch");
  const mayTurn = useCan("turn");
  const mayRegister = useCan("register");
  const areas = useAreaNames();
  const [editing, setEditing] = useState(false);
  const [clip, setClip] = useState<string | null>(null);
  if (editing) return <CameraForm camera={camera} onDone={() => setEditing(false)} />;
  const state = camera.state;
  return (
    <div className="page">
      <div className="page-head">
        <a className="plain-link" href="/cameras" onClick={follow}>
          ← {t("cameras.title")}
        </a>
        <h2>{camera.name}</h2>
        <LinkState camera={camera} />
        <span className="space" />
        <Button
          size="xs"
          variant="default"
          onClick={() => go(`/timeline?camera=${encodeURIComponent(camera.id)}`)}
          data-testid="camera-timeline"
        >
          {t("nav.timeline")}
        </Button>
        <Button
          size="xs"
          variant="default"
          onClick={() => go(`/cameras/${encodeURIComponent(camera.id)}/statistics`)}
          data-testid="camera-statistics"
        >
          {t("stats.title")}
        </Button>
        {mayRegister && (
          <Button
            size="xs"
            variant="default"
            onClick={() => go(`/cameras/${encodeURIComponent(camera.id)}/acceptance`)}
            data-testid="camera-acceptance"
          >
            {t("card.open")}
          </Button>
        )}
        {mayRegister && (
          <Button size="xs" variant="default" onClick={() => setEditing(true)} data-testid="camera-change">
            {t("camera.change")}
          </Button>
        )}
      </div>
      <div className="split">
        <div style={{ display: "grid", gap: 16 }}>
          <div className="camera-live">
            {clip ? (
              <Clip src={`${BASE}/events/${clip}/clip.mp4`} testId="camera-clip" />
            ) : !camera.enabled ? (
              <p className="live-note">{say("link", "disabled")}</p>
            ) : mayWatch ? (
              <LiveView camera={camera.id} focus label={camera.name} testId="camera-live" />
            ) : (
              <p className="live-note">{t("common.forbidden")}</p>
            )}
          </div>
          {clip && mayWatch && (
            <button type="button" className="text-button" onClick={() => setClip(null)}>
              ← {t("camera.live")}
            </button>
          )}
          {camera.has_onvif && mayTurn && <Presets camera={camera.id} />}
          <RulesPanel camera={camera} />
          <MasksPanel camera={camera} />
        </div>
        <div style={{ display: "grid", gap: 16 }}>
          <section className="panel">
            <h3>{t("camera.health")}</h3>
            <Facts
              items={[
                [t("common.state"), <LinkState key="state" camera={camera} />],
                [t("cameras.reason"), said(state?.reason) || "–"],
                [t("cameras.last_frame"), <Age key="frame" since={state?.last_frame_at ?? null} />],
                [t("cameras.picture"), pictureOf(camera)],
                [t("cameras.fps"), state?.fps?.toFixed(1) ?? "–"],
                [t("cameras.lost"), state ? `${state.frames_lost_total} / ${state.frames_total}` : "–"],
                [t("cameras.recording"), recordingText(camera, t)],
                [t("common.place"), camera.place || "–"],
                [t("common.area"), `${areas.short(camera.area)} (${camera.area})`],
                [t("common.position"), position(camera)],
                ...(camera.source
                  ? ([
                      [
                        t("camera.host"),
                        addressOf(camera.source),
                      ],
                    ] as [string, string][])
                  : []),
              ]}
            />
          </section>
          <Events camera={camera.id} onClip={setClip} />
        </div>
      </div>
    </div>
  );
}

export function addressOf({ scheme, host, port, path, transport }: NonNullable<Camera["source"]>): string {
  if (scheme === "file") return `file://${path}`;
  return `${scheme}://${host}:${port}${path}${scheme === "rtsp" ? ` (${transport})` : ""}`;
}

function Events({ camera, onClip }: { camera: string; onClip: (event: string) => void }) {
  const words = useWords();
  const { t, say } = words;
  const live = useLive();
  const stored = useLoad(`events ${camera}`, () => calls.cameraEvents(camera)).data?.items ?? [];
  const known = new Set(stored.map((event) => event.id));
  const fresh = live.events.filter((event) => event.source_id === camera && !known.has(event.id));
  const events = [...fresh, ...stored].slice(0, 40);
  return (
    <section className="panel" data-testid="camera-events">
      <h3>{t("camera.events")}</h3>
      {events.length === 0 && <p className="dim">{t("camera.no_events")}</p>}
      <table className="table events">
        <tbody>
          {events.map((event) => (
            <tr key={event.id}>
              <td>
                <PriorityMark priority={event.priority} size={18} />
              </td>
              <td>
                <button type="button" className="text-button" onClick={() => onClip(event.id)}>
                  {say("kind", event.kind)}
                </button>
              </td>
              <td className="dim">{labelOf(event, words)}</td>
              <td className="num">
                <Moment at={event.time} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
