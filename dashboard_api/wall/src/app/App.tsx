import { useCallback, useEffect, useState } from "react";
import { ApiError, onSignedOut } from "../api/client";
import * as calls from "../api/calls";
import type { Language, Me } from "../api/types";
import { firstLanguage, keepLanguage, Words, WordsContext } from "../i18n";
import { LiveContext } from "../live/hooks";
import { LiveStore } from "../live/store";
import { PatrolPage } from "../patrol/PatrolPage";
import { PublishPage } from "../publish/PublishPage";
import { go, segments, usePath } from "./router";
import { can, SessionContext } from "./session";
import { Shell } from "./Shell";
import { SignIn } from "./SignIn";

type Who = { state: "asking" } | { state: "nobody" } | { state: "away" } | { state: "somebody"; me: Me };

export function App() {
  const [words, setWords] = useState(() => new Words(firstLanguage()));
  const speak = useCallback((language: Language) => {
    keepLanguage(language);
    setWords((old) => (old.language === language ? old : new Words(language)));
  }, []);
  useEffect(() => keepLanguage(words.language), [words]);
  const [page] = segments(usePath());
  return (
    <WordsContext value={words}>
      {page === "patrol" && <PatrolPage speak={speak} />}
      {page === "publish" && <PublishPage speak={speak} />}
      {page !== "patrol" && page !== "publish" && <Desk speak={speak} words={words} />}
    </WordsContext>
  );
}

const ASK_AGAIN_MS = 3_000;

function Desk({ speak, words }: { speak: (language: Language) => void; words: Words }) {
  const [who, setWho] = useState<Who>({ state: "asking" });

  const welcome = useCallback(
    (me: Me) => {
      if (me.language === "en" || me.language === "zh-CN") speak(me.language);
      setWho({ state: "somebody", me });
    },
    [speak],
  );

  useEffect(() => onSignedOut(() => setWho((old) => (old.state === "asking" ? old : { state: "nobody" }))), []);

  useEffect(() => {
    if (who.state !== "asking" && who.state !== "away") return;
    let over = false;
    const ask = (): void => {
      calls.me().then(
        (me) => !over && (me.kind === "patrol" ? go("/patrol", true) : welcome(me)),
        (error: unknown) => {
          if (over) return;
          const known = error instanceof ApiError && (error.status === 401 || error.status === 403);
          setWho({ state: known ? "nobody" : "away" });
        },
      );
    };
    const timer = setTimeout(ask, who.state === "away" ? ASK_AGAIN_MS : 0);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [who, welcome]);

  const signOut = useCallback(() => {
    void calls.signOut().catch(() => undefined);
    setWho({ state: "nobody" });
  }, []);

  if (who.state === "nobody") return <SignIn onDone={welcome} speak={speak} />;
  if (who.state !== "somebody") {
    return <p className="center dim">{words.t(who.state === "away" ? "part.api_away" : "app.loading")}</p>;
  }
  return (
    <SessionContext value={{ me: who.me, signOut }}>
      <WithLive key={who.me.username} desk={can(who.me, "handle")}>
        <Shell speak={speak} />
      </WithLive>
    </SessionContext>
  );
}

function WithLive({ desk, children }: { desk: boolean; children: React.ReactNode }) {
  const [store, setStore] = useState<LiveStore | null>(null);
  useEffect(() => {
    const made = new LiveStore(desk);
    made.start();
    setStore(made);
    return () => made.stop();
  }, [desk]);
  return store ? <LiveContext value={store}>{children}</LiveContext> : null;
}
