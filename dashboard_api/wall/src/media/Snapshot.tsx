import { useState } from "react";
import { BASE } from "../api/client";
import type { EventItem } from "../api/types";
import { useWords } from "../i18n";
import { labelOf } from "../ui/detail";
import { moment } from "../ui/time";

/** The picture of an event; the box, the object's path and the rule are drawn over it, never into it. */
export function Snapshot({ event }: { event: EventItem }) {
  const words = useWords();
  const [size, setSize] = useState<{ width: number; height: number } | null>(null);
  const [failed, setFailed] = useState(false);
  if (failed || !event.has_snapshot) return <p className="live-note">{words.t("media.no_snapshot")}</p>;
  const frame = analysedSize(event) ?? size;
  return (
    <div className="snapshot" data-testid="incident-snapshot">
      <img
        src={`${BASE}/events/${event.id}/snapshot.jpg`}
        alt={words.t("media.snapshot_of", { time: moment(event.time) })}
        onLoad={(load) =>
          setSize({ width: load.currentTarget.naturalWidth, height: load.currentTarget.naturalHeight })
        }
        onError={() => setFailed(true)}
      />
      {frame && event.box_px && (
        <svg viewBox={`0 0 ${frame.width} ${frame.height}`} aria-hidden="true">
          {event.kind === "intrusion" ? (
            <polygon className="rule-line" points={pointsOf(event.attrs.geometry, frame)} />
          ) : (
            <polyline className="rule-line" points={pointsOf(event.attrs.geometry, frame)} />
          )}
          <polyline className="track-path" points={pointsOf(lately(event.attrs.track), frame)} />
          <Box box={event.box_px} label={labelOf(event, words) || words.say("kind", event.kind)} frame={frame} />
        </svg>
      )}
    </div>
  );
}

function Box(props: { box: number[]; label: string; frame: { width: number; height: number } }) {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = props.box;
  const unit = props.frame.height / 100;
  const labelY = y0 > 6 * unit ? y0 - 1.6 * unit : y1 + 4.6 * unit;
  return (
    <>
      <rect className="box-shade" x={x0} y={y0} width={x1 - x0} height={y1 - y0} />
      <rect className="box-line" x={x0} y={y0} width={x1 - x0} height={y1 - y0} />
      <text x={x0} y={labelY} fontSize={4 * unit}>
        {props.label}
      </text>
    </>
  );
}

interface Size {
  width: number;
  height: number;
}

/** The box is in pixels of the analysed picture, which may be smaller than the stored one. */
function analysedSize(event: EventItem): Size | null {
  const frame = (event.attrs.frame ?? {}) as Record<string, unknown>;
  const width = Number(frame.width_px ?? 0);
  const height = Number(frame.height_px ?? 0);
  return width > 0 && height > 0 ? { width, height } : null;
}

const PATH_S = 3;

/** The last seconds of a path, whose points are seconds before the event, x, y: a long one is a scribble. */
function lately(track: unknown): unknown[] {
  if (!Array.isArray(track)) return [];
  return track.filter((point: unknown) => Array.isArray(point) && Number(point[0]) >= -PATH_S);
}

/** Points in 0..1 of the picture; a track's points carry their time first. */
function pointsOf(value: unknown, frame: Size): string {
  if (!Array.isArray(value)) return "";
  return value
    .map((point: unknown) => (Array.isArray(point) ? point.slice(-2).map(Number) : []))
    .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
    .map(([x, y]) => `${x! * frame.width},${y! * frame.height}`)
    .join(" ");
}
