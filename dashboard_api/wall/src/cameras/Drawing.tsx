import { useRef, useState } from "react";
import type { Rule, RuleShape } from "../api/types";
import { useWords } from "../i18n";
import {
  arrow,
  along,
  centre,
  fan,
  headingTo,
  inside,
  mostPoints,
  type Point,
  turned,
} from "../rules/geometry";
import { ArrowLine, RuleLines } from "../rules/RuleLines";

/** The allowed way of a zone, turned on the picture. */
export interface Heading {
  deg: number;
  tolerance: number;
  onTurn: (deg: number) => void;
}

interface Props {
  picture: string | null;
  points: readonly Point[];
  kind: Rule["kind"];
  shape: RuleShape;
  others: readonly Pick<Rule, "id" | "kind" | "points" | "name" | "direction" | "params">[];
  direction?: Rule["direction"];
  heading?: Heading;
  /** what the first two edges of four corners are called */
  edges?: readonly [string, string];
  onChange?: (points: Point[]) => void;
}

const STEP = 0.01;
const TURN_DEG = 5;
const ARROW = 0.22;
const TIP = 0.07;

/** A rule's shape over the picture; points are moved by pointer or by the arrow keys. */
export function Drawing({ picture, points, kind, shape, others, direction, heading, edges, onChange }: Props) {
  const { t } = useWords();
  const box = useRef<HTMLDivElement>(null);
  const [ratio, setRatio] = useState(16 / 9);
  const [failed, setFailed] = useState(false);
  const at = (event: React.PointerEvent | React.MouseEvent): Point => {
    const frame = box.current!.getBoundingClientRect();
    return inside([(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height]);
  };
  const put = (index: number, point: Point): void =>
    onChange?.(points.map((old, one) => (one === index ? inside(point) : old)));
  const remove = (index: number): void => onChange?.(points.filter((_, one) => one !== index));
  const drawable = onChange && points.length < mostPoints(shape);
  return (
    <div className="drawing" ref={box} style={{ aspectRatio: ratio }} data-testid="drawing" data-points={points.length}>
      {picture && !failed ? (
        <img
          src={picture}
          alt=""
          draggable={false}
          onLoad={(load) => setRatio(load.currentTarget.naturalWidth / load.currentTarget.naturalHeight)}
          onError={() => setFailed(true)}
        />
      ) : (
        <p className="live-note">{t("rules.no_picture")}</p>
      )}
      <svg
        viewBox={`0 0 ${ratio} 1`}
        preserveAspectRatio="none"
        style={drawable ? undefined : { cursor: "default" }}
        onClick={(event) => {
          if (drawable) onChange([...points, at(event)]);
        }}
      >
        {others.map((rule) => (
          <RuleLines key={rule.id} rule={rule} ratio={ratio} className="other" />
        ))}
        {heading && points.length >= 3 && <Way points={points} heading={heading} ratio={ratio} />}
        <RuleLines
          rule={{ kind, points: [...points], ...(direction && { direction }) }}
          ratio={ratio}
          className="shape"
        />
      </svg>
      {edges && points.length >= 2 && <EdgeName ends={[points[0]!, points[1]!]} text={edges[0]} />}
      {edges && points.length >= 3 && <EdgeName ends={[points[1]!, points[2]!]} text={edges[1]} />}
      {onChange &&
        points.map(([x, y], index) => (
          <button
            key={index}
            type="button"
            className="handle"
            style={{ left: `${x * 100}%`, top: `${y * 100}%` }}
            aria-label={t("rules.point", { number: index + 1 })}
            onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
            onPointerMove={(event) => {
              if (event.currentTarget.hasPointerCapture(event.pointerId)) put(index, at(event));
            }}
            onKeyDown={(event) => {
              const by = event.shiftKey ? STEP * 5 : STEP;
              const move = MOVES[event.key];
              if (move) put(index, [x + move[0] * by, y + move[1] * by]);
              else if (event.key === "Delete" || event.key === "Backspace") remove(index);
              else return;
              event.preventDefault();
            }}
            data-testid={`point-${index + 1}`}
          >
            {shape === "polygon" ? null : index + 1}
          </button>
        ))}
      {heading && points.length >= 3 && <Tip points={points} heading={heading} ratio={ratio} at={at} />}
    </div>
  );
}

const MOVES: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

interface WayProps {
  points: readonly Point[];
  heading: Heading;
  ratio: number;
}

/** The allowed way, and how far from it is still allowed. */
function Way({ points, heading: { deg, tolerance }, ratio }: WayProps) {
  const middle = centre(points);
  return (
    <g className="way">
      <path d={fan(middle, deg, tolerance, ARROW, ratio)} />
      <ArrowLine arrow={arrow(middle, deg, ARROW, ratio)} ratio={ratio} />
    </g>
  );
}

/** The arrow's tip, to be taken hold of. */
function Tip({ points, heading: { deg, onTurn }, ratio, at }: WayProps & { at: (event: React.PointerEvent) => Point }) {
  const { t } = useWords();
  const middle = centre(points);
  const [x, y] = inside(along(middle, deg, ARROW + TIP, ratio));
  return (
    <button
      type="button"
      role="slider"
      className="handle tip"
      style={{ left: `${x * 100}%`, top: `${y * 100}%` }}
      aria-label={t("rules.turn", { deg })}
      aria-valuemin={0}
      aria-valuemax={359}
      aria-valuenow={deg}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) onTurn(headingTo(middle, at(event), ratio));
      }}
      onKeyDown={(event) => {
        const by = event.shiftKey ? TURN_DEG * 3 : TURN_DEG;
        if (event.key === "ArrowRight" || event.key === "ArrowDown") onTurn(turned(deg, by));
        else if (event.key === "ArrowLeft" || event.key === "ArrowUp") onTurn(turned(deg, -by));
        else return;
        event.preventDefault();
      }}
      data-testid="heading"
    />
  );
}

function EdgeName({ ends, text }: { ends: [Point, Point]; text: string }) {
  const [x, y] = centre(ends);
  return (
    <span className="edge-name" style={{ left: `${x * 100}%`, top: `${y * 100}%` }}>
      {text}
    </span>
  );
}
