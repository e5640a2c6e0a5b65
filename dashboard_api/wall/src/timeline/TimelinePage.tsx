import { Button, MultiSelect } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMemo, useState } from "react";
import { BASE } from "../api/client";
import * as calls from "../api/calls";
import { go, param, usePath } from "../app/router";
import { useWords } from "../i18n";
import { serverClock } from "../live/clock";
import { useLive, useLoad } from "../live/hooks";
import { Clip } from "../media/Clip";
import { ErrorText } from "../ui/bits";
import { moment, toUtc } from "../ui/time";
import { EventFacts } from "./EventFacts";
import { PRESET_MS, type Preset, RangeBar } from "./RangeBar";
import type { Range } from "./scale";
import { type Pick, Tracks } from "./Tracks";

const BUCKETS = 200;
const BEFORE_MS = 3_000;
const AFTER_MS = 27_000;
const FIRST_UNITS = 10;
/** What is shown before and after a moment that somebody was sent to. */
const AROUND_MS = 300_000;

function lately(ms: number): Range {
  const toMs = serverClock.nowMs();
  return { fromMs: toMs - ms, toMs };
}

function around(ms: number): Range {
  return { fromMs: ms - AROUND_MS, toMs: ms + AROUND_MS };
}

export default function TimelinePage() {
  const { t } = useWords();
  const live = useLive();
  const path = usePath();
  const asked = param(path, "camera");
  const askedMs = Date.parse(param(path, "at") ?? "");
  const [preset, setPreset] = useState<Preset>(askedMs ? "custom" : "hour");
  const [whole, setWhole] = useState<Range>(() => (askedMs ? around(askedMs) : lately(PRESET_MS.hour)));
  const [picked, setPicked] = useState<string[] | null>(asked ? [`camera ${asked}`] : null);
  const [pick, setPick] = useState<Pick | null>(
    asked && askedMs ? { track: asked, atMs: askedMs, event: null } : null,
  );

  const options = useMemo(() => {
    const named = (kind: string, items: Iterable<{ id: string; name: string }>): { value: string; label: string }[] =>
      [...items].map((item) => ({ value: `${kind} ${item.id}`, label: item.name === item.id ? item.id : `${item.name} (${item.id})` }));
    return [
      { group: t("timeline.cameras"), items: named("camera", live.cameras.values()) },
      { group: t("timeline.units"), items: named("unit", live.units.values()) },
    ];
  }, [live.cameras, live.units, t]);
  // until somebody chooses, all cameras and the first units
  const all = useMemo(
    () => [
      ...options[0]!.items.slice(0, FIRST_UNITS).map((item) => item.value),
      ...options[1]!.items.slice(0, FIRST_UNITS).map((item) => item.value),
    ],
    // the choice is about who is registered, not about their changing states
    [options[0]!.items.length, options[1]!.items.length],
  );
  const chosen = picked ?? all;
  const [settled] = useDebouncedValue(chosen, 250);
  const ids = (kind: string): string[] =>
    settled.filter((one) => one.startsWith(`${kind} `)).map((one) => one.slice(kind.length + 1));
  const key = settled.length === 0 ? null : `${whole.fromMs} ${whole.toMs} ${settled.join(",")}`;
  const { data, error } = useLoad(key, () =>
    calls.timeline({
      from: toUtc(whole.fromMs),
      to: toUtc(whole.toMs),
      camera: ids("camera"),
      unit: ids("unit"),
      bucket_s: Math.max(1, Math.round((whole.toMs - whole.fromMs) / 1000 / BUCKETS)),
    }),
  );
  const show = (range: Range, name: Preset): void => {
    setWhole(range);
    setPreset(name);
    setPick(null);
  };
  const clip = pick && clipOf(pick, data?.tracks.find((track) => track.id === pick.track)?.kind, live.units);
  return (
    <div className="timeline">
      <div className="timeline-head">
        <RangeBar
          preset={preset}
          whole={whole}
          onPreset={(name) => show(lately(PRESET_MS[name]), name)}
          onCustom={(range) => show(range, "custom")}
        />
        <MultiSelect
          size="xs"
          aria-label={t("timeline.tracks")}
          placeholder={picked ? undefined : t("common.all")}
          data={options}
          value={picked ?? []}
          onChange={(next) => setPicked(next.length === 0 ? null : next)}
          searchable
          clearable
          hidePickedOptions
          className="timeline-choice"
          data-testid="timeline-choice"
        />
      </div>
      <ErrorText error={error} />
      {chosen.length === 0 && <p className="empty">{live.loaded ? t("timeline.none") : t("app.loading")}</p>}
      {data && <Tracks timeline={data} whole={whole} pick={pick} onPick={setPick} />}
      <div className="timeline-foot">
        <div className="timeline-clip">
          {clip ? <Clip src={clip} testId="timeline-clip" /> : <p className="live-note">{t("timeline.pick")}</p>}
        </div>
        <div className="timeline-facts">
          {pick && (
            <p className="timeline-at">
              <b>{moment(pick.atMs)}</b>
              {live.cameras.has(pick.track) && (
                <Button
                  size="compact-xs"
                  variant="default"
                  onClick={() => go(`/cameras/${encodeURIComponent(pick.track)}/statistics`)}
                  data-testid="timeline-statistics"
                >
                  {t("stats.title")}
                </Button>
              )}
              {pick.event && (
                <Button size="compact-xs" variant="default" onClick={() => setPick({ ...pick, event: null })}>
                  {t("timeline.play")}
                </Button>
              )}
            </p>
          )}
          {pick?.event && <EventFacts id={pick.event} />}
          {!pick?.event && data && <Gaps tracks={data.tracks} onPick={setPick} />}
        </div>
      </div>
    </div>
  );
}

