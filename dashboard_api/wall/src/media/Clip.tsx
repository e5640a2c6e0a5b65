import { useEffect, useState } from "react";
import { useWords } from "../i18n";
import { retryMs } from "./stream";

const TRIES = 8;

/** A recorded clip. A fresh event's clip needs some seconds until it is written, so it tries again. */
export function Clip({ src, testId = "clip" }: { src: string; testId?: string }) {
  const { t } = useWords();
  const [attempt, setAttempt] = useState(0);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    setAttempt(0);
    setFailed(false);
  }, [src]);
  useEffect(() => {
    if (!failed || attempt >= TRIES) return;
    const timer = setTimeout(() => {
      setAttempt((value) => value + 1);
      setFailed(false);
    }, retryMs(Math.min(attempt, 2), 1));
    return () => clearTimeout(timer);
  }, [failed, attempt]);
  if (failed) {
    return <p className="live-note">{attempt >= TRIES ? t("media.no_clip_ever") : t("media.no_clip")}</p>;
  }
  return (
    <div className="live" data-testid={testId}>
      <video
        key={`${src} ${attempt}`}
        src={src}
        controls
        autoPlay
        muted
        playsInline
        loop
        onError={() => setFailed(true)}
      />
    </div>
  );
}
