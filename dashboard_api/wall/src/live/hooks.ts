import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { FeedState } from "./feed";
import { currentSecond, subscribeSeconds } from "./clock";
import type { Live } from "./state";
import type { LiveStore } from "./store";

export const LiveContext = createContext<LiveStore | null>(null);

export function useStore(): LiveStore {
  const store = useContext(LiveContext);
  if (!store) throw new Error("no live store above this component");
  return store;
}

export function useLive(): Live {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, store.getLive);
}

export function useFeedState(): FeedState {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, store.getFeed);
}

const REFRESH_MS = 5_000;
const PAGE_OF_ITEMS = 500;

/** While this page is looked at, ask again for what was last heard of these; more of them are asked less often. */
export function useRefreshed(kind: "cameras" | "units"): void {
  const store = useStore();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let over = false;
    const again = async (): Promise<void> => {
      if (!document.hidden) await store.refresh(kind).catch(() => undefined);
      if (over) return;
      const pages = Math.ceil(store.getLive()[kind].size / PAGE_OF_ITEMS);
      timer = setTimeout(() => void again(), REFRESH_MS * Math.max(1, pages));
    };
    void again();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [store, kind]);
}

/** The server's time in ms, ticking each second. */
export function useNow(): number {
  return useSyncExternalStore(subscribeSeconds, currentSecond) * 1000;
}

export interface Loaded<T> {
  data: T | null;
  error: Error | null;
  reload: () => void;
}

/** Load something when `key` changes; a late answer of an older key is thrown away. */
export function useLoad<T>(key: string | null, load: () => Promise<T>): Loaded<T> {
  const [result, setResult] = useState<{ key: string | null; data: T | null; error: Error | null }>({
    key: null,
    data: null,
    error: null,
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (key === null) return;
    let current = true;
    load().then(
      (data) => current && setResult({ key, data, error: null }),
      (error: Error) => current && setResult((old) => ({ key, data: old.key === key ? old.data : null, error })),
    );
    return () => {
      current = false;
    };
    // `load` is made anew on every render; the key says when it means something else
  }, [key, round]);
  const fits = result.key === key;
  return {
    data: fits ? result.data : null,
    error: fits ? result.error : null,
    reload: () => setRound((value) => value + 1),
  };
}
