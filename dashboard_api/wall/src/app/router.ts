// Pages by path. The server answers every path outside its API with this page.

import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();

export function go(path: string, replace = false): void {
  if (path === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  tell();
}

function tell(): void {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) window.addEventListener("popstate", tell);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) window.removeEventListener("popstate", tell);
  };
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname + location.search);
}

/** The parts of a path: "/cameras/gate?x=1" gives ["cameras", "gate"]. */
export function segments(path: string): string[] {
  return path.split("?")[0]!.split("/").filter(Boolean).map(decodeURIComponent);
}

export function param(path: string, name: string): string | null {
  return new URLSearchParams(path.split("?")[1] ?? "").get(name);
}

/** For `<a href>`: a plain click stays in this page, any other click does what browsers do. */
export function follow(event: React.MouseEvent<HTMLAnchorElement>): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(event.currentTarget.pathname + event.currentTarget.search);
}
