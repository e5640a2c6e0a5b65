import { NativeSelect } from "@mantine/core";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Language } from "../api/types";
import { Mark } from "../app/icons";
import { type Key, LANGUAGES, useWords } from "../i18n";
import { moment } from "../ui/time";
import { useAwake } from "./awake";
import { type PublishLink, readLink } from "./link";
import { Publisher, type Refusal, type Shown } from "./publisher";
import { encodesH264, type Facts, openWhip } from "./whip";

/** What a camera of a street is recorded with; a device that has less gives what it has. */
const WANTED = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } };
const FACTS_EVERY_MS = 2_000;
const SIDES = ["environment", "user"];
const BUSY = new Set<Shown["step"]>(["connecting", "live", "reconnecting"]);

/** A phone or a laptop as a camera: nobody signs in, the link is the right to send. */
export function PublishPage({ speak }: { speak: (language: Language) => void }) {
  const { t, language } = useWords();
  const [link, setLink] = useState(() => readLink(location.hash));
  useEffect(() => {
    document.title = t("publish.title");
  }, [t]);
  useEffect(() => {
    const follow = (): void => setLink(readLink(location.hash));
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  return (
    <main className="phone publish">
      <header>
        <Mark />
        <strong>{t("publish.title")}</strong>
        <button
          type="button"
          className="text-button"
          onClick={() => speak(language === "en" ? "zh-CN" : "en")}
          data-testid="publish-language"
        >
          {LANGUAGES.find((one) => one.value !== language)?.label}
        </button>
      </header>
      {link ? (
        <Studio key={`${link.camera}.${link.token}`} link={link} />
      ) : (
        <p className="error" role="alert" data-testid="publish-no-link">
          {t("publish.no_link")}
        </p>
      )}
    </main>
  );
}

function Studio({ link }: { link: PublishLink }) {
  const { t, said } = useWords();
  const video = useRef<HTMLVideoElement>(null);
  const [shown, setShown] = useState<Shown>({ step: "idle" });
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [choice, setChoice] = useState(SIDES[0]!);
  const [publisher, setPublisher] = useState<Publisher | null>(null);
  const devices = useDevices(stream);
  const busy = BUSY.has(shown.step);
  const awake = useAwake(busy);
  const muted = useMuted(stream);
  const facts = useFacts(shown.step === "live" ? publisher : null);

  useEffect(() => {
    const made = new Publisher(
      {
        unable,
        camera,
        open: (from, events, before) => openWhip(link, from, events, before),
        later: (ms, action) => {
          const timer = setTimeout(action, ms);
          return () => clearTimeout(timer);
        },
        now: Date.now,
        random: Math.random,
        onShown: setShown,
        onStream: setStream,
      },
      SIDES[0]!,
    );
    setPublisher(made);
    void made.preview();
    const online = (): void => made.hurry();
    const leave = (): void => made.stop();
    window.addEventListener("online", online);
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("online", online);
      window.removeEventListener("pagehide", leave);
      made.stop();
    };
  }, [link]);

  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);

  const choose = useCallback(
    (next: string): void => {
      setChoice(next);
      void publisher?.choose(next);
    },
    [publisher],
  );

  // a person looks into a mirror; a street must not be shown the wrong way round
  const facing = stream?.getVideoTracks()[0]?.getSettings().facingMode;
  return (
    <div className="phone-body">
      <div className="publish-picture" data-on={stream !== null} data-testid="publish-preview">
        <video
          ref={video}
          muted
          playsInline
          autoPlay
          disablePictureInPicture
          data-mirror={facing === "user"}
          aria-label={t("publish.preview")}
        />
        <span className="publish-id">{t("publish.as", { id: link.camera })}</span>
      </div>
      <div
        className="phone-card publish-state"
        role="status"
        data-testid="publish-state"
        data-state={shown.step}
        data-why={shown.step === "refused" ? shown.why : undefined}
      >
        <p>{sentence()}</p>
        {detail() && <p className="dim">{t("publish.said", { detail: detail()! })}</p>}
        {shown.step === "live" && facts && <p className="dim">{t("publish.facts", { ...facts })}</p>}
        {busy && muted && <p className="dim">{t("publish.muted")}</p>}
      </div>
      <NativeSelect
        size="lg"
        label={t("publish.choose")}
        value={choice}
        onChange={(event) => choose(event.currentTarget.value)}
        data={[
          { value: "environment", label: t("publish.back") },
          { value: "user", label: t("publish.front") },
          ...devices,
        ]}
        data-testid="publish-camera"
      />
      {busy ? (
        <button type="button" className="big stop" onClick={() => publisher?.stop()} data-testid="publish-stop">
          {t("publish.stop")}
        </button>
      ) : (
        <button
          type="button"
          className="big go"
          disabled={shown.step === "asking"}
          onClick={() => void publisher?.start()}
          data-testid="publish-start"
        >
          {t("publish.start")}
        </button>
      )}
      <p className="dim publish-hint">{t("publish.hint")}</p>
      {busy && !awake && <p className="notice">{t("publish.no_lock")}</p>}
    </div>
  );

  function sentence(): string {
    if (shown.step === "live") return t("publish.live", { time: moment(shown.since) });
    if (shown.step === "refused") return t("publish.refused", { reason: t(`publish.why_${shown.why}` as Key) });
    return t(`publish.${shown.step}` as Key);
  }

  function detail(): string | null {
    if (shown.step === "reconnecting") return said(shown.detail) || null;
    return shown.step === "refused" && shown.why === "server" ? said(shown.detail) || null : null;
  }
}

