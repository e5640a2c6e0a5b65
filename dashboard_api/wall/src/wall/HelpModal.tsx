import { Modal } from "@mantine/core";
import { type Key, useWords } from "../i18n";

const KEYS: [string[], Key][] = [
  [["j", "k", "↓", "↑"], "help.move"],
  [["Enter"], "help.open"],
  [["Esc"], "help.escape"],
  [["c"], "help.claim"],
  [["r"], "help.release"],
  [["m"], "help.comment"],
  [["d"], "help.dispatch"],
  [["x"], "help.close"],
  [["v"], "help.media"],
  [["/"], "help.filter"],
  [["?"], "help.help"],
  [["g"], "help.pages"],
];

export function HelpModal({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useWords();
  return (
    <Modal opened={opened} onClose={onClose} title={t("help.title")} centered size="md">
      <dl className="keys" data-testid="help">
        {KEYS.map(([keys, text]) => (
          <div key={text}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
