import { Button, Modal, Textarea } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { sendOnEnter } from "../ui/keys";
import type { Disposition } from "../api/types";
import { useWords } from "../i18n";

const DISPOSITIONS: Disposition[] = ["genuine", "false", "nuisance", "test", "no_response"];

interface Props {
  opened: boolean;
  busy: boolean;
  onClose: () => void;
  onConfirm: (disposition: Disposition, text: string) => Promise<void>;
}

/** The reason why, by its number key; then Enter. */
export function CloseModal({ opened, busy, onClose, onConfirm }: Props) {
  const { t, say } = useWords();
  const [chosen, setChosen] = useState<Disposition | null>(null);
  const [text, setText] = useState("");
  const choices = useRef<HTMLDivElement>(null);
  const pick = (index: number): void => {
    setChosen(DISPOSITIONS[index]!);
    (choices.current?.children[index] as HTMLElement | undefined)?.focus();
  };
  const confirm = (): void => {
    if (chosen && !busy) void onConfirm(chosen, text.trim());
  };
  useEffect(() => {
    if (!opened) return;
    setChosen(null);
    setText("");
  }, [opened]);
  return (
    <Modal opened={opened} onClose={onClose} title={t("incident.close_title")} centered size="md">
      <form
        className="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          confirm();
        }}
        onKeyDown={(event) => {
          if ((event.target as HTMLElement).tagName === "TEXTAREA") return;
          const at = DISPOSITIONS.indexOf(chosen ?? "genuine");
          if (DISPOSITIONS[Number(event.key) - 1]) pick(Number(event.key) - 1);
          else if (event.key === "ArrowDown") pick(Math.min(at + (chosen ? 1 : 0), DISPOSITIONS.length - 1));
          else if (event.key === "ArrowUp") pick(Math.max(at - 1, 0));
          // Enter on the chosen one means it; on another one it only chooses
          else if (event.key === "Enter" && chosen && event.target === choices.current?.children[at]) confirm();
          else return;
          event.preventDefault();
        }}
      >
        <div className="dispositions" ref={choices} role="radiogroup" aria-label={t("incident.close_title")}>
          {DISPOSITIONS.map((disposition, index) => (
            <button
              key={disposition}
              type="button"
              role="radio"
              aria-checked={chosen === disposition}
              data-autofocus={index === 0 || undefined}
              onClick={() => setChosen(disposition)}
              data-testid={`disposition-${disposition}`}
            >
              <kbd>{index + 1}</kbd> {say("disposition", disposition)}
            </button>
          ))}
        </div>
        <Textarea
          label={t("incident.close_text")}
          value={text}
          maxLength={4000}
          autosize
          minRows={2}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={sendOnEnter(confirm)}
          data-testid="close-text"
        />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" disabled={chosen === null} loading={busy} data-testid="close-confirm">
            {t("incident.close_confirm")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
