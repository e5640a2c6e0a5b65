import { useState } from "react";
import type { EventItem, Rerun, Rule, Why } from "../api/types";
import { useWords, type Words } from "../i18n";
import { pointsOf, Snapshot } from "../media/Snapshot";
import { scheduleText } from "../rules/schedule";
import { paramName, quantity, unitOf, whatCounts } from "../rules/text";
import { Facts, State, type Tone } from "../ui/bits";
import { detailText } from "../ui/detail";

type Item = [string, React.ReactNode];
type Document = Record<string, unknown>;

/** Why an event was raised: in a sentence, over its picture, in numbers, and whether it comes out the same again. */
export function WhyPanel({ event, why }: { event: EventItem; why: Why | null }) {
  const words = useWords();
  const { t } = words;
  const rule = why?.rule ?? null;
  return (
    <div data-testid="event-why">
      <p style={{ margin: "0 0 6px" }}>{words.said(why?.because) || t("timeline.no_why")}</p>
      {rule && <Figure event={event} rule={rule} />}
      {why && (
        <Facts
          items={[
            ...(rule ? ruleFacts(event, rule, words) : []),
            ...detectorFacts(why.detector ?? {}, words),
            ...frameFacts(event, words),
            ...Object.entries(why.message ?? {}).map(
              ([key, value]): Item => [words.key(key), detailText(value, words)],
            ),
            ...(rule ? ([[t("why.rerun"), <RerunSaid key="rerun" rerun={why.rerun} />]] as Item[]) : []),
          ]}
        />
      )}
    </div>
  );
}

function Figure({ event, rule }: { event: EventItem; rule: Rule }) {
  const { t } = useWords();
  const looks = Array.isArray(event.attrs.track) ? event.attrs.track : [];
  const times = looks.map((look: unknown) => (Array.isArray(look) ? Number(look[0]) : Number.NaN)).filter(Number.isFinite);
  const seconds = times.length > 1 ? Math.max(...times) - Math.min(...times) : 0;
  return (
    <figure className="why-figure">
      <div className="frame">
        <Snapshot key={event.id} event={event} rule={rule} />
      </div>
      {pointsOf(looks).length > 0 && (
        <figcaption>
          {t("why.picture")} · {t("why.looks", { count: looks.length, seconds: Math.round(seconds * 10) / 10 })}
        </figcaption>
      )}
    </figure>
  );
}

function ruleFacts(event: EventItem, rule: Rule, words: Words): Item[] {
  const { t, say } = words;
  const thresholds = { ...rule.params, ...((event.attrs.thresholds ?? {}) as Document) };
  const { measured } = event.attrs;
  const direction = typeof event.attrs.direction === "string" ? ` · ${say("direction", event.attrs.direction)}` : "";
  return [
    [t("fact.rule"), `${rule.name} · ${say("rule", rule.kind)} · ${t("rules.version", { version: rule.version })}`],
    [t("why.geometry"), `${whatCounts(rule, words)}${direction}`],
    [t("why.schedule"), scheduleText(rule.schedule, words)],
    [t("why.thresholds"), <Numbers key="thresholds" values={thresholds} testId="why-thresholds" />],
    ...(typeof measured === "object" && measured !== null && Object.keys(measured).length > 0
      ? ([[t("why.measured"), <Numbers key="measured" values={measured as Document} testId="why-measured" />]] as Item[])
      : []),
  ];
}

function Numbers({ values, testId }: { values: Document; testId: string }) {
  const words = useWords();
  const lines = Object.entries(values).map(([name, value]) => {
    const said = typeof value === "number" ? quantity(value, unitOf(name), words) : detailText(value, words);
    return `${paramName(name, words)} ${said}`;
  });
  return <span data-testid={testId}>{lines.join(" · ") || "–"}</span>;
}

/** A detector's name, how it ran, and the digest of its weights, which says exactly which they were. */
function detectorFacts(said: Document, words: Words): Item[] {
  const { detector, thresholds: _, ...rest } = said;
  const known: Document =
    typeof detector === "object" && detector !== null
      ? { ...(detector as Document), ...rest }
      : { ...(detector === undefined ? {} : { name: detector }), ...rest };
  const { digest, detector_digest, ...others } = known;
  const sum = digest ?? detector_digest;
  const text = Object.values(others)
    .map((value) => detailText(value, words))
    .filter(Boolean)
    .join(" · ");
  return [
    ...(text ? ([[words.t("why.detector"), text]] as Item[]) : []),
    ...(typeof sum === "string" ? ([[words.t("why.digest"), <Digest key="digest" text={sum} />]] as Item[]) : []),
  ];
}

const DIGEST_SHOWN = 12;

function Digest({ text }: { text: string }) {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  return (
    <>
      <span className="digest" title={text}>
        {text.length > DIGEST_SHOWN ? `${text.slice(0, DIGEST_SHOWN)}…` : text}
      </span>
      {navigator.clipboard && (
        <button
          type="button"
          className="text-button"
          onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
          data-testid="why-copy-digest"
        >
          {copied ? t("common.copied") : t("common.copy")}
        </button>
      )}
    </>
  );
}

function frameFacts(event: EventItem, words: Words): Item[] {
  const frame = event.attrs.frame as Document | undefined;
  if (!frame || frame.seq === undefined) return [];
  const text = words.t("why.frame_text", {
    seq: String(frame.seq),
    width: String(frame.width_px ?? "?"),
    height: String(frame.height_px ?? "?"),
  });
  const look = event.attrs.look;
  return [
    [words.t("why.frame"), text],
    ...(typeof look === "string" ? ([[words.t("why.looked"), words.say("look", look)]] as Item[]) : []),
  ];
}

/** Whether the stored track, judged again by the stored rule, comes to the same. */
function RerunSaid({ rerun }: { rerun: Rerun | null | undefined }) {
  const words = useWords();
  const { t } = words;
  const same = rerun?.same ?? null;
  const tone: Tone = same === null ? "none" : same ? "good" : "bad";
  const steps = rerun?.steps ?? [];
  return (
    <div data-testid="why-rerun" data-same={String(same)}>
      <State tone={tone}>
        {same === null ? t("why.rerun_none") : t(same ? "why.rerun_same" : "why.rerun_differs")}
      </State>
      {rerun?.text && <div className="dim small">{words.said(rerun.text)}</div>}
      {steps.length > 0 && (
        <details>
          <summary className="dim small">{t("why.steps", { count: steps.length })}</summary>
          <ol className="why-steps">
            {steps.map((step, index) => (
              <li key={index}>{stepText(step, words)}</li>
            ))}
          </ol>
        </details>
      )}
    </div>
  );
}

/** One look: how long before the event, and what the rule knew after it. */
function stepText(step: unknown, words: Words): string {
  if (typeof step !== "object" || step === null || !("time_s" in step)) return detailText(step, words);
  const { time_s, ...rest } = step;
  return `${Number(time_s).toFixed(2)} ${words.say("units", "s")} · ${detailText(rest, words)}`;
}
