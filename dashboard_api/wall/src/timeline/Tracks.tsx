import { useEffect, useRef, useState } from "react";
import type { Timeline, TimelineTrack } from "../api/types";
import { useWords } from "../i18n";
import { useNow } from "../live/hooks";
import { labelOf } from "../ui/detail";
import { clock, day, moment } from "../ui/time";
import { nearest, pan, type Range, step, ticks, timeAt, xOf, zoom } from "./scale";
import { TrackCanvas } from "./TrackCanvas";

type GapStretch = TimelineTrack["gaps"][number];

export interface Pick {
  track: string;
  atMs: number;
  event: string | null;
}

interface Props {
  timeline: Timeline;
  whole: Range;
  pick: Pick | null;
  onPick: (pick: Pick) => void;
}

const NAME_PX = 190;
const HIT_PX = 6;
const WHEEL_FACTOR = 1.0015;
const KEY_FACTOR = 1.6;
const KEY_PAN = 0.05;

export function Tracks({ timeline, whole, pick, onPick }: Props) {
  const words = useWords();
  const { t, say } = words;
  const now = useNow();
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [range, setRange] = useState(whole);
  const [cursor, setCursor] = useState<number>(whole.toMs);
  const [row, setRow] = useState(0);
  const [hover, setHover] = useState<{ x: number; y: number; text: string } | null>(null);
  const drag = useRef<{ x: number; range: Range; moved: boolean } | null>(null);
  const { tracks } = timeline;

  useEffect(() => {
    setRange(whole);
    setCursor(whole.toMs);
  }, [whole.fromMs, whole.toMs]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(Math.max(0, element.clientWidth - NAME_PX)));
    observer.observe(element);
    // React listens to wheels passively; zooming must keep the page where it is
    const wheel = (event: WheelEvent): void => {
      if (event.ctrlKey || event.clientX - element.getBoundingClientRect().left < NAME_PX) return;
      event.preventDefault();
      setRange((old) => {
        const span = old.toMs - old.fromMs;
        const px = Math.max(1, element.clientWidth - NAME_PX);
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          return pan(old, whole, ((event.deltaX || event.deltaY) / px) * span);
        }
        const x = event.clientX - element.getBoundingClientRect().left - NAME_PX;
        return zoom(old, whole, timeAt(old, px, x), WHEEL_FACTOR ** event.deltaY);
      });
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener("wheel", wheel);
    };
  }, [whole]);

  const timeOf = (clientX: number): number =>
    timeAt(range, width, clientX - box.current!.getBoundingClientRect().left - NAME_PX);
  const choose = (track: TimelineTrack, at: number, tolerance = (HIT_PX / Math.max(1, width)) * (range.toMs - range.fromMs)): void => {
    const item = nearest(track.items, at, tolerance);
    const atMs = item ? Date.parse(item.time) : at;
    setCursor(atMs);
    onPick({ track: track.id, atMs, event: item?.event_id ?? null });
  };
  const reveal = (ms: number): void => {
    const span = range.toMs - range.fromMs;
    if (ms < range.fromMs || ms > range.toMs) setRange(pan(range, whole, ms - span / 2 - range.fromMs));
    setCursor(ms);
  };

  const press = (event: React.KeyboardEvent): void => {
    const track = tracks[row];
    const span = range.toMs - range.fromMs;
    const jump = (forward: boolean): void => {
      const item = track && step(track.items, cursor, forward);
      if (!item || !track) return;
      reveal(Date.parse(item.time));
      onPick({ track: track.id, atMs: Date.parse(item.time), event: item.event_id });
    };
    const keys: Record<string, () => void> = {
      ArrowLeft: () => reveal(Math.max(whole.fromMs, cursor - span * KEY_PAN * (event.shiftKey ? 5 : 1))),
      ArrowRight: () => reveal(Math.min(whole.toMs, cursor + span * KEY_PAN * (event.shiftKey ? 5 : 1))),
      ArrowUp: () => setRow(Math.max(0, row - 1)),
      ArrowDown: () => setRow(Math.min(tracks.length - 1, row + 1)),
      "+": () => setRange(zoom(range, whole, cursor, 1 / KEY_FACTOR)),
      "=": () => setRange(zoom(range, whole, cursor, 1 / KEY_FACTOR)),
      "-": () => setRange(zoom(range, whole, cursor, KEY_FACTOR)),
      "0": () => setRange(whole),
      n: () => jump(true),
      b: () => jump(false),
      Enter: () => track && choose(track, cursor, 1),
    };
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };

  const point = (track: TimelineTrack, event: React.PointerEvent): void => {
    const at = timeOf(event.clientX);
    const tolerance = (HIT_PX / Math.max(1, width)) * (range.toMs - range.fromMs);
    const item = nearest(track.items, at, tolerance);
    const here = (one: GapStretch): boolean => Date.parse(one.from) <= at && at <= (one.to ? Date.parse(one.to) : now);
    const gap = track.gaps.find(here);
    const thin = track.not_analysed.find(here);
    const label = item ? labelOf(item, words) : "";
    const text = item
      ? `${moment(item.time)} · ${say("kind", item.kind)}${label ? ` · ${label}` : ""}`
      : gap
        ? [gapText(gap, "timeline.gap"), words.said(gap.detail)].filter(Boolean).join(" · ")
        : thin
          ? [gapText(thin, "timeline.not_analysed_stretch"), words.said(thin.detail)].join(" · ")
          : clock(at);
    const frame = box.current!.getBoundingClientRect();
    setHover({ x: event.clientX - frame.left, y: event.clientY - frame.top, text });
  };
  const gapText = (gap: GapStretch, text: "timeline.gap" | "timeline.not_analysed_stretch"): string =>
    t(text, {
      cause: say("cause", gap.cause),
      from: moment(gap.from),
      to: gap.to ? moment(gap.to) : t("timeline.open_end"),
    });

  const marks = ticks(range, width, new Date(range.fromMs).getTimezoneOffset());
  return (
    <div className="tracks-box">
      <div
        className="tracks"
        ref={box}
        tabIndex={0}
        role="group"
        aria-label={t("timeline.tracks")}
        aria-describedby="timeline-keys"
        onKeyDown={press}
        onPointerLeave={() => setHover(null)}
        data-testid="timeline-tracks"
      >
        <div className="axis" style={{ marginLeft: NAME_PX }}>
          {marks.map((at) => (
            <span key={at} style={{ left: xOf(range, width, at) }}>
              {range.toMs - range.fromMs > 86_400_000 ? day(at).slice(5) : clock(at).slice(0, stepShort(range) ? 5 : 8)}
            </span>
          ))}
        </div>
        {tracks.map((track, index) => (
          <div
            key={`${track.kind} ${track.id}`}
            className="track"
            data-selected={index === row}
            data-testid={`timeline-track-${track.id}`}
            aria-label={t("timeline.track", { name: track.name, items: track.items.length, gaps: track.gaps.length })}
            role="img"
          >
            <span className="track-name" style={{ width: NAME_PX }}>
              {track.name}
            </span>
            <div
              className="track-line"
              onPointerDown={(event) => {
                drag.current = { x: event.clientX, range, moved: false };
                event.currentTarget.setPointerCapture(event.pointerId);
                setRow(index);
              }}
              onPointerMove={(event) => {
                const from = drag.current;
                if (!from) return point(track, event);
                const by = from.x - event.clientX;
                if (Math.abs(by) < 4 && !from.moved) return;
                from.moved = true;
                setRange(pan(from.range, whole, (by / Math.max(1, width)) * (from.range.toMs - from.range.fromMs)));
              }}
              onPointerUp={(event) => {
                if (!drag.current?.moved) choose(track, timeOf(event.clientX));
                drag.current = null;
              }}
            >
              <TrackCanvas track={track} range={range} widthPx={width} nowMs={now} selected={pick?.event ?? null} />
            </div>
          </div>
        ))}
        {cursor >= range.fromMs && cursor <= range.toMs && (
          <div className="cursor" style={{ left: NAME_PX + xOf(range, width, cursor) }} data-testid="timeline-cursor" />
        )}
        {hover && (
          <div className="hover" style={{ left: Math.min(hover.x + 12, NAME_PX + width - 260), top: hover.y + 14 }}>
            {hover.text}
          </div>
        )}
      </div>
      <p className="legend" id="timeline-keys">
        <span className="legend-bar" /> {t("timeline.recorded")}
        <span className="legend-gap" /> {t("timeline.legend_gap")}
        <span className="legend-thin" /> {t("timeline.not_analysed")}
        <span className="space" />
        {t("timeline.keys")}
      </p>
    </div>
  );
}

function stepShort(range: Range): boolean {
  return range.toMs - range.fromMs > 600_000;
}