/** A camera's own event has its clip; elsewhere the recording around the time, of a unit by its first camera. */
function clipOf(
  pick: Pick,
  kind: "camera" | "unit" | undefined,
  units: ReadonlyMap<string, { cameras: string[] }>,
): string | null {
  if (kind === "camera" && pick.event) return `${BASE}/events/${pick.event}/clip.mp4`;
  const camera = kind === "camera" ? pick.track : units.get(pick.track)?.cameras[0];
  if (!camera) return null;
  const range = new URLSearchParams({ from: toUtc(pick.atMs - BEFORE_MS), to: toUtc(pick.atMs + AFTER_MS) });
  return `${BASE}/cameras/${encodeURIComponent(camera)}/clip.mp4?${range}`;
}

/** The hatched stretches in words, for those who cannot hover. */
function Gaps(props: { tracks: import("../api/types").TimelineTrack[]; onPick: (pick: Pick) => void }) {
  const { t, say, said } = useWords();
  const gaps = props.tracks.flatMap((track) => [
    ...track.gaps.map((gap) => ({ track, gap, thin: false })),
    ...track.not_analysed.map((gap) => ({ track, gap, thin: true })),
  ]);
  gaps.sort((a, b) => (a.gap.from < b.gap.from ? 1 : -1));
  return (
    <section data-testid="timeline-gaps">
      <h3 className="section-title">{gaps.length === 0 ? t("timeline.no_gaps") : t("timeline.gaps")}</h3>
      <table className="table">
        <tbody>
          {gaps.slice(0, 60).map(({ track, gap, thin }) => (
            <tr key={`${track.id} ${gap.from} ${thin}`}>
              <td className="strong">
                <button
                  type="button"
                  className="text-button"
                  onClick={() => props.onPick({ track: track.id, atMs: Date.parse(gap.from), event: null })}
                >
                  {track.name}
                </button>
              </td>
              <td>{thin ? t("timeline.not_analysed") : say("cause", gap.cause)}</td>
              <td>
                {moment(gap.from)} – {gap.to ? moment(gap.to) : t("timeline.open_end")}
              </td>
              <td className="dim">{said(gap.detail)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
