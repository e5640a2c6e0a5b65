import { useState } from "react";
import { BASE } from "../api/client";
import type { EventItem, Rule } from "../api/types";
import { useWords } from "../i18n";
import { flat, type Point } from "../rules/geometry";
import { RuleLines } from "../rules/RuleLines";
import { labelOf } from "../ui/detail";
import { moment } from "../ui/time";

interface Props {
  event: EventItem;
  /** the rule that fired: then its ways and every look of the path are shown too, even without a picture */
  rule?: Rule;
}

/** The picture of an event; the box, the object's path and the rule are drawn over it, never into it. */
export function Snapshot({ event, rule }: Props) {
  const words = useWords();
  const [size, setSize] = useState<Size | null>(null);
  const [failed, setFailed] = useState(false);
  const pictured = event.has_snapshot && !failed;
  if (!pictured && !rule) return <p className="live-note">{words.t("media.no_snapshot")}</p>;
  const frame = analysedSize(event) ?? size ?? (pictured ? null : PLAIN);
  return (
    <div className="snapshot" data-testid={rule ? "why-snapshot" : "incident-snapshot"}>
      {pictured ? (
        <img
          src={`${BASE}/events/${event.id}/snapshot.jpg`}
          alt={words.t("media.snapshot_of", { time: moment(event.time) })}
          onLoad={(load) =>
            setSize({ width: load.currentTarget.naturalWidth, height: load.currentTarget.naturalHeight })
          }
          onError={() => setFailed(true)}
        />
      ) : (
        <p className="live-note">{words.t("media.no_snapshot")}</p>
      )}
      {frame && (
        <svg viewBox={`0 0 ${frame.width} ${frame.height}`} aria-hidden="true">
          <Lines event={event} frame={frame} rule={rule} />
          {event.box_px && (
            <Box box={event.box_px} label={labelOf(event, words) || words.say("kind", event.kind)} frame={frame} />
          )}
        </svg>
      )}
    </div>
  );
}

const RULE_OF: Record<string, Rule["kind"]> = { speeding: "speed", camera_tamper: "tamper" };
const LOOK_PX = 3.5;
const HEIGHT_DRAWN_PX = 360;

/** In heights of the picture, as rules are drawn. */
function Lines({ event, frame, rule }: { event: EventItem; frame: Size; rule: Rule | undefined }) {
  const ratio = frame.width / frame.height;
  const track = pointsOf(rule ? event.attrs.track : lately(event.attrs.track));
  const drawn = {
    kind: rule?.kind ?? RULE_OF[event.kind] ?? (event.kind as Rule["kind"]),
    points: pointsOf(event.attrs.geometry ?? rule?.points),
    ...(rule && { direction: rule.direction, params: rule.params }),
  };
  return (
    <g transform={`scale(${frame.height})`}>
      <RuleLines rule={drawn} ratio={ratio} className="rule-line" arrows={rule !== undefined} />
      <polyline className="track-path" points={flat(track, ratio)} />
      {rule &&
        track.map(([x, y], index) => (
          <circle key={index} className="look" cx={x * ratio} cy={y} r={LOOK_PX / HEIGHT_DRAWN_PX} />
        ))}
    </g>
  );
}

function Box(props: { box: number[]; label: string; frame: Size }) {
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

const PLAIN: Size = { width: 16, height: 9 };

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
export function pointsOf(value: unknown): Point[] {
  if (!Array.isArray(value)) return [];
  return value
    .map((point: unknown) => (Array.isArray(point) ? point.slice(-2).map(Number) : []))
    .filter((point): point is Point => point.length === 2 && point.every(Number.isFinite));
}
