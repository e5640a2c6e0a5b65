import { Button } from "@mantine/core";
import { useState } from "react";
import * as calls from "../api/calls";
import type { Discovered, OnvifCamera } from "../api/types";
import { useWords } from "../i18n";
import { errorText } from "../ui/bits";

const CLOCK_NOTICED_S = 5;

/** What a camera's own word fills in. */
export interface Filled {
  scheme: string;
  port: string;
  path: string;
  sub_path: string;
}

interface Props {
  /** as typed; the device service is asked, not the stream */
  device: { host: string; port: number; username: string; password: string; camera_id?: string };
  onChoose: (found: Discovered) => void;
  onFill: (filled: Filled) => void;
}

/** Cameras that answer on the network, and the streams of the one that is chosen. */
export function FindCameras({ device, onChoose, onFill }: Props) {
  const words = useWords();
  const { t, said } = words;
  const [found, setFound] = useState<Discovered[] | null>(null);
  const [outside, setOutside] = useState(0);
  const [camera, setCamera] = useState<OnvifCamera | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState<"find" | "read" | null>(null);

  const during = async (what: "find" | "read", action: () => Promise<void>): Promise<void> => {
    setBusy(what);
    setProblem(null);
    try {
      await action();
    } catch (error) {
      setProblem(errorText(error, words));
    } finally {
      setBusy(null);
    }
  };

  const find = (): Promise<void> =>
    during("find", async () => {
      const answer = await calls.discover();
      setFound(answer.items);
      setOutside(answer.outside);
    });

  const read = (): Promise<void> =>
    during("read", async () => {
      const answer = await calls.onvif(device);
      setCamera(answer);
      setProblem(answer.problem && said(answer.problem));
      const filled = filledBy(answer);
      if (filled) onFill(filled);
    });

  const main = camera && filledBy(camera);
  const maker = camera ? [camera.manufacturer, camera.model].filter(Boolean).join(" ") || "ONVIF" : "";
  return (
    <section className="panel dialog" data-testid="find-cameras">
      <div style={{ display: "flex", gap: 12, alignItems: "center", flexWrap: "wrap" }}>
        <Button variant="light" onClick={() => void find()} loading={busy === "find"} data-testid="onvif-find">
          {t("onvif.find")}
        </Button>
        <Button
          variant="light"
          onClick={() => void read()}
          loading={busy === "read"}
          disabled={device.host === "" || !(device.port > 0)}
          data-testid="onvif-read"
        >
          {t("onvif.read")}
        </Button>
      </div>
      <p className="dim">{t("onvif.hint")}</p>
      {problem && (
        <p className="error" role="alert" data-testid="onvif-problem">
          {problem}
        </p>
      )}
      {found?.length === 0 && <p className="dim">{t("onvif.none")}</p>}
      {outside > 0 && <p className="dim">{t("onvif.outside", { count: outside })}</p>}
      {found?.map((one) => (
        <button
          key={`${one.host}:${one.port}`}
          type="button"
          className="text-button"
          style={{ display: "block" }}
          onClick={() => onChoose(one)}
          data-testid={`onvif-found-${one.host}`}
        >
          {one.name} · {one.host}:{one.port}
        </button>
      ))}
      {main && (
        <p className="notice" data-testid="onvif-filled">
          {t(main.sub_path ? "onvif.filled" : "onvif.filled_main", { maker })}
        </p>
      )}
      {camera && Math.abs(camera.clock_skew_s ?? 0) > CLOCK_NOTICED_S && (
        <p className="dim">{t("onvif.clock", { seconds: camera.clock_skew_s?.toFixed(0) ?? "" })}</p>
      )}
    </section>
  );
}

/** The main profile's address and its smaller companion's path; null when there is nothing to dial. */
export function filledBy(camera: Pick<OnvifCamera, "profiles" | "main" | "sub">): Filled | null {
  const main = camera.main === null ? null : (camera.profiles[camera.main]?.source ?? null);
  if (!main) return null;
  const sub = camera.sub === null ? null : (camera.profiles[camera.sub]?.source ?? null);
  return { scheme: main.scheme, port: String(main.port), path: main.path, sub_path: sub?.path ?? "" };
}
