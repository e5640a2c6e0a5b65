import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import * as calls from "../api/calls";
import type { AuditRow } from "../api/types";
import { useWords } from "../i18n";
import { ErrorText, Moment } from "../ui/bits";
import { detailText, objectText } from "../ui/detail";

export default function AuditPage() {
  const words = useWords();
  const { t } = words;
  const [rows, setRows] = useState<AuditRow[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const more = (cursor: string | null): void => {
    calls.audit(cursor).then((page) => {
      setRows((old) => (cursor === null ? page.items : [...old, ...page.items]));
      setNext(page.next_cursor);
    }, setError);
  };
  useEffect(() => more(null), []);
  return (
    <div className="page">
      <div className="page-head">
        <h2>{t("audit.title")}</h2>
      </div>
      <ErrorText error={error} />
      <table className="table" data-testid="audit-table">
        <thead>
          <tr>
            <th>{t("common.time")}</th>
            <th>{t("audit.actor")}</th>
            <th>{t("audit.action")}</th>
            <th>{t("audit.object")}</th>
            <th>{t("common.area")}</th>
            <th>{t("audit.detail")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td>
                <Moment at={row.at} />
              </td>
              <td className="strong">{row.actor}</td>
              <td>{words.action(row.action)}</td>
              <td className="wraps">{objectText(row.object, words)}</td>
              <td className="dim">{row.area}</td>
              <td className="dim wraps">{detailText(row.detail, words)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {next && (
        <p>
          <Button variant="default" size="xs" onClick={() => more(next)}>
            {t("common.more")}
          </Button>
        </p>
      )}
    </div>
  );
}
