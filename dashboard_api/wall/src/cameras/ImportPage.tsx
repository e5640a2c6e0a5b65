import { Button } from "@mantine/core";
import { useState } from "react";
import { BASE } from "../api/client";
import * as calls from "../api/calls";
import type { BulkAnswer } from "../api/types";
import { follow, go } from "../app/router";
import { useWords } from "../i18n";
import { errorText } from "../ui/bits";

/** Many cameras from one file: looked at first, then all of it or nothing. */
export function ImportPage() {
  const words = useWords();
  const { t, said } = words;
  const [file, setFile] = useState<File | null>(null);
  const [answer, setAnswer] = useState<BulkAnswer | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const send = async (chosen: File, dryRun: boolean): Promise<void> => {
    setBusy(true);
    setProblem(null);
    setAnswer(null);
    try {
      setAnswer(await calls.importCameras(chosen, dryRun));
    } catch (error) {
      setProblem(errorText(error, words));
    } finally {
      setBusy(false);
    }
  };

  const wrong = answer !== null && answer.errors.length > 0;
  const applied = answer !== null && !answer.dry_run && !wrong;
  return (
    <div className="page">
      <div className="page-head">
        <a className="plain-link" href="/cameras" onClick={follow}>
          ← {t("cameras.title")}
        </a>
        <h2>{t("import.title")}</h2>
      </div>
      <p className="dim">{t("import.hint")}</p>
      <p>
        <a className="plain-link" href={`${BASE}/cameras/bulk/template.csv`} download data-testid="import-template">
          {t("import.template")}
        </a>
      </p>
      <input
        type="file"
        accept=".csv,text/csv"
        aria-label={t("import.file")}
        disabled={busy}
        onClick={(event) => {
          event.currentTarget.value = ""; // the same file, put right meanwhile, is a choice too
        }}
        onChange={(event) => {
          const chosen = event.currentTarget.files?.[0] ?? null;
          setFile(chosen);
          if (chosen) void send(chosen, true);
        }}
        data-testid="import-file"
      />
      {problem && (
        <p className="error" role="alert" data-testid="import-problem">
          {problem}
        </p>
      )}
      {answer && !wrong && (
        <p className="notice" role="status" data-testid="import-answer" data-applied={applied}>
          {t(applied ? "import.done" : "import.would", { created: answer.created, unchanged: answer.unchanged })}
        </p>
      )}
      {file && answer?.dry_run && !wrong && answer.created > 0 && (
        <Button mt="md" loading={busy} onClick={() => void send(file, false)} data-testid="import-apply">
          {t("import.apply")}
        </Button>
      )}
      {applied && (
        <Button mt="md" variant="default" onClick={() => go("/cameras")} data-testid="import-leave">
          {t("cameras.title")}
        </Button>
      )}
      {wrong && (
        <>
          <p className="error" role="alert">
            {t("import.errors", { count: answer.errors.length, total: answer.total })}
          </p>
          <table className="table" data-testid="import-errors">
            <thead>
              <tr>
                <th className="num">{t("import.row")}</th>
                <th>{t("import.column")}</th>
                <th>{t("import.expected")}</th>
              </tr>
            </thead>
            <tbody>
              {answer.errors.map((error, index) => (
                <tr key={index}>
                  <td className="num">{error.row}</td>
                  <td>{error.pointer === "/" ? "–" : <code>{error.pointer.slice(1)}</code>}</td>
                  <td className="wraps">{said(error.detail)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </div>
  );
}
