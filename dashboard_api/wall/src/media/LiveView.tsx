import { useEffect, useRef, useState } from "react";
import type { CameraState } from "../api/types";
import { useWords, type Words } from "../i18n";
import { useLive } from "../live/hooks";
import { openMse } from "./mse";
import { isSilent } from "./silence";
import { retryMs, type Stream } from "./stream";
import { openWhep } from "./whep";

interface Props {
  camera: string;
  /** the focused picture asks for WebRTC first and falls back to the stream that grids use */
  focus?: boolean;
  label?: string;
  testId?: string;
}

type Shown =
  | { state: "connecting" }
  | { state: "playing"; kind: Stream["kind"] }
  | { state: "waiting"; problem: string | null };

/** A live picture that plays only while it can be seen, and comes back by itself. */
export function LiveView({ camera, focus = false, label, testId }: Props) {
  const words = useWords();
  const { t } = words;
  const known = useLive().cameras.get(camera)?.state;
  const video = useRef<HTMLVideoElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const visible = useVisible(frame);
  const [shown, setShown] = useState<Shown>({ state: "connecting" });

  useEffect(() => {
    const element = video.current;
    if (!element || !visible) return;
    let stream: Stream | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let attempt = 0;
    let webrtc = focus;
    // a camera just added or a worker just started says "not yet"; a codec or a firewall will say no again
    let hopeless = false;
    let over = false;
    const open = (): void => {
      if (over) return;
      let played = false;
      const begin = webrtc ? openWhep : openMse;
      stream = begin(camera, element, {
        onPlaying: () => {
          if (!over) setShown({ state: "playing", kind: webrtc ? "webrtc" : "mse" });
          played = true;
          attempt = 0;
        },
        onEnd: (problem, soon) => {
          if (over) return;
          if (webrtc && !played) {
            webrtc = false;
            hopeless = !soon;
            open();
            return;
          }
          setShown({ state: "waiting", problem });
          webrtc = focus && !hopeless;
          timer = setTimeout(open, retryMs(attempt++, Math.random()));
        },
      });
    };
    setShown({ state: "connecting" });
    open();
    return () => {
      over = true;
      clearTimeout(timer);
      stream?.stop();
    };
  }, [camera, focus, visible]);

  const note = noteOf(shown, known, words);
  return (
    <div className="live" ref={frame} data-testid={testId} data-state={shown.state}>
      <video ref={video} muted playsInline autoPlay disablePictureInPicture aria-label={label ?? camera} />
      {note && <p className={shown.state === "playing" ? "live-note over" : "live-note"}>{note}</p>}
      {shown.state === "playing" && focus && (
        <span className="live-kind">{shown.kind === "webrtc" ? t("media.by_webrtc") : t("media.by_mse")}</span>
      )}
    </div>
  );
}

/** What stands in place of a picture, or over the last one: first what the worker says of a silent camera. */
function noteOf(shown: Shown, known: CameraState | null | undefined, words: Words): string | null {
  if (known && isSilent(known)) {
    const state = words.say("link", known.state);
    const reason = words.said(known.reason);
    return reason ? words.t("media.silent_why", { state, reason }) : words.t("media.silent", { state });
  }
  if (shown.state === "playing") return null;
  return shown.state === "connecting" ? words.t("media.connecting") : problemText(shown.problem, words);
}

function problemText(problem: string | null, { t, said }: Words): string {
  if (!problem) return t("media.retry");
  if (problem.startsWith("unplayable ")) return t("media.h265", { codec: problem.slice("unplayable ".length) });
  return t("media.no_live", { reason: said(problem) });
}

function useVisible(ref: React.RefObject<HTMLElement | null>): boolean {
  const [onScreen, setOnScreen] = useState(false);
  const [pageShown, setPageShown] = useState(!document.hidden);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new IntersectionObserver((entries) => setOnScreen(entries.some((entry) => entry.isIntersecting)));
    observer.observe(element);
    const change = (): void => setPageShown(!document.hidden);
    document.addEventListener("visibilitychange", change);
    return () => {
      observer.disconnect();
      document.removeEventListener("visibilitychange", change);
    };
  }, [ref]);
  return onScreen && pageShown;
}
