import { useEffect } from "react";
import * as calls from "../api/calls";
import { useWords } from "../i18n";
import { useLoad } from "../live/hooks";
import { Age, ErrorText, Facts, State, type Tone } from "../ui/bits";
import { detailText } from "../ui/detail";

const POLL_MS = 5_000;
const TONES: Record<string, Tone> = { up: "good", degraded: "warn", down: "bad" };

export default function StatusPage() {
  const words = useWords();
  const { t, say } = words;
  const { data, error, reload } = useLoad("status", calls.status);
  useEffect(() => {
    const timer = setInterval(reload, POLL_MS);
    return () => clearInterval(timer);
  }, []);
  if (!data) return error ? <ErrorText error={error} /> : <p className="empty">{t("app.loading")}</p>;
  return (
    <div className="page">
      <div className="page-head">
        <h2>{t("status.title")}</h2>
        <State tone={data.ready ? "good" : "bad"}>
          <span data-testid="status-ready">{data.ready ? t("status.ready") : t("status.not_ready")}</span>
        </State>
      </div>
      <ErrorText error={error} />
      <div className="split">
        <section className="panel">
          <h3>{t("status.parts")}</h3>
          <table className="table parts">
            <thead>
              <tr>
                <th>{t("status.part")}</th>
                <th>{t("status.kind")}</th>
                <th>{t("common.state")}</th>
                <th className="num">{t("status.heartbeat")}</th>
                <th>{t("status.detail")}</th>
              </tr>
            </thead>
            <tbody>
              {data.parts.map((part) => (
                <tr key={part.id} data-testid={`part-${part.id}`} data-state={part.state}>
                  <td className="strong">{part.id}</td>
                  <td>{words.key(part.kind)}</td>
                  <td>
                    <State tone={TONES[part.state] ?? "none"}>{say("status", part.state)}</State>
                  </td>
                  <td className="num">
                    <Age since={part.heartbeat_at ?? null} />
                  </td>
                  <td className="dim">{detailText(part.detail, words)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section className="panel">
          <h3>{data.name}</h3>
          <Facts
            items={[
              [t("status.versions"), `alertwall ${data.version}`],
              [
                t("status.broker"),
                <State key="broker" tone={data.broker?.durable ? "good" : "warn"}>
                  <span data-testid="status-broker">
                    {data.broker?.kind} · {data.broker?.durable ? t("status.durable") : t("status.not_durable")}
                  </span>
                </State>,
              ],
              [
                t("status.database"),
                <State key="database" tone={data.database?.up ? "good" : "bad"}>
                  {say("engine", String(data.database?.engine ?? ""))}
                </State>,
              ],
            ]}
          />
        </section>
      </div>
    </div>
  );
}
