import { useEffect, useRef } from "react";
import type { Priority, TimelineTrack } from "../api/types";
import { type Range, xOf } from "./scale";

const HEIGHT_PX = 40;
const BAR_TOP_PX = 24;
const BAR_PX = 10;
const COLORS: Record<Priority, string> = { 1: "#ff6b61", 2: "#ffb020", 3: "#7fb4dd", 4: "#6d7a87" };
const TICK_TOP_PX: Record<Priority, number> = { 1: 2, 2: 5, 3: 10, 4: 16 };

interface Props {
  track: TimelineTrack;
  range: Range;
  widthPx: number;
  nowMs: number;
  selected: string | null;
}

/** One track: recordings as a bar, gaps hatched over it, what was not analysed below it, events as ticks; a higher tick is more urgent. */
export function TrackCanvas({ track, range, widthPx, nowMs, selected }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen || widthPx <= 0) return;
    const ratio = window.devicePixelRatio || 1;
    element.width = Math.round(widthPx * ratio);
    element.height = HEIGHT_PX * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, widthPx, HEIGHT_PX);
    recordings(pen, track, range, widthPx);
    gaps(pen, track, range, widthPx, nowMs);
    notAnalysed(pen, track, range, widthPx, nowMs);
    events(pen, track, range, widthPx, selected);
  }, [track, range, widthPx, nowMs, selected]);
  return <canvas ref={canvas} style={{ width: widthPx, height: HEIGHT_PX }} aria-hidden="true" />;
}

function stretch(range: Range, width: number, from: number, to: number): [x: number, width: number] {
  const left = Math.max(0, xOf(range, width, from));
  const right = Math.min(width, xOf(range, width, to));
  return [left, Math.max(1, right - left)];
}

function recordings(pen: CanvasRenderingContext2D, track: TimelineTrack, range: Range, width: number): void {
  pen.fillStyle = "#356a86";
  for (const piece of track.recordings) {
    const [from, to] = [Date.parse(piece.from), Date.parse(piece.to)];
    if (to < range.fromMs || from > range.toMs) continue;
    const [x, w] = stretch(range, width, from, to);
    pen.fillRect(x, BAR_TOP_PX, w, BAR_PX);
  }
}

function gaps(pen: CanvasRenderingContext2D, track: TimelineTrack, range: Range, width: number, now: number): void {
  for (const gap of track.gaps) {
    const [from, to] = [Date.parse(gap.from), gap.to ? Date.parse(gap.to) : now];
    if (to < range.fromMs || from > range.toMs) continue;
    const [x, w] = stretch(range, width, from, to);
    pen.save();
    pen.beginPath();
    pen.rect(x, BAR_TOP_PX - 3, w, BAR_PX + 6);
    pen.clip();
    pen.fillStyle = "#2a1b1c";
    pen.fill();
    pen.strokeStyle = "#d0726b";
    pen.lineWidth = 1.5;
    for (let at = Math.floor(x / 6) * 6 - 18; at < x + w; at += 6) {
      pen.beginPath();
      pen.moveTo(at, BAR_TOP_PX + BAR_PX + 3);
      pen.lineTo(at + 16, BAR_TOP_PX - 3);
      pen.stroke();
    }
    pen.restore();
  }
}

/** Below the bar: the footage is there, but not all of it was looked at. */
function notAnalysed(
  pen: CanvasRenderingContext2D,
  track: TimelineTrack,
  range: Range,
  width: number,
  now: number,
): void {
  pen.fillStyle = "#c9a227";
  for (const piece of track.not_analysed) {
    const [from, to] = [Date.parse(piece.from), piece.to ? Date.parse(piece.to) : now];
    if (to < range.fromMs || from > range.toMs) continue;
    const [x, w] = stretch(range, width, from, to);
    pen.fillRect(x, BAR_TOP_PX + BAR_PX + 1, w, 3);
  }
}

function events(
  pen: CanvasRenderingContext2D,
  track: TimelineTrack,
  range: Range,
  width: number,
  selected: string | null,
): void {
  // the most urgent are drawn last, over the others
  const drawn = [...track.items].sort((a, b) => b.priority - a.priority);
  for (const item of drawn) {
    const at = Date.parse(item.time);
    if (at < range.fromMs || at > range.toMs) continue;
    const x = Math.round(xOf(range, width, at));
    pen.fillStyle = COLORS[item.priority];
    pen.fillRect(x - 1, TICK_TOP_PX[item.priority], 2, HEIGHT_PX - 4 - TICK_TOP_PX[item.priority]);
    if (item.priority <= 2) {
      pen.beginPath();
      pen.moveTo(x - 4, TICK_TOP_PX[item.priority]);
      pen.lineTo(x + 4, TICK_TOP_PX[item.priority]);
      pen.lineTo(x, TICK_TOP_PX[item.priority] + 6);
      pen.fill();
    }
    if (item.event_id === selected) {
      pen.strokeStyle = "#fff";
      pen.lineWidth = 1;
      pen.strokeRect(x - 4.5, 0.5, 9, HEIGHT_PX - 1);
    }
  }
}
