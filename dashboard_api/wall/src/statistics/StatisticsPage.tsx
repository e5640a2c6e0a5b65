import { Select } from "@mantine/core";
import { useMemo, useState } from "react";
import { BASE } from "../api/client";
import * as calls from "../api/calls";
import type { Camera, CountItem } from "../api/types";
import { follow } from "../app/router";
import { useCan } from "../app/session";
import { useWords } from "../i18n";
import { useLoad } from "../live/hooks";
import type { Range } from "../timeline/scale";
import { ErrorText } from "../ui/bits";
import { RangeChips, useSpan } from "../ui/RangeChips";
import { moment, toUtc } from "../ui/time";
import { CountsChart } from "./CountsChart";
import { MEASURES, type Measure, seriesOf, stepsOf } from "./counts";
import { HeatMap } from "./HeatMap";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longer ranges are counted by day: thousands of bars say nothing. */
const BY_HOUR_MOST_MS = 8 * DAY_MS;
const ROWS_SHOWN = 200;

/** What analysts look at: where things stood in a camera's picture, and how many came, went and crossed. */
export function StatisticsPage({ camera }: { camera: Camera }) {
  const { t } = useWords();
  const mayWatch = useCan("watch");
  const chosen = useSpan("day", DAY_MS);
  const { range } = chosen;
  const by = range.toMs - range.fromMs <= BY_HOUR_MOST_MS ? "hour" : "day";
  const asked = { from: toUtc(range.fromMs), to: toUtc(range.toMs) };
  const key = `${camera.id} ${asked.from} ${asked.to}`;
  const counts = useLoad(`counts ${by} ${key}`, () => calls.counts(camera.id, { ...asked, by }));
  const heat = useLoad(`heat ${key}`, () => calls.heat(camera.id, asked));
  const events = useLoad(mayWatch ? null : `pictures ${camera.id}`, () => calls.cameraEvents(camera.id)).data?.items;
  const kept = events?.find((event) => event.has_snapshot);
  const path = `${BASE}/cameras/${encodeURIComponent(camera.id)}`;
  const spans = [
    { key: "day", label: t("stats.range_day"), ms: DAY_MS },
    { key: "week", label: t("stats.range_week"), ms: 7 * DAY_MS },
    { key: "month", label: t("stats.range_month"), ms: 30 * DAY_MS },
  ];
  return (
    <div className="page" data-testid="statistics">
      <div className="page-head">
        <a className="plain-link" href={`/cameras/${encodeURIComponent(camera.id)}`} onClick={follow}>
          ← {camera.name}
        </a>
        <h2>{t("stats.title")}</h2>
        <span className="space" />
        <a
          className="plain-link"
          href={`${path}/counts.csv?${new URLSearchParams({ ...asked, by })}`}
          download
          data-testid="counts-csv"
        >
          {t("stats.csv")}
        </a>
      </div>
      <p className="dim">{t("stats.hint")}</p>
      <RangeChips spans={spans} {...chosen} testId="stats-range" />
      <div className="statistics">
        <section className="panel">
          <h3>{t("stats.heat")}</h3>
          <ErrorText error={heat.error} />
          {heat.data ? (
            <HeatMap
              heat={heat.data}
              picture={mayWatch ? `${path}/snapshot.jpg` : kept ? `${BASE}/events/${kept.id}/snapshot.jpg` : null}
            />
          ) : (
            !heat.error && <p className="dim">{t("app.loading")}</p>
          )}
        </section>
        <section className="panel">
          <h3>{t(by === "hour" ? "stats.counts" : "stats.counts_day")}</h3>
          <ErrorText error={counts.error} />
          {counts.data ? (
            <Counts items={counts.data.items} range={range} stepMs={by === "hour" ? HOUR_MS : DAY_MS} />
          ) : (
            !counts.error && <p className="dim">{t("app.loading")}</p>
          )}
        </section>
      </div>
    </div>
  );
}

function Counts({ items, range, stepMs }: { items: readonly CountItem[]; range: Range; stepMs: number }) {
  const { t, label } = useWords();
  const [chosen, setChosen] = useState<Measure | null>(null);
  const measures = useMemo(() => MEASURES.filter((one) => items.some((item) => item[one] > 0)), [items]);
  const measure = chosen && measures.includes(chosen) ? chosen : measures[0];
  if (!measure) return <p className="dim" data-testid="counts-empty">{t("stats.empty")}</p>;
  return (
    <>
      <Select
        size="xs"
        label={t("stats.measure")}
        allowDeselect={false}
        value={measure}
        data={measures.map((value) => ({ value, label: t(`stats.${value}`) }))}
        onChange={(value) => setChosen(value as Measure)}
        data-testid="stats-measure"
      />
      <CountsChart series={seriesOf(items, measure)} steps={stepsOf(items, range.fromMs, range.toMs, stepMs)} />
      <div className="counts-table">
        <table className="table" data-testid="counts-table">
          <thead>
            <tr>
              <th>{t("stats.time")}</th>
              <th>{t("stats.rule")}</th>
              <th>{t("stats.label")}</th>
              {measures.map((one) => (
                <th key={one} className="num">
                  {t(`stats.${one}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...items].reverse().slice(0, ROWS_SHOWN).map((item) => (
              <tr key={`${item.at} ${item.rule_id} ${item.label}`}>
                <td className="num">{moment(item.at)}</td>
                <td>{item.rule_name}</td>
                <td>{label(item.label)}</td>
                {measures.map((one) => (
                  <td key={one} className="num">
                    {Math.round(item[one])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {items.length > ROWS_SHOWN && <p className="dim">{t("stats.more_rows", { count: items.length - ROWS_SHOWN })}</p>}
    </>
  );
}