function unable(): Refusal | null {
  if (!window.isSecureContext) return "insecure";
  if (typeof navigator.mediaDevices?.getUserMedia !== "function") return "no_capture";
  return encodesH264() ? null : "no_h264";
}

function camera(choice: string): Promise<MediaStream> {
  const which = SIDES.includes(choice) ? { facingMode: { ideal: choice } } : { deviceId: { exact: choice } };
  return navigator.mediaDevices.getUserMedia({ video: { ...WANTED, ...which }, audio: false });
}

/** Named cameras, where there is more than one to choose from; browsers name them once one is lent. */
function useDevices(stream: MediaStream | null): { value: string; label: string }[] {
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  useEffect(() => {
    if (!stream) return;
    let over = false;
    navigator.mediaDevices.enumerateDevices().then(
      (all) => !over && setDevices(all.filter((one) => one.kind === "videoinput" && one.deviceId && one.label)),
      () => undefined, // front and back are still there
    );
    return () => {
      over = true;
    };
  }, [stream]);
  return devices.length > 1 ? devices.map((one) => ({ value: one.deviceId, label: one.label })) : [];
}

function useMuted(stream: MediaStream | null): boolean {
  const [muted, setMuted] = useState(false);
  useEffect(() => {
    const track = stream?.getVideoTracks()[0];
    const tell = (): void => setMuted(track?.muted ?? false);
    tell();
    track?.addEventListener("mute", tell);
    track?.addEventListener("unmute", tell);
    return () => {
      track?.removeEventListener("mute", tell);
      track?.removeEventListener("unmute", tell);
    };
  }, [stream]);
  return muted;
}

/** Size and rate of what is sent, once two looks have told them. */
function useFacts(publisher: Publisher | null): { width: number; height: number; fps: number; rate: string } | null {
  const [facts, setFacts] = useState<{ width: number; height: number; fps: number; rate: string } | null>(null);
  useEffect(() => {
    if (!publisher) return;
    let last: Facts | null = null;
    const look = async (): Promise<void> => {
      const now = await publisher.facts();
      if (now && last && now.bytes >= last.bytes && now.width > 0) {
        const rate = ((now.bytes - last.bytes) * 8) / (FACTS_EVERY_MS * 1_000);
        setFacts({ width: now.width, height: now.height, fps: Math.round(now.fps), rate: rate.toFixed(1) });
      }
      last = now;
    };
    const timer = setInterval(() => void look(), FACTS_EVERY_MS);
    return () => {
      clearInterval(timer);
      setFacts(null);
    };
  }, [publisher]);
  return facts;
}
