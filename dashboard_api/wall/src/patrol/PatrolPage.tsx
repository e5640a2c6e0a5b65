import { Button, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
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

  useEffect(() => {
    document.title = t("phone.title");
  }, [t]);

  useEffect(() => {
    if (who.state !== "asking") return;
    let over = false;
    const code = decodeURIComponent(location.hash.slice(1));
    const begin = async (): Promise<void> => {
      if (code) {
        // the code works once; it must not stay in the address or the history
        history.replaceState(null, "", "/patrol");
        await calls.pairPhone(code).catch(() => undefined);
      }
      const patrol = await calls.patrolMe();
      if (!over) setWho({ state: "paired", patrol });
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    begin().catch((error: unknown) => {
      if (over) return;
      if (error instanceof ApiError && error.status < 500) setWho({ state: "unpaired" });
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
      {who.state === "unpaired" && <PairForm onDone={() => setWho({ state: "asking" })} />}
      {who.state === "paired" && (
        <PhoneDesk patrol={who.patrol} onUnpaired={() => setWho({ state: "unpaired" })} />
      )}
    </main>
  );
}

function PairForm({ onDone }: { onDone: () => void }) {
  const { t } = useWords();
  const [code, setCode] = useState("");
  const [failed, setFailed] = useState(false);
  const [busy, setBusy] = useState(false);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setFailed(false);
    try {
      await calls.pairPhone(code.trim());
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
