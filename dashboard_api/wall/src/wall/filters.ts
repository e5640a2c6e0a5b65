// Which incidents the list shows, and in which order. Pure.

import type { Incident, Priority } from "../api/types";

export type StateFilter = "open" | "new" | "claimed" | "closed";
export type Order = "newest" | "oldest";

export interface Filters {
  state: StateFilter;
  priorities: readonly Priority[];
  area: string;
  kind: string;
  mine: boolean;
  text: string;
}

export const NO_FILTERS: Filters = { state: "open", priorities: [], area: "", kind: "", mine: false, text: "" };

export function isFiltered(filters: Filters): boolean {
  return (
    filters.state !== "open" ||
    filters.priorities.length > 0 ||
    filters.area !== "" ||
    filters.kind !== "" ||
    filters.mine ||
    filters.text !== ""
  );
}

export function matches(incident: Incident, filters: Filters, me: string, words: (item: Incident) => string): boolean {
  if (filters.state === "open" ? incident.state === "closed" : incident.state !== filters.state) return false;
  if (filters.priorities.length > 0 && !filters.priorities.includes(incident.priority)) return false;
  if (filters.area && incident.area !== filters.area && !incident.area.startsWith(`${filters.area}.`)) return false;
  if (filters.kind && incident.kind !== filters.kind) return false;
  if (filters.mine && incident.owner !== me) return false;
  if (!filters.text) return true;
  const text = words(incident).toLowerCase();
  return filters.text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Priority first, whatever the order; then age; then id, so that equal times do not dance. */
export function sorted(incidents: readonly Incident[], order: Order): Incident[] {
  const sign = order === "newest" ? -1 : 1;
  return [...incidents].sort(
    (a, b) => a.priority - b.priority || sign * compare(a.opened_at, b.opened_at) || sign * (a.id - b.id),
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Where the selection goes when the selected row left the list: to the row that took its place. */
export function neighbour(ids: readonly number[], selected: number | null, lastIndex: number): number | null {
  if (ids.length === 0) return null;
  if (selected !== null && ids.includes(selected)) return selected;
  return ids[Math.min(Math.max(lastIndex, 0), ids.length - 1)]!;
}

/** The rows to draw for a scrolled list of equal rows. */
export function windowOf(
  count: number,
  rowPx: number,
  scrollPx: number,
  heightPx: number,
  spare = 6,
): { first: number; last: number } {
  const first = Math.max(0, Math.floor(scrollPx / rowPx) - spare);
  const last = Math.min(count, Math.ceil((scrollPx + heightPx) / rowPx) + spare);
  return { first, last };
}
