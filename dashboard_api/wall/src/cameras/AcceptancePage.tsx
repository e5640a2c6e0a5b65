import { Button } from "@mantine/core";
import { useState } from "react";
import { BASE } from "../api/client";
import * as calls from "../api/calls";
import type { AcceptanceCheck, Camera } from "../api/types";
import { follow } from "../app/router";
import { useWords } from "../i18n";
import { useLoad } from "../live/hooks";
import { ErrorText, Facts, position, State } from "../ui/bits";
import { clock, day } from "../ui/time";
import { useAreaNames } from "../wall/names";
import { addressOf } from "./CameraPage";

/** What a camera shows beside what is expected, on one sheet to print, sign and keep. */
export function AcceptancePage({ camera }: { camera: Camera }) {
  const { t } = useWords();
  const areas = useAreaNames();
  const [look, setLook] = useState(1);
  const { data: card, error } = useLoad(`acceptance ${camera.id} ${look}`, () => calls.acceptance(camera.id));
  return (
    <div className="page sheet" data-testid="acceptance" data-passed={card?.passed}>
      <div className="page-head no-print">
        <a className="plain-link" href={`/cameras/${camera.id}`} onClick={follow}>
          ← {camera.name}
        </a>
        <span className="space" />
        <Button size="xs" variant="default" onClick={() => setLook(look + 1)} data-testid="acceptance-again">
          {t("card.again")}
        </Button>
        <Button size="xs" onClick={() => window.print()} disabled={!card} data-testid="acceptance-print">
          {t("card.print")}
        </Button>
      </div>
      <h2>
        {t("card.title")}: {camera.name}
      </h2>
      <ErrorText error={error} />
      {!card && !error && <p className="dim">{t("card.looking")}</p>}
      {card && (
        <>
          <div className="sheet-top">
            <Facts
              items={[
                [t("common.id"), camera.id],
                [t("common.area"), `${areas.short(camera.area)} (${camera.area})`],
                [t("common.place"), camera.place || "–"],
                [t("common.position"), position(camera)],
                [t("card.address"), camera.source ? addressOf(camera.source) : "–"],
                [t("camera.retention"), camera.record ? String(camera.retention_days) : t("cameras.not_recording")],
                [t("card.date"), `${day(card.at)} ${clock(card.at)}`],
              ]}
            />
            <Picture key={card.at} camera={camera.id} at={card.at} />
          </div>
          <Checks checks={card.checks} />
          <p className="sheet-verdict" data-testid="acceptance-verdict">
            {t(card.passed ? "card.passed" : "card.failed")}
          </p>
          <div className="signatures">
            {(["card.installer", "card.engineer", "card.owner"] as const).map((who) => (
              <p key={who}>
                {t(who)}
                <small>{t("card.signature")}</small>
              </p>
            ))}
          </div>
        </>
      )}
    </div>
  );
}

function Picture({ camera, at }: { camera: string; at: string }) {
  const { t } = useWords();
  const [failed, setFailed] = useState(false);
  if (failed) return <p className="dim">{t("card.no_picture")}</p>;
  const source = `${BASE}/cameras/${encodeURIComponent(camera)}/snapshot.jpg?at=${encodeURIComponent(at)}`;
  return <img src={source} alt={t("media.snapshot")} onError={() => setFailed(true)} data-testid="acceptance-picture" />;
}

function Checks({ checks }: { checks: AcceptanceCheck[] }) {
  const { t, say, said } = useWords();
  return (
    <table className="table">
      <thead>
        <tr>
          <th>{t("card.check")}</th>
          <th>{t("card.result")}</th>
          <th>{t("card.found")}</th>
          <th>{t("card.expected")}</th>
        </tr>
      </thead>
      <tbody>
        {checks.map((check) => (
          <tr key={check.name} data-testid={`check-${check.name}`} data-ok={String(check.ok)}>
            <td className="strong">{say("check", check.name)}</td>
            <td>
              <State tone={check.ok === null ? "none" : check.ok ? "good" : "bad"}>
                {t(check.ok === null ? "card.unknown" : check.ok ? "card.pass" : "card.fail")}
              </State>
            </td>
            <td>{said(check.found)}</td>
            <td>{said(check.expected)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
