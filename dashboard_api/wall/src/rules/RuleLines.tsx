import type { Rule } from "../api/types";
import { type Arrow, arrow, centre, crossings, flat, type Point } from "./geometry";

type Drawn = Pick<Rule, "kind" | "points"> & Partial<Pick<Rule, "name" | "direction" | "params">>;

interface Props {
  rule: Drawn;
  /** width by height of the picture; the SVG's box is `ratio` by 1 */
  ratio: number;
  className: "other" | "shape" | "rule-line";
  /** which ways count; false where only the outline is wanted */
  arrows?: boolean;
}

const HEADING = 0.14;

/** One rule's lines; two points are a line, more are a zone, none is the whole picture. Its kind sets colour and dash. */
export function RuleLines({ rule, ratio, className, arrows: wanted = true }: Props) {
  const points = rule.points as Point[];
  if (points.length === 0) return null;
  const arrows: Arrow[] = [];
  if (wanted && rule.kind === "line_crossing") arrows.push(...crossings(points, rule.direction ?? "both", ratio));
  // while it is edited, its way is an arrow that can be turned
  if (wanted && rule.kind === "wrong_way" && className !== "shape") {
    arrows.push(arrow(centre(points), rule.params?.heading_deg ?? 0, HEADING, ratio));
  }
  return (
    <g className={className} data-kind={rule.kind}>
      {rule.name && <title>{rule.name}</title>}
      {points.length === 2 ? (
        <polyline points={flat(points, ratio)} />
      ) : (
        <polygon points={flat(points, ratio)} />
      )}
      {arrows.map((one, index) => (
        <ArrowLine key={index} arrow={one} ratio={ratio} />
      ))}
    </g>
  );
}

export function ArrowLine({ arrow: { from, to, barbs }, ratio }: { arrow: Arrow; ratio: number }) {
  return (
    <>
      <polyline className="arrow" points={flat([from, to], ratio)} />
      <polyline className="arrow" points={flat([barbs[0], to, barbs[1]], ratio)} />
    </>
  );
}

/** A short sample of how a kind is drawn, for lists. */
export function KindSwatch({ kind }: { kind: Rule["kind"] }) {
  return (
    <svg className="kind-swatch" viewBox="0 0 26 14" width="26" height="14" aria-hidden="true">
      <g className="other" data-kind={kind}>
        {kind === "tamper" ? (
          <rect x="2" y="2" width="22" height="10" rx="1" />
        ) : (
          <line x1="1" y1="7" x2="25" y2="7" />
        )}
      </g>
    </svg>
  );
}
