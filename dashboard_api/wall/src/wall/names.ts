// Names that people gave to places and sources, looked up from what the wall already knows.

import { useMemo } from "react";
import * as calls from "../api/calls";
import type { Words } from "../i18n";
import { useLive, useLoad } from "../live/hooks";
import type { Live } from "../live/state";

export function sourceName(
  live: Live,
  item: { source_id: string; source_name?: string | null; source_kind?: string },
  say: Words["say"],
): string {
  if (item.source_kind === "system") return say("system", item.source_id);
  if (item.source_name) return item.source_name;
  return live.cameras.get(item.source_id)?.name ?? live.units.get(item.source_id)?.name ?? item.source_id;
}

export interface AreaNames {
  /** the last named part of a path, and what stands above it */
  short: (path: string) => string;
  options: { value: string; label: string }[];
}

export function useAreaNames(): AreaNames {
  const areas = useLoad("areas", calls.areas).data;
  const live = useLive();
  return useMemo(() => {
    const names = new Map((areas ?? []).map((area) => [area.path, area.name]));
    const paths = new Set(names.keys());
    for (const item of [...live.cameras.values(), ...live.units.values()]) paths.add(item.area);
    const short = (path: string): string => {
      const name = names.get(path);
      if (name) return name;
      return path.split(".").slice(-2).join(" · ");
    };
    const options = [...paths].sort().map((path) => ({
      value: path,
      label: names.has(path) ? `${names.get(path)} (${path})` : path,
    }));
    return { short, options };
  }, [areas, live.cameras, live.units]);
}
