import * as calls from "../api/calls";
import { follow } from "../app/router";
import { useWords } from "../i18n";
import { useLive, useLoad } from "../live/hooks";
import { ErrorText, Facts, Moment, PriorityMark } from "../ui/bits";
import { labelOf } from "../ui/detail";
import { sourceName } from "../wall/names";
import { WhyPanel } from "./WhyPanel";

/** The facts of one event, its three times kept apart, and why it fired. */
export function EventFacts({ id }: { id: string }) {
  const words = useWords();
  const { t, say } = words;
  const live = useLive();
  const { data: event, error } = useLoad(`event ${id}`, () => calls.event(id));
  const why = useLoad(`why ${id}`, () => calls.why(id)).data;
  if (!event) return <ErrorText error={error} />;
  const label = labelOf(event, words);
  return (
    <section data-testid="event-facts" data-event={id}>
      <h2 className="facts-title">
        <PriorityMark priority={event.priority} size={28} />
        {say("kind", event.kind)}
      </h2>
      <Facts
        items={[
          [t("fact.source"), sourceName(live, event, words.say)],
          [t("fact.time"), <Moment key="time" at={event.time} />],
          [t("fact.received_at"), <Moment key="received" at={event.received_at} />],
          ...(event.device_time
            ? ([[t("fact.device_time"), <Moment key="device" at={event.device_time} />]] as [string, React.ReactNode][])
            : []),
          ...(label ? ([[t("fact.label"), label]] as [string, React.ReactNode][]) : []),
          ...(event.track_id === null ? [] : ([[t("fact.track"), event.track_id]] as [string, React.ReactNode][])),
          ...(event.incident_id
            ? ([
                [
                  t("fact.incident"),
                  <a key="incident" className="plain-link" href={`/?incident=${event.incident_id}`} onClick={follow}>
                    {event.incident_id}
                  </a>,
                ],
              ] as [string, React.ReactNode][])
            : []),
        ]}
      />
      <h3 className="section-title" style={{ marginTop: 12 }}>
        {t("timeline.why")}
      </h3>
      <WhyPanel event={event} why={why} />
    </section>
  );
}
