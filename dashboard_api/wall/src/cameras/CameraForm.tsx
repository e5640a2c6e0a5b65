import { Button, NumberInput, Select, Switch, TextInput } from "@mantine/core";
import { useState } from "react";
import * as calls from "../api/calls";
import type { Camera, Probe, PublishToken } from "../api/types";
import { go } from "../app/router";
import { useWords } from "../i18n";
import { useStore } from "../live/hooks";
import { AreaInput } from "../ui/AreaInput";
import { errorText, ErrorText } from "../ui/bits";
import { isOvertaken, numberOrNull, useForm } from "../ui/useForm";
import { FindCameras } from "./FindCameras";
import { ProbeCard } from "./ProbeCard";
import { RecordFields } from "./RecordFields";
import { PublishTokenCard } from "./PublishToken";
import { Password } from "../ui/Password";

/** a file is on the worker's own disk: its host and port only complete the address */
const DEFAULT_PORTS: Record<string, number> = {
  rtsp: 554,
  rtsps: 322,
  http: 80,
  https: 443,
  whep: 8889,
  wheps: 443,
  whip: 0,
  file: 1,
};
const FILE_HOST = "localhost";
const PUSHED = { scheme: "whip", host: "", port: 0, path: "/", transport: "tcp", username: "" };

const ONVIF_PORT = 80;

