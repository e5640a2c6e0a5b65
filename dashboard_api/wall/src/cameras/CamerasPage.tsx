import { Button, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import type { Camera } from "../api/types";
import { follow, go } from "../app/router";
import { useCan } from "../app/session";
import { useWords } from "../i18n";
import { StatisticsPage } from "../statistics/StatisticsPage";
import { useLive, useRefreshed } from "../live/hooks";
import { LiveView } from "../media/LiveView";
import { Age, linkTone, State } from "../ui/bits";
import { useAreaNames } from "../wall/names";
import { AcceptancePage } from "./AcceptancePage";
import { CameraForm } from "./CameraForm";
import { CameraPage } from "./CameraPage";
import { ImportPage } from "./ImportPage";
import { recordingText } from "./recordingText";

type View = "grid" | "table";
const KEPT = "alertwall.cameras";

export default function CamerasPage({ id, view }: { id?: string | undefined; view?: string | undefined }) {
  const live = useLive();
  const mayRegister = useCan("register");
  useRefreshed("cameras");
  if (id === "new" && mayRegister) return <CameraForm camera={null} />;
  if (id === "import" && mayRegister) return <ImportPage />;
  if (!id) return <CameraList />;
  const camera = live.cameras.get(id);
  if (!camera) return <Missing />;
  if (view === "statistics") return <StatisticsPage key={id} camera={camera} />;
  if (view === "acceptance" && mayRegister) return <AcceptancePage key={id} camera={camera} />;
  return <CameraPage key={id} camera={camera} />;
}

function Missing() {
  const { t } = useWords();
  const { loaded } = useLive();
  return <p className="empty">{loaded ? t("common.not_found") : t("app.loading")}</p>;
}

export function isUp(camera: Camera): boolean {
  return camera.state?.state === "streaming" || camera.state?.state === "degraded";
}

/** Cameras that are not up stand first, then by name. */
export function byTrouble(cameras: Iterable<Camera>): Camera[] {
  return [...cameras].sort((a, b) => Number(isUp(a)) - Number(isUp(b)) || a.name.localeCompare(b.name));
}

function CameraList() {
  const { t } = useWords();
  const live = useLive();
  const mayWatch = useCan("watch");
  const mayRegister = useCan("register");
  const [kept, setView] = useState<View>(() => (localStorage.getItem(KEPT) === "table" ? "table" : "grid"));
  const view = mayWatch ? kept : "table";
  const cameras = [...live.cameras.values()];
  const up = cameras.filter(isUp).length;
  return (
    <div className="page" style={{ maxWidth: "none" }}>
      <div className="page-head">
        <h2>{t("cameras.title")}</h2>
        <span className="dim" data-testid="cameras-up">
          {t("cameras.up", { up, count: cameras.length })}
        </span>
        <span className="space" />
        {mayWatch && (
          <SegmentedControl
            size="xs"
            value={view}
            onChange={(next) => {
              localStorage.setItem(KEPT, next);
              setView(next as View);
            }}
            data={[
              { value: "grid", label: t("cameras.grid") },
              { value: "table", label: t("cameras.table") },
            ]}
            data-testid="cameras-view"
          />
        )}
        {mayRegister && (
          <Button size="xs" variant="default" onClick={() => go("/cameras/import")} data-testid="camera-import">
            {t("import.open")}
          </Button>
        )}
        {mayRegister && (
          <Button size="xs" onClick={() => go("/cameras/new")} data-testid="camera-add">
            {t("cameras.add")}
          </Button>
        )}
      </div>
      {cameras.length === 0 && <p className="empty">{live.loaded ? t("cameras.none") : t("app.loading")}</p>}
      {cameras.length > 0 && view === "grid" && <Grid cameras={byTrouble(cameras)} />}
      {cameras.length > 0 && view === "table" && <Health cameras={byTrouble(cameras)} />}
    </div>
  );
}

/** Few cameras fill the page; many keep a size at which they can still be read. */
function columnsFor(count: number): number | undefined {
  if (count <= 1) return 1;
  if (count === 2) return 2;
  return count <= 9 ? 3 : undefined;
}

function Grid({ cameras }: { cameras: Camera[] }) {
  return (
    <div className="tiles" data-columns={columnsFor(cameras.length)}>
      {cameras.map((camera) => (
        <a
          key={camera.id}
          className="tile"
          href={`/cameras/${camera.id}`}
          onClick={follow}
          data-testid={`camera-tile-${camera.id}`}
        >
          {camera.enabled && (
            <LiveView camera={camera.id} label={camera.name} testId={`camera-live-${camera.id}`} />
          )}
          <span className="tile-foot">
            <b>{camera.name}</b>
            <span className="space" />
            <LinkState camera={camera} />
          </span>
        </a>
      ))}
    </div>
  );
}

export function LinkState({ camera }: { camera: Camera }) {
  const { say } = useWords();
  return <State tone={linkTone(camera.state?.state)}>{say("link", camera.state?.state ?? "none")}</State>;
}

function Health({ cameras }: { cameras: Camera[] }) {
  const { t, said } = useWords();
  const areas = useAreaNames();
  return (
    <table className="table">
      <thead>
        <tr>
          <th>{t("common.name")}</th>
          <th>{t("common.place")}</th>
          <th>{t("common.state")}</th>
          <th>{t("cameras.reason")}</th>
          <th className="num">{t("cameras.last_frame")}</th>
          <th className="num">{t("cameras.fps")}</th>
          <th>{t("cameras.picture")}</th>
          <th className="num">{t("cameras.lost")}</th>
          <th>{t("cameras.recording")}</th>
        </tr>
      </thead>
      <tbody>
        {cameras.map((camera) => (
          <tr key={camera.id} data-testid={`camera-row-${camera.id}`}>
            <td className="strong">
              <a href={`/cameras/${camera.id}`} onClick={follow}>
                {camera.name}
              </a>
            </td>
            <td>{camera.place || areas.short(camera.area)}</td>
            <td>
              <LinkState camera={camera} />
            </td>
            <td className="dim">{said(camera.state?.reason) || "–"}</td>
            <td className="num">
              <Age since={camera.state?.last_frame_at ?? null} />
            </td>
            <td className="num">{camera.state?.fps?.toFixed(1) ?? "–"}</td>
            <td>{pictureOf(camera)}</td>
            <td className="num">{camera.state?.frames_lost_total ?? "–"}</td>
            <td>{recordingText(camera, t)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function pictureOf(camera: Camera): string {
  const state = camera.state;
  if (!state?.width_px) return "–";
  return `${state.width_px}×${state.height_px} ${state.codec ?? ""}`;
}
