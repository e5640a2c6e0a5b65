import { Button, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { ApiError } from "../api/client";
import * as calls from "../api/calls";
import type { Language, Patrol } from "../api/types";
import { Mark } from "../app/icons";
import { LANGUAGES, useWords } from "../i18n";
import { PhoneDesk } from "./PhoneDesk";

type Who = { state: "asking" } | { state: "unpaired" } | { state: "paired"; patrol: Patrol };

const ASK_AGAIN_MS = 3_000;

/** The patrol's phone: pair once, then one errand at a time. */
export function PatrolPage({ speak }: { speak: (language: Language) => void }) {
  const { t, language } = useWords();
  const [who, setWho] = useState<Who>({ state: "asking" });
  const [away, setAway] = useState(0);
  const [refused, setRefused] = useState(false);
  // the code works once; it must not stay in the address or the history, but outlive a bad connection
  const code = useRef("");

  useEffect(() => {
    document.title = t("phone.title");
  }, [t]);

  useEffect(() => {
    // a link followed while this page is open changes only the address's end
    const follow = (): void => {
      if (location.hash.length > 1) setWho({ state: "asking" });
    };
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);

  useEffect(() => {
    if (who.state !== "asking") return;
    let over = false;
    const given = decodeURIComponent(location.hash.slice(1));
    if (given) {
      code.current = given;
      history.replaceState(null, "", "/patrol");
    }
    const begin = async (): Promise<void> => {
      if (code.current) {
        await calls.pairPhone(code.current).catch((error: unknown) => {
          if (!isFinal(error)) throw error;
          setRefused(true);
        });
        code.current = "";
      }
      const patrol = await calls.patrolMe();
      if (!over) setWho({ state: "paired", patrol });
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    begin().catch((error: unknown) => {
      if (over) return;
      if (isFinal(error)) setWho({ state: "unpaired" });
      else timer = setTimeout(() => setAway((value) => value + 1), ASK_AGAIN_MS);
    });
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [who.state, away]);

  return (
    <main className="phone">
      <header>
        <Mark />
        <strong>{who.state === "paired" ? who.patrol.name : t("phone.title")}</strong>
        <button
          type="button"
          className="text-button"
          onClick={() => speak(language === "en" ? "zh-CN" : "en")}
          data-testid="patrol-language"
        >
          {LANGUAGES.find((one) => one.value !== language)?.label}
        </button>
      </header>
      {who.state === "asking" && <p className="empty">{t(away > 0 ? "part.api_away" : "app.loading")}</p>}
      {who.state === "unpaired" && <PairForm refused={refused} onDone={() => setWho({ state: "asking" })} />}
      {who.state === "paired" && (
        <PhoneDesk patrol={who.patrol} onUnpaired={() => setWho({ state: "unpaired" })} />
      )}
    </main>
  );
}

/** The server has answered, and will answer the same again. */
function isFinal(error: unknown): boolean {
  return error instanceof ApiError && error.status < 500;
}

function PairForm({ refused, onDone }: { refused: boolean; onDone: () => void }) {
  const { t } = useWords();
  const [code, setCode] = useState("");
  const [failed, setFailed] = useState(refused);
  const [busy, setBusy] = useState(false);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setFailed(false);
    try {
      // the whole link is as good as its end
      await calls.pairPhone(code.trim().split("#").pop() ?? "");
      onDone();
    } catch {
      setFailed(true);
      setBusy(false);
    }
  };
  return (
    <form
      className="phone-card"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h1>{t("phone.pair")}</h1>
      <p className="dim">{t("phone.pair_hint")}</p>
      <TextInput
        size="lg"
        label={t("phone.code")}
        value={code}
        onChange={(event) => setCode(event.currentTarget.value)}
        autoComplete="one-time-code"
        autoCapitalize="none"
        spellCheck={false}
        data-testid="patrol-code"
      />
      {failed && (
        <p className="error" role="alert">
          {t("phone.pair_failed")}
        </p>
      )}
      <Button type="submit" size="lg" loading={busy} disabled={code.trim() === ""} data-testid="patrol-pair">
        {t("phone.pair_submit")}
      </Button>
    </form>
  );
}
