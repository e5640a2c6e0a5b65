import { Button } from "@mantine/core";
import { type Ref, useCallback, useEffect, useImperativeHandle, useMemo, useRef, useState } from "react";
import { ApiError } from "../api/client";
import * as calls from "../api/calls";
import type { Disposition, IncidentDetail } from "../api/types";
import { useCan, useSession } from "../app/session";
import { useWords } from "../i18n";
import { useLive, useLoad, useStore } from "../live/hooks";
import { Age, errorText, ErrorText, Facts, Moment, position, PriorityMark } from "../ui/bits";
import { sendOnEnter } from "../ui/keys";
import { Assignments } from "./Assignments";
import { CloseModal } from "./CloseModal";
import { DispatchModal } from "./DispatchModal";
import { focusList } from "./IncidentList";
import { IncidentLog } from "./IncidentLog";
import { IncidentMedia, type MediaHandle } from "./IncidentMedia";
import { sourceName } from "./names";
import { UnitCard } from "./UnitCard";

export interface PaneHandle {
  focus: () => void;
  claim: () => void;
  release: () => void;
  comment: () => void;
  dispatch: () => void;
  close: () => void;
  nextMedia: () => void;
}

interface Props {
  id: number;
  ref: Ref<PaneHandle>;
  areaName: (path: string) => string;
}

const RELOAD_AFTER_MS = 150;

export function IncidentPane({ id, ref, areaName }: Props) {
  const words = useWords();
  const { t, say } = words;
  const { me } = useSession();
  const mayHandle = useCan("handle");
  const mayDispatch = useCan("dispatch");
  const store = useStore();
  const live = useLive();
  const { data: detail, error, reload } = useLoad(`incident ${id}`, () => calls.incident(id));
  const touched = live.touched.get(id) ?? 0;
  const [said, setSaid] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [dialog, setDialog] = useState<"close" | "dispatch" | null>(null);
  const head = useRef<HTMLDivElement>(null);
  const commentBox = useRef<HTMLTextAreaElement>(null);
  const media = useRef<MediaHandle>(null);
  const [event, setEvent] = useState<string | null>(null);

  useEffect(() => {
    if (touched === 0) return;
    const timer = setTimeout(reload, RELOAD_AFTER_MS);
    return () => clearTimeout(timer);
    // `reload` only counts a round up
  }, [touched]);

  useEffect(() => {
    if (detail) for (const item of detail.assignments) store.put("assignment", item);
    // what a detail tells of patrols belongs on the list too, once per answer
  }, [detail?.assignments.length, store]);

  // the feed may know more than the last answer, or the answer more than the feed
  const known = live.incidents.get(id);
  const incident = useMemo(() => {
    if (!detail) return known ?? null;
    return known && known.row_version > detail.row_version ? { ...detail, ...known } : detail;
  }, [detail, known]);

  const run = useCallback(
    async (action: () => Promise<unknown>): Promise<boolean> => {
      setBusy(true);
      setSaid(null);
      try {
        await action();
        return true;
      } catch (problem) {
        const winner = problem instanceof ApiError && problem.status === 409 ? problem.problem.winner : undefined;
        const moved = problem instanceof ApiError && problem.status === 409;
        const text = winner
          ? t("incident.taken", { winner: winner === me.username ? t("incident.you") : winner })
          : moved
            ? t("incident.moved", { detail: words.said(problem.message) })
            : errorText(problem, words);
        setSaid(text);
        return false;
      } finally {
        setBusy(false);
        reload();
      }
    },
    [me.username, t, words],
  );

  const state = incident?.state;
  const mine = incident?.owner === me.username;
  const claim = async (): Promise<void> => {
    if (mayHandle && !busy && (state === "new" || !mine)) await run(() => calls.claim(id));
  };
  const release = async (): Promise<void> => {
    if (mayHandle && state === "claimed" && mine) await run(() => calls.release(id));
  };
  const close = async (disposition: Disposition, text: string): Promise<void> => {
    await run(async () => {
      // closing what nobody has means taking it first; a lost race says who was first
      if (state === "new") await calls.claim(id);
      await calls.close(id, disposition, text);
    });
    setDialog(null);
  };
  const dispatch = async (patrol: string, note: string): Promise<void> => {
    await run(() => calls.dispatch(id, patrol, note));
    setDialog(null);
  };
  const comment = (text: string): Promise<boolean> => run(() => calls.comment(id, text));
  const open = state !== undefined && state !== "closed";

  useImperativeHandle(ref, () => ({
    focus: () => head.current?.focus(),
    claim: () => void claim(),
    release: () => void release(),
    comment: () => commentBox.current?.focus(),
    dispatch: () => open && mayDispatch && setDialog("dispatch"),
    close: () => open && mayHandle && setDialog("close"),
    nextMedia: () => media.current?.next(),
  }));

  if (!incident) return error ? <ErrorText error={error} /> : <p className="empty">{t("app.loading")}</p>;
  return (
    <div className="pane-body" data-testid="incident-pane" data-incident={id} data-state={state}>
      <div className="pane-head" ref={head} tabIndex={-1}>
        <PriorityMark priority={incident.priority} size={44} />
        <div className="pane-title">
          <h2>{say("kind", incident.kind)}</h2>
          <p>
            <b>{incident.place || areaName(incident.area)}</b>
            <span className="dim">{areaName(incident.area)}</span>
          </p>
        </div>
        <div className="pane-age">
          <b>
            <Age since={incident.opened_at} />
          </b>
          <span className="dim">
            {t("incident.number", { id })} · <Moment at={incident.opened_at} />
          </span>
        </div>
      </div>
      <div className="pane-actions">
        <Owner incident={incident} me={me.username} />
        <span className="space" />
        {mayHandle && state === "new" && (
          <Button onClick={() => void claim()} loading={busy} data-testid="incident-claim">
            {t("incident.claim")}&ensp;<kbd>c</kbd>
          </Button>
        )}
        {mayHandle && state === "claimed" && !mine && (
          <Button variant="default" onClick={() => void claim()} loading={busy} data-testid="incident-claim">
            {t("incident.claim")}&ensp;<kbd>c</kbd>
          </Button>
        )}
        {mayHandle && state === "claimed" && mine && (
          <Button variant="default" onClick={() => void release()} data-testid="incident-release">
            {t("incident.release")}&ensp;<kbd>r</kbd>
          </Button>
        )}
        {mayDispatch && open && (
          <Button variant="default" onClick={() => setDialog("dispatch")} data-testid="incident-dispatch">
            {t("incident.dispatch")}&ensp;<kbd>d</kbd>
          </Button>
        )}
        {mayHandle && open && (
          <Button variant="default" onClick={() => setDialog("close")} data-testid="incident-close">
            {t("incident.close")}&ensp;<kbd>x</kbd>
          </Button>
        )}
      </div>
      {said && (
        <p className="error" role="alert" data-testid="incident-said">
          {said}
        </p>
      )}
      <IncidentMedia ref={media} incident={incident} events={detail?.events ?? []} eventId={event} />
      <div className="pane-columns">
        <div>
          {detail && <IncidentLog detail={detail} onEvent={setEvent} />}
          {mayHandle && open && <CommentBox box={commentBox} send={comment} busy={busy} />}
        </div>
        <div className="pane-side">
          {detail && detail.assignments.length > 0 && <Assignments items={detail.assignments} />}
          {detail?.unit && <UnitCard unit={detail.unit} />}
          <section className="panel">
            <h3>{t("incident.facts")}</h3>
            <Facts items={facts(incident)} />
          </section>
        </div>
      </div>
      <CloseModal opened={dialog === "close"} onClose={() => setDialog(null)} onConfirm={close} busy={busy} />
      <DispatchModal opened={dialog === "dispatch"} onClose={() => setDialog(null)} onSend={dispatch} busy={busy} />
    </div>
  );

  function facts(item: Omit<IncidentDetail, "entries" | "events" | "assignments" | "unit">): [string, React.ReactNode][] {
    return [
      [item.source_kind === "system" ? t("fact.source") : say("source", item.source_kind), sourceName(live, item, say)],
      [t("column.age"), <Age key="age" since={item.opened_at} />],
      [t("incident.event_count"), item.event_count],
      [t("common.state"), item.active ? t("incident.active") : t("incident.inactive")],
      [t("common.area"), item.area],
      [t("common.position"), position(item)],
      [
        t("incident.cameras"),
        item.cameras.length === 0
          ? t("incident.no_camera")
          : item.cameras.map((camera) => live.cameras.get(camera)?.name ?? camera).join(", "),
      ],
    ];
  }
}