export function CameraForm({ camera: given, onDone }: { camera: Camera | null; onDone?: () => void }) {
  const words = useWords();
  const { t } = words;
  const store = useStore();
  // as it was when this form opened: the feed must not move its version under the writer's hands
  const [camera, setCamera] = useState(given);
  const form = useForm(valuesOf(camera));
  const [probe, setProbe] = useState<Probe | null>(null);
  const [probing, setProbing] = useState(false);
  const [published, setPublished] = useState<{ camera: Camera; made: PublishToken } | null>(null);
  const { values } = form;
  const isFile = values.scheme === "file";
  const pushes = values.scheme === PUSHED.scheme;
  const address = pushes
    ? PUSHED
    : {
        scheme: values.scheme,
        host: values.host.trim(),
        port: Number(values.port),
        path: values.path.trim(),
        transport: values.transport,
        username: values.username,
      };
  const chooseScheme = (scheme: string): void => {
    const usual = String(DEFAULT_PORTS[values.scheme]);
    form.set("scheme", scheme);
    if (values.port === usual || scheme === "file") form.set("port", String(DEFAULT_PORTS[scheme]));
    if (scheme === "file") form.set("host", FILE_HOST);
    else if (isFile) form.set("host", "");
    if (!scheme.startsWith("rtsp")) form.set("transport", "tcp");
  };
  const leave = (): void => (onDone ? onDone() : go("/cameras"));

  const runProbe = async (): Promise<void> => {
    setProbing(true);
    setProbe(null);
    try {
      // with no password typed, a registered camera is probed with the one it already has
      const kept = camera && values.password === "" ? { camera_id: camera.id } : {};
      setProbe(await calls.probe({ ...address, password: values.password, ...kept }));
    } catch (error) {
      setProbe({ ...FAILED, problem: errorText(error, words) });
    } finally {
      setProbing(false);
    }
  };

  const send = async (body: Record<string, unknown>): Promise<Camera> => {
    if (!camera) return calls.addCamera({ id: values.id, ...body });
    try {
      return await calls.changeCamera(camera, body);
    } catch (error) {
      if (isOvertaken(error)) {
        const fresh = await calls.camera(camera.id);
        setCamera(fresh);
        form.rebase(valuesOf(fresh));
      }
      throw error;
    }
  };

  const save = (): Promise<void> =>
    form.submit(async () => {
      const body = {
        name: values.name,
        area: values.area,
        place: values.place,
        source: address,
        sub_path: pushes ? null : values.sub_path.trim() || null,
        lat: numberOrNull(values.lat),
        lon: numberOrNull(values.lon),
        onvif_port: numberOrNull(values.onvif_port),
        onvif_events: values.onvif_events,
        record: values.record,
        record_mode: values.record_mode,
        record_pre_s: values.record_pre_s,
        record_post_s: values.record_post_s,
        retention_days: values.retention_days,
        min_retention_days: values.min_retention_days,
        enabled: values.enabled,
        ...(!pushes && values.password !== "" && { password: values.password }),
      };
      const saved = await send(body);
      store.put("camera", saved);
      if (pushes && camera?.source?.scheme !== PUSHED.scheme) {
        setCamera(saved); // should the token not come, the next Save changes what is registered now
        setPublished({ camera: saved, made: await calls.newPublishToken(saved) });
        return;
      }
      show(saved);
    });

  const show = (saved: Camera): void => {
    go(`/cameras/${encodeURIComponent(saved.id)}`);
    onDone?.();
  };

  const renew = (): Promise<void> =>
    form.submit(async () => {
      if (!camera || !confirm(t("camera.publish_new_sure", { name: camera.name }))) return;
      setPublished({ camera, made: await calls.newPublishToken(camera) });
    });

  const retire = (): Promise<void> =>
    form.submit(async () => {
      if (!camera || !confirm(t("camera.retire_sure", { name: camera.name }))) return;
      await calls.retireCamera(camera);
      store.drop("cameras", camera.id);
      go("/cameras");
    });

  if (published) {
    const { camera: saved, made } = published;
    return <PublishTokenCard camera={saved} made={made} onDone={() => show(saved)} />;
  }
  return (
    <div className="page">
      <div className="page-head">
        <h2>{camera ? t("camera.edit", { name: camera.name }) : t("camera.new")}</h2>
      </div>
      <form
        className="split"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div className="dialog">
          <section className="panel form-grid">
            <Select
              label={t("camera.scheme")}
              data={Object.keys(DEFAULT_PORTS).map((scheme) => ({
                value: scheme,
                label: scheme === PUSHED.scheme ? t("camera.scheme_whip") : scheme,
              }))}
              value={values.scheme}
              allowDeselect={false}
              onChange={(scheme) => chooseScheme(scheme ?? "rtsp")}
              data-testid="camera-scheme"
            />
            {pushes ? (
              <p className="dim">{t("camera.pushes")}</p>
            ) : (
              <>
                <TextInput
                  label={t("camera.host")}
                  required
                  disabled={isFile}
                  spellCheck={false}
                  data-testid="camera-host"
                  {...form.text("host")}
                />
                <TextInput
                  label={t("camera.port")}
                  required
                  disabled={isFile}
                  inputMode="numeric"
                  data-testid="camera-port"
                  {...form.text("port")}
                />
                <TextInput
                  label={t("camera.path")}
                  placeholder={t(isFile ? "camera.file_hint" : "camera.path_hint")}
                  required
                  spellCheck={false}
                  data-testid="camera-path"
                  {...form.text("path")}
                />
                <Select
                  label={t("camera.transport")}
                  data={["tcp", "udp"]}
                  value={values.transport}
                  disabled={values.scheme !== "rtsp"}
                  allowDeselect={false}
                  onChange={(transport) => form.set("transport", transport ?? "tcp")}
                  data-testid="camera-transport"
                />
                <TextInput
                  label={t("camera.sub_path")}
                  placeholder={t("camera.sub_hint")}
                  spellCheck={false}
                  data-testid="camera-sub-path"
                  {...form.text("sub_path")}
                />
                <TextInput
                  label={t("camera.username")}
                  autoComplete="off"
                  spellCheck={false}
                  data-testid="camera-username"
                  {...form.text("username")}
                />
                <Password
                  label={t("camera.password")}
                  placeholder={camera?.has_password ? t("camera.password_kept") : undefined}
                  autoComplete="new-password"
                  data-testid="camera-password"
                  {...form.text("password")}
                />
                <TextInput
                  label={t("onvif.port")}
                  placeholder={t("onvif.port_hint")}
                  inputMode="numeric"
                  data-testid="camera-onvif-port"
                  {...form.text("onvif_port")}
                />
              </>
            )}
          </section>
          <section className="panel form-grid">
            <TextInput
              label={t("common.id")}
              description={t("camera.id_hint")}
              required
              disabled={camera !== null}
              spellCheck={false}
              data-testid="camera-id"
              {...form.text("id")}
            />
            <AreaInput
              value={values.area}
              onChange={(area) => form.set("area", area)}
              error={form.fieldError("area")}
              testId="camera-area"
            />
            <TextInput label={t("common.name")} required data-testid="camera-name" {...form.text("name")} />
            <TextInput label={t("common.place")} data-testid="camera-place" {...form.text("place")} />
            <TextInput label={t("common.lat")} inputMode="decimal" data-testid="camera-lat" {...form.text("lat")} />
            <TextInput label={t("common.lon")} inputMode="decimal" data-testid="camera-lon" {...form.text("lon")} />
            <NumberInput
              label={t("camera.retention")}
              min={1}
              max={3650}
              value={values.retention_days}
              onChange={(days) => form.set("retention_days", Number(days) || 1)}
              data-testid="camera-retention"
            />
            <NumberInput
              label={t("camera.min_retention")}
              description={t("camera.min_retention_hint")}
              min={0}
              max={3650}
              value={values.min_retention_days}
              error={form.fieldError("min_retention_days")}
              onChange={(days) => form.set("min_retention_days", Number(days) || 0)}
              data-testid="camera-min-retention"
            />
            <RecordFields
              values={values}
              onMode={(mode) => form.set("record_mode", mode)}
              onSeconds={(name, seconds) => form.set(name, seconds)}
            />
            <div className="dialog" style={{ paddingTop: 26 }}>
              <Switch
                label={t("camera.record")}
                checked={values.record}
                onChange={(event) => form.set("record", event.currentTarget.checked)}
                data-testid="camera-record"
              />
              <Switch
                label={t("onvif.events")}
                checked={values.onvif_events}
                disabled={values.onvif_port.trim() === ""}
                onChange={(event) => form.set("onvif_events", event.currentTarget.checked)}
                data-testid="camera-onvif-events"
              />
              <Switch
                label={t("common.enabled")}
                checked={values.enabled}
                onChange={(event) => form.set("enabled", event.currentTarget.checked)}
                data-testid="camera-enabled"
              />
            </div>
          </section>
          <ErrorText error={form.error} />
          <div className="dialog-foot">
            {camera && (
              <>
                <Button variant="subtle" color="red" onClick={() => void retire()} data-testid="camera-retire">
                  {t("camera.retire")}
                </Button>
                {camera.source?.scheme === PUSHED.scheme && (
                  <Button variant="default" onClick={() => void renew()} data-testid="camera-publish-new">
                    {t("camera.publish_new")}
                  </Button>
                )}
                <span className="space" />
              </>
            )}
            <Button variant="default" onClick={leave}>
              {t("common.cancel")}
            </Button>
            <Button type="submit" loading={form.busy} data-testid="camera-save">
              {t("common.save")}
            </Button>
          </div>
        </div>
        {!pushes && (
          <div style={{ display: "grid", gap: 16, alignContent: "start" }}>
            <FindCameras
              device={{
                host: address.host,
                port: numberOrNull(values.onvif_port) ?? ONVIF_PORT,
                username: values.username,
                password: values.password,
                ...(camera && values.password === "" ? { camera_id: camera.id } : {}),
              }}
              onChoose={(found) => {
                form.set("host", found.host);
                form.set("onvif_port", String(found.port));
                if (values.name === "") form.set("name", found.name);
              }}
              onFill={(filled) => {
                for (const name of ["scheme", "port", "path", "sub_path"] as const) form.set(name, filled[name]);
                if (values.onvif_port.trim() === "") form.set("onvif_port", String(ONVIF_PORT));
              }}
            />
            <ProbeCard probe={probe} probing={probing} canProbe={address.host !== ""} onProbe={() => void runProbe()} />
          </div>
        )}
      </form>
    </div>
  );
}

