import { Button } from "@mantine/core";
import type { Camera, PublishToken } from "../api/types";
import { useWords } from "../i18n";
import { lendsCameras, linkOf } from "../publish/link";
import { CopyLine } from "../ui/CopyLine";
import { QrCode } from "../ui/QrCode";

interface Props {
  camera: Camera;
  made: PublishToken;
  onDone: () => void;
}

/** Where a camera that pushes publishes: a link for phones, address and token for programs; shown this once. */
export function PublishTokenCard({ camera, made, onDone }: Props) {
  const { t } = useWords();
  const link = linkOf(camera.id, made);
  return (
    <div className="page">
      <div className="page-head">
        <h2>{t("camera.publish_title", { name: camera.name })}</h2>
      </div>
      <section className="panel dialog" data-testid="publish-card">
        <p className="notice">{t("camera.publish_once")}</p>
        <div className="publish-link">
          <QrCode text={link} label={t("publish.qr")} testId="publish-qr" />
          <div>
            <CopyLine label={t("publish.link")} text={link} testId="publish-link" />
            <p className="dim">{t("publish.link_hint")}</p>
            {!lendsCameras(link) && (
              <p className="error" data-testid="publish-link-insecure">
                {t("publish.link_insecure")}
              </p>
            )}
          </div>
        </div>
        <h3>{t("publish.for_obs")}</h3>
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
