import { type Ref, useEffect, useImperativeHandle, useMemo, useRef, useState } from "react";
import { BASE } from "../api/client";
import type { EventItem, Incident } from "../api/types";
import { useCan } from "../app/session";
import { useWords } from "../i18n";
import { useLive } from "../live/hooks";
import { Clip } from "../media/Clip";
import { LiveView } from "../media/LiveView";
import { Snapshot } from "../media/Snapshot";
import { toUtc } from "../ui/time";

export interface MediaHandle {
  next: () => void;
}

type Tab = "snapshot" | "clip" | "live";

interface Props {
  ref: Ref<MediaHandle>;
  incident: Incident;
  events: readonly EventItem[];
  /** the event whose picture was asked for; null for the newest that has one */
  eventId: string | null;
}

const WIDE_PX = 820;
const CLIP_BEFORE_MS = 5_000;
const CLIP_AFTER_MS = 5_000;

/** What was seen beside what is seen now; one of the two where there is little room. */
export function IncidentMedia({ ref, incident, events, eventId }: Props) {
  const { t } = useWords();
  const live = useLive();
  const mayWatch = useCan("watch");
  const box = useRef<HTMLDivElement>(null);
  const wide = useWide(box);
  const event = useMemo(() => choose(events, eventId), [events, eventId]);
  const cameras = useMemo(() => {
    const seen = new Set<string>();
    if (event?.source_kind === "camera") seen.add(event.source_id);
    if (incident.source_kind === "camera") seen.add(incident.source_id);
    for (const camera of incident.cameras) seen.add(camera);
    return [...seen];
  }, [event, incident]);
  const [chosen, setChosen] = useState<string | null>(null);
  const camera = chosen !== null && cameras.includes(chosen) ? chosen : (cameras[0] ?? null);
  const tabs: Tab[] = [
    ...(event?.has_snapshot ? (["snapshot"] as const) : []),
    ...(camera ? (["clip"] as const) : []),
    ...(camera && mayWatch ? (["live"] as const) : []),
  ];
  const [asked, setAsked] = useState<Tab | null>(null);
  useEffect(() => {
    if (eventId) setAsked("snapshot");
  }, [eventId]);
  const beside = wide && tabs.includes("live") && tabs.length > 1;
  const choices = beside ? tabs.filter((tab) => tab !== "live") : tabs;
  const tab = asked && choices.includes(asked) ? asked : preferred(choices);

  useImperativeHandle(ref, () => ({
    next: () => choices.length > 0 && setAsked(choices[(choices.indexOf(tab!) + 1) % choices.length]!),
  }));

  if (tabs.length === 0) {
    return (
      <div className="media" ref={box}>
        <p className="media-none dim">{t("incident.no_camera")}</p>
      </div>
    );
  }
  const name = camera ? (live.cameras.get(camera)?.name ?? camera) : "";
  return (
    <div className="media" ref={box} data-beside={beside}>
      <div className="media-bar" role="tablist">
        {choices.map((one) => (
          <button
            key={one}
            type="button"
            role="tab"
            aria-selected={one === tab}
            onClick={() => setAsked(one)}
            data-testid={`media-${one}`}
          >
            {t(`media.${one}`)}
          </button>
        ))}
        <kbd>v</kbd>
        <span className="space" />
        {cameras.length > 1 ? (
          <select
            aria-label={t("incident.cameras")}
            value={camera ?? ""}
            onChange={(change) => setChosen(change.currentTarget.value)}
            data-testid="media-camera"
          >
            {cameras.map((one) => (
              <option key={one} value={one}>
                {live.cameras.get(one)?.name ?? one}
              </option>
            ))}
          </select>
        ) : (
          <span className="dim">{name}</span>
        )}
      </div>
      <div className="media-frames">
        <div className="frame">
          {tab === "snapshot" && event && <Snapshot key={event.id} event={event} />}
          {tab === "clip" && camera && <Clip src={clipOf(event, camera, incident)} testId="incident-clip" />}
          {tab === "live" && camera && <LiveView camera={camera} focus label={name} testId="incident-live" />}
        </div>
        {beside && camera && (
          <div className="frame">
            <LiveView camera={camera} focus label={name} testId="incident-live" />
            <span className="frame-tag">{t("media.live")}</span>
          </div>
        )}
      </div>
    </div>
  );
}

function preferred(choices: readonly Tab[]): Tab | undefined {
  return choices.find((tab) => tab === "snapshot") ?? choices.find((tab) => tab === "live") ?? choices[0];
}

function choose(events: readonly EventItem[], wanted: string | null): EventItem | null {
  const asked = events.find((event) => event.id === wanted);
  if (asked) return asked;
  const newest = [...events].sort((a, b) => (a.time < b.time ? 1 : -1));
  return newest.find((event) => event.has_snapshot) ?? newest[0] ?? null;
}

/** An event of the camera itself has its own clip; for any other, what the camera saw around that time. */
function clipOf(event: EventItem | null, camera: string, incident: Incident): string {
  if (event?.source_kind === "camera" && event.source_id === camera) return `${BASE}/events/${event.id}/clip.mp4`;
  const at = Date.parse(event?.time ?? incident.opened_at);
  const range = new URLSearchParams({ from: toUtc(at - CLIP_BEFORE_MS), to: toUtc(at + CLIP_AFTER_MS) });
  return `${BASE}/cameras/${encodeURIComponent(camera)}/clip.mp4?${range}`;
}

function useWide(ref: React.RefObject<HTMLElement | null>): boolean {
  const [wide, setWide] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWide(element.clientWidth >= WIDE_PX));
    observer.observe(element);
    return () => observer.disconnect();
  });
  return wide;
}
