// What is drawn for a rule. Points are (x, y) in 0..1 of the picture; `ratio` is its width by its height, so that
// angles and lengths, in heights of the picture, are those that people see.

import type { RuleShape } from "../api/types";

export type Point = [number, number];

const POLYGON_MAX_POINTS = 64;
const MOST: Record<RuleShape, number> = { polygon: POLYGON_MAX_POINTS, line: 2, quad: 4, picture: 0 };
const ENOUGH: Record<RuleShape, number> = { polygon: 3, line: 2, quad: 4, picture: 0 };

export const mostPoints = (shape: RuleShape): number => MOST[shape];
export const enoughPoints = (shape: RuleShape): number => ENOUGH[shape];

/** Keep a point inside the picture, to a thousandth. */
export function inside([x, y]: Point): Point {
  const clamp = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000;
  return [clamp(x), clamp(y)];
}

const FIRST_CORNERS: readonly Point[] = [
  [0.3, 0.3],
  [0.7, 0.3],
  [0.7, 0.7],
  [0.3, 0.7],
];

/** By keyboard, points come one after the other around the middle, to be moved from there; later ones halve an edge. */
export function nextPoint(points: readonly Point[]): Point {
  const corner = FIRST_CORNERS[points.length];
  if (corner) return corner;
  const [first, last] = [points[0]!, points[points.length - 1]!];
  return inside([(first[0] + last[0]) / 2, (first[1] + last[1]) / 2]);
}

export function centre(points: readonly Point[]): Point {
  if (points.length === 0) return [0.5, 0.5];
  const sum = (index: 0 | 1): number => points.reduce((total, point) => total + point[index], 0) / points.length;
  return [sum(0), sum(1)];
}

/** Degrees from `from` to `to` as they look: 0 is right, 90 down; whole degrees in 0..359. */
export function headingTo(from: Point, to: Point, ratio: number): number {
  const angle = Math.atan2(to[1] - from[1], (to[0] - from[0]) * ratio);
  return turned(Math.round((angle * 180) / Math.PI), 0);
}

/** `deg` turned by `by`, in 0..359. */
export function turned(deg: number, by: number): number {
  return (((deg + by) % 360) + 360) % 360;
}

/** The point `length` heights of the picture away from `from`. */
export function along(from: Point, deg: number, length: number, ratio: number): Point {
  const angle = (deg * Math.PI) / 180;
  return [from[0] + (Math.cos(angle) * length) / ratio, from[1] + Math.sin(angle) * length];
}

const CROSSING = 0.09;
const HEAD = 0.03;

export interface Arrow {
  from: Point;
  to: Point;
  /** the two barbs at `to` */
  barbs: [Point, Point];
}

export function arrow(from: Point, deg: number, length: number, ratio: number): Arrow {
  const to = along(from, deg, length, ratio);
  return { from, to, barbs: [along(to, deg + 150, HEAD, ratio), along(to, deg - 150, HEAD, ratio)] };
}

/** Which ways across a line count: left and right as seen from its first point to its second. */
export function crossings(points: readonly Point[], direction: string, ratio: number): Arrow[] {
  const [first, second] = points;
  if (!first || !second) return [];
  const way = headingTo(first, second, ratio);
  const middle = centre([first, second]);
  return [
    ...(direction === "right_to_left" ? [] : [arrow(middle, way + 90, CROSSING, ratio)]),
    ...(direction === "left_to_right" ? [] : [arrow(middle, way - 90, CROSSING, ratio)]),
  ];
}

/** A fan of allowed ways around a heading, as an SVG path in a box of `ratio` by 1. */
export function fan(from: Point, deg: number, tolerance: number, length: number, ratio: number): string {
  const place = ([x, y]: Point): string => `${round(x * ratio)} ${round(y)}`;
  const [start, end] = [along(from, deg - tolerance, length, ratio), along(from, deg + tolerance, length, ratio)];
  const long = tolerance > 90 ? 1 : 0;
  return `M ${place(from)} L ${place(start)} A ${length} ${length} 0 ${long} 1 ${place(end)} Z`;
}

/** Points for an SVG box of `ratio` by 1. */
export function flat(points: readonly Point[], ratio: number): string {
  return points.map(([x, y]) => `${round(x * ratio)},${round(y)}`).join(" ");
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
