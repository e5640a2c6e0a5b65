import { useEffect, useRef, useState } from "react";
import { useWords } from "../i18n";
import { useLive } from "../live/hooks";
import { ring, unlockSound } from "../ui/sound";
import { ICONS } from "./icons";

const KEPT = "alertwall.sound";

/** New incidents speak to a screen reader, ring if wanted, and count in the page's title. */
export function Announcer() {
  const words = useWords();
  const { t } = words;
  const { incidents, arrivals } = useLive();
  const [sound, setSound] = useState(() => localStorage.getItem(KEPT) === "on");
  const [spoken, setSpoken] = useState("");
  const told = useRef<number>(0);

  let unclaimed = 0;
  for (const incident of incidents.values()) if (incident.state === "new" && incident.priority < 4) unclaimed += 1;
  useEffect(() => {
    document.title = unclaimed > 0 ? `(${unclaimed}) ${t("app.name")}` : t("app.name");
  }, [unclaimed, t]);

  useEffect(() => {
    const fresh = arrivals.filter((incident) => incident.id > told.current);
    if (fresh.length === 0) return;
    told.current = Math.max(...fresh.map((incident) => incident.id));
    const worst = fresh.reduce((a, b) => (b.priority < a.priority ? b : a));
    setSpoken(
      t("wall.arrived", {
        priority: worst.priority,
        kind: words.say("kind", worst.kind),
        place: worst.place || worst.source_id,
      }),
    );
    if (sound) ring(worst.priority);
  }, [arrivals, sound, t, words]);

  const toggle = (): void => {
    const next = !sound;
    localStorage.setItem(KEPT, next ? "on" : "off");
    setSound(next);
    if (next) {
      unlockSound();
      ring(3);
    }
  };
  return (
    <>
      <button type="button" className="icon-button" aria-pressed={sound} onClick={toggle} data-testid="sound-toggle">
        {sound ? ICONS.sound : ICONS.silent}
        <span>{sound ? t("sound.on") : t("sound.off")}</span>
      </button>
      <div className="sr-only" aria-live="assertive" data-testid="announcer">
        {spoken}
      </div>
    </>
  );
}
