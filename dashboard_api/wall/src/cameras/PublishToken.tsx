import { Button } from "@mantine/core";
import type { PublishToken } from "../api/types";
import { useWords } from "../i18n";
import { CopyLine } from "../ui/CopyLine";

/** Where a camera that pushes publishes, and by which token: both shown this once. */
export function PublishTokenCard({ name, made, onDone }: { name: string; made: PublishToken; onDone: () => void }) {
  const { t } = useWords();
  return (
    <div className="page">
      <div className="page-head">
        <h2>{t("camera.publish_title", { name })}</h2>
      </div>
      <section className="panel dialog" data-testid="publish-card">
        <p className="notice">{t("camera.publish_once")}</p>
        <CopyLine label={t("camera.publish_url")} text={made.url} testId="publish-url" />
        <CopyLine label={t("camera.publish_token")} text={made.token} testId="publish-token" />
        <p className="dim">{t("camera.publish_hint")}</p>
        <div className="dialog-foot">
          <Button onClick={onDone} data-testid="publish-done">
            {t("common.done")}
          </Button>
        </div>
      </section>
    </div>
  );
}
