import { useRef, useState } from "react";
import type { Rule } from "../api/types";
import { useWords } from "../i18n";

export type Point = [number, number];

interface Props {
  picture: string | null;
  points: readonly Point[];
  kind: Rule["kind"];
  others: readonly Pick<Rule, "id" | "kind" | "points" | "name">[];
  onChange?: (points: Point[]) => void;
}

const STEP = 0.01;

export function mostPoints(kind: Rule["kind"]): number {
  return kind === "intrusion" ? 64 : 2;
}

export function enoughPoints(kind: Rule["kind"]): number {
  return kind === "intrusion" ? 3 : 2;
}

/** Keep a point inside the picture, to a thousandth. */
export function inside([x, y]: Point): Point {
  const clamp = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000;
  return [clamp(x), clamp(y)];
}

/** A polygon or a line over the picture; points are moved by pointer or by the arrow keys. */
export function Drawing({ picture, points, kind, others, onChange }: Props) {
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
  const flat = (list: readonly Point[]): string => list.map(([x, y]) => `${x},${y}`).join(" ");
  return (
    <div className="drawing" ref={box} style={{ aspectRatio: ratio }} data-testid="drawing">
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
        viewBox="0 0 1 1"
        preserveAspectRatio="none"
        style={onChange ? undefined : { cursor: "default" }}
        onClick={(event) => {
          if (onChange && points.length < mostPoints(kind)) onChange([...points, at(event)]);
        }}
      >
        {others.map((rule) =>
          rule.kind === "intrusion" ? (
            <polygon key={rule.id} className="other" points={flat(rule.points)}>
              <title>{rule.name}</title>
            </polygon>
          ) : (
            <polyline key={rule.id} className="other" points={flat(rule.points)}>
              <title>{rule.name}</title>
            </polyline>
          ),
        )}
        {kind === "intrusion" ? (
          <polygon className="shape" points={flat(points)} />
        ) : (
          <polyline className="shape" points={flat(points)} />
        )}
      </svg>
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
              const moves: Record<string, Point> = {
                ArrowLeft: [-by, 0],
                ArrowRight: [by, 0],
                ArrowUp: [0, -by],
                ArrowDown: [0, by],
              };
              const move = moves[event.key];
              if (move) put(index, [x + move[0], y + move[1]]);
              else if (event.key === "Delete" || event.key === "Backspace") remove(index);
              else return;
              event.preventDefault();
            }}
            data-testid={`point-${index + 1}`}
          />
        ))}
    </div>
  );
}