/** what the form offers, and what the camera has if it was registered by other means */
function valuesOf(camera: Camera | null) {
  const source = camera?.source;
  return {
    id: camera?.id ?? "",
    name: camera?.name ?? "",
    area: camera?.area ?? "",
    place: camera?.place ?? "",
    scheme: (source?.scheme ?? "rtsp") as string,
    host: source?.host ?? "",
    port: String(source?.port ?? 554),
    path: source?.path ?? "/",
    transport: (source?.transport ?? "tcp") as string,
    username: source?.username ?? "",
    password: "",
    sub_path: camera?.sub_path ?? "",
    lat: String(camera?.lat ?? ""),
    lon: String(camera?.lon ?? ""),
    onvif_port: String(camera?.onvif_port ?? ""),
    onvif_events: camera?.onvif_events ?? false,
    record: camera?.record ?? true,
    record_mode: (camera?.record_mode ?? "continuous") as string,
    record_pre_s: camera?.record_pre_s ?? 5,
    record_post_s: camera?.record_post_s ?? 10,
    retention_days: camera?.retention_days ?? 30,
    min_retention_days: camera?.min_retention_days ?? 1,
    enabled: camera?.enabled ?? true,
  };
}

const FAILED: Probe = {
  ok: false,
  problem: null,
  codec: null,
  width_px: null,
  height_px: null,
  fps: null,
  keyframe_interval_s: null,
  snapshot_b64: null,
  open_s: null,
};
