import { useState } from "react";
import type { Assignment, Priority } from "../api/types";
import { type Key, useWords } from "../i18n";
import { useNow } from "../live/hooks";
import { Age, position, PriorityMark } from "../ui/bits";
import { age } from "../ui/time";
import type { Step } from "./outbox";

const REASONS: Key[] = ["phone.reason_busy", "phone.reason_far", "phone.reason_vehicle", "phone.reason_other"];

interface Props {
  errand: Assignment;
  state: string;
  onStep: (step: Step["step"], reason?: string) => void;
}

export function ErrandCard({ errand, state, onStep }: Props) {
  const words = useWords();
  const { t, say } = words;
  const now = useNow();
  const [declining, setDeclining] = useState(false);
  const incident = errand.incident ?? {};
  const unanswered = state === "queued" || state === "delivered";
  const left = Date.parse(errand.answer_by) - now;
  return (
    <article className="phone-card" data-state={state} data-testid={`errand-${errand.id}`}>
      <div className="phone-kind">
        <PriorityMark priority={(incident.priority ?? 3) as Priority} size={52} />
        <div>
          <h1>{say("kind", incident.kind)}</h1>
          <p className="dim">
            {unanswered ? t("phone.new") : say("assignment", state)} · <Age since={errand.queued_at} />
          </p>
        </div>
      </div>
      <p className="phone-place">{incident.place || incident.source_name || incident.area}</p>
      {position(incident) !== "–" && (
        <a className="plain-link" href={`geo:${incident.lat},${incident.lon}`}>
          {position(incident)} · {t("phone.map")}
        </a>
      )}
      {errand.note && (
        <p className="phone-note">
          <span className="dim">{t("phone.note")}</span>
          {errand.note}
        </p>
      )}
      <p className="dim">{t("phone.from", { name: errand.assigned_by })}</p>
      {unanswered && !declining && (
        <>
          <p className="phone-due">
            {left > 0 ? t("dispatch.answer_by", { age: age(left, words) }) : t("dispatch.overdue")}
          </p>
          <button type="button" className="big go" onClick={() => onStep("accept")} data-testid="patrol-accept">
            {t("phone.accept")}
          </button>
          <button type="button" className="big" onClick={() => setDeclining(true)} data-testid="patrol-decline">
            {t("phone.decline")}
          </button>
        </>
      )}
      {unanswered && declining && (
        <div className="phone-reasons">
          <p>{t("phone.reason")}</p>
          {REASONS.map((reason, index) => (
            <button
              key={reason}
              type="button"
              className="big"
              onClick={() => onStep("decline", t(reason))}
              data-testid={`patrol-decline-reason-${index + 1}`}
            >
              {t(reason)}
            </button>
          ))}
          <button type="button" className="text-button" onClick={() => setDeclining(false)}>
            {t("common.back")}
          </button>
        </div>
      )}
      {state === "accepted" && (
        <button type="button" className="big go" onClick={() => onStep("on_scene")} data-testid="patrol-on-scene">
          {t("phone.on_scene")}
        </button>
      )}
      {(state === "accepted" || state === "on_scene") && (
        <button
          type="button"
          className={state === "on_scene" ? "big go" : "big"}
          onClick={() => onStep("clear")}
          data-testid="patrol-clear"
        >
          {t("phone.clear")}
        </button>
      )}
    </article>
  );
}
