import type { Assignment, AssignmentState } from "../api/types";
import { useWords } from "../i18n";
import { useLive, useNow } from "../live/hooks";
import { age, clock } from "../ui/time";

interface Step {
  state: AssignmentState;
  at: string | null;
}

/** The steps of an errand with the time each was taken; refused and unanswered ones end early. */
export function stepsOf(item: Assignment): Step[] {
  const steps: Step[] = [
    { state: "queued", at: item.queued_at },
    { state: "delivered", at: item.delivered_at },
  ];
  if (item.state === "declined" || item.state === "timed_out") {
    return [...steps, { state: item.state, at: item.answered_at ?? item.ended_at }];
  }
  if (item.state === "cancelled") return [...steps, { state: "cancelled", at: item.ended_at }];
  return [
    ...steps,
    { state: "accepted", at: item.answered_at },
    { state: "on_scene", at: item.on_scene_at },
    { state: "clear", at: item.ended_at },
  ];
}

export function Assignments({ items }: { items: readonly Assignment[] }) {
  const { t } = useWords();
  return (
    <section className="panel">
      <h3>{t("incident.patrols")}</h3>
      {[...items]
        .sort((a, b) => b.id - a.id)
        .map((item) => (
          <Errand key={item.id} item={item} />
        ))}
    </section>
  );
}

export function Errand({ item }: { item: Assignment }) {
  const words = useWords();
  const live = useLive();
  const now = useNow();
  const unanswered = item.state === "queued" || item.state === "delivered";
  const left = Date.parse(item.answer_by) - now;
  return (
    <div className="assignment" data-testid={`assignment-${item.id}`} data-state={item.state}>
      <p>
        <b>{item.patrol_name ?? live.patrols.get(item.patrol_id)?.name ?? item.patrol_id}</b>
        {unanswered && (
          <span className="due">
            {left > 0 ? words.t("dispatch.answer_by", { age: age(left, words) }) : words.t("dispatch.overdue")}
          </span>
        )}
      </p>
      <ol className="steps">
        {stepsOf(item).map((step) => (
          <li key={step.state} data-done={step.at !== null} data-bad={isBad(step.state)} data-testid={`step-${step.state}`}>
            <span>{words.say("assignment", step.state)}</span>
            <time>{step.at ? clock(step.at) : "–"}</time>
          </li>
        ))}
      </ol>
      {(item.note || item.decline_reason) && (
        <p className="dim">{[item.note, item.decline_reason].filter(Boolean).join(" · ")}</p>
      )}
    </div>
  );
}

function isBad(state: AssignmentState): boolean {
  return state === "declined" || state === "timed_out" || state === "cancelled";
}