function Owner({ incident, me }: { incident: { state: string; owner: string | null; disposition: string | null }; me: string }) {
  const { t, say } = useWords();
  if (incident.state === "closed") {
    return (
      <span className="owner-line" data-testid="incident-state">
        {t("incident.closed_as", { disposition: say("disposition", incident.disposition) })}
      </span>
    );
  }
  const text =
    incident.owner === null
      ? t("incident.no_owner")
      : incident.owner === me
        ? t("incident.claimed_by_you")
        : t("incident.owner", { owner: incident.owner });
  return (
    <span className="owner-line" data-owned={incident.owner !== null} data-testid="incident-owner">
      {text}
    </span>
  );
}

interface CommentProps {
  box: React.RefObject<HTMLTextAreaElement | null>;
  send: (text: string) => Promise<boolean>;
  busy: boolean;
}

function CommentBox({ box, send, busy }: CommentProps) {
  const { t } = useWords();
  const [text, setText] = useState("");
  const submit = async (): Promise<void> => {
    if (text.trim() === "") return;
    if (await send(text.trim())) setText("");
  };
  return (
    <form
      className="comment"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <textarea
        ref={box}
        rows={2}
        value={text}
        maxLength={4000}
        placeholder={t("incident.comment_hint")}
        aria-label={t("incident.comment")}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") focusList();
          sendOnEnter(() => void submit())(event);
        }}
        data-testid="incident-comment-text"
      />
      <Button type="submit" variant="default" disabled={text.trim() === "" || busy} data-testid="incident-comment-send">
        {t("incident.send")}
      </Button>
    </form>
  );
}
