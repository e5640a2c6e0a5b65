import { Button, Modal, Textarea } from "@mantine/core";
import { useEffect, useState } from "react";
import type { Patrol } from "../api/types";
import { useWords } from "../i18n";
import { useLive } from "../live/hooks";
import { State } from "../ui/bits";
import { sendOnEnter } from "../ui/keys";

interface Props {
  opened: boolean;
  busy: boolean;
  onClose: () => void;
  onSend: (patrol: string, note: string) => Promise<void>;
}

const ORDER: Record<string, number> = { available: 0, dispatched: 1, en_route: 2, on_scene: 3, off_duty: 4 };

/** Those who are free and can be reached stand first. */
export function byReadiness(patrols: Iterable<Patrol>): Patrol[] {
  return [...patrols].sort(
    (a, b) =>
      (ORDER[a.state] ?? 9) - (ORDER[b.state] ?? 9) ||
      Number(b.online) - Number(a.online) ||
      a.name.localeCompare(b.name),
  );
}

export function DispatchModal({ opened, busy, onClose, onSend }: Props) {
  const { t, say } = useWords();
  const { patrols } = useLive();
  const [chosen, setChosen] = useState<string | null>(null);
  const [note, setNote] = useState("");
  const ready = byReadiness(patrols.values());
  const firstFree = ready.find((patrol) => patrol.state === "available")?.id ?? null;
  useEffect(() => {
    if (!opened) return;
    setChosen(firstFree);
    setNote("");
    // the choice is made when the dialog opens, not whenever a patrol changes
  }, [opened]);
  const send = (): void => {
    if (chosen && !busy) void onSend(chosen, note.trim());
  };
  return (
    <Modal opened={opened} onClose={onClose} title={t("dispatch.title")} centered size="lg">
      <form
        className="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        {ready.length === 0 && <p className="empty">{t("dispatch.none")}</p>}
        <div className="patrol-choice" role="radiogroup" aria-label={t("dispatch.patrol")} data-testid="dispatch-patrol">
          {ready.map((patrol) => (
            <button
              key={patrol.id}
              type="button"
              role="radio"
              aria-checked={chosen === patrol.id}
              disabled={patrol.state !== "available"}
              title={isBusy(patrol) ? t("dispatch.busy", { name: patrol.name }) : undefined}
              onClick={() => setChosen(patrol.id)}
              data-testid={`dispatch-patrol-${patrol.id}`}
            >
              <b>{patrol.name}</b>
              <span>{say("patrol", patrol.state)}</span>
              <State tone={patrol.online ? "good" : "none"}>
                {patrol.online ? t("dispatch.online") : t("dispatch.offline")}
              </State>
            </button>
          ))}
        </div>
        <Textarea
          label={t("dispatch.note")}
          value={note}
          maxLength={4000}
          autosize
          minRows={2}
          data-autofocus
          onChange={(event) => setNote(event.currentTarget.value)}
          onKeyDown={sendOnEnter(send)}
          data-testid="dispatch-note"
        />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" disabled={chosen === null} loading={busy} data-testid="dispatch-send">
            {t("dispatch.send")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function isBusy(patrol: Patrol): boolean {
  return patrol.state !== "available" && patrol.state !== "off_duty";
}
