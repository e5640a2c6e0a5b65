import { useWords } from "../i18n";
import { moment } from "../ui/time";
import type { Series } from "./counts";

const WIDTH = 720;
const HEIGHT = 160;
/** Okabe and Ito's colours, which the colour-blind tell apart; more series than these share the last. */
export const COLOURS = ["#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#999999"];

/** Bars per hour or day, one rule and class upon the other. */
export function CountsChart({ series, steps }: { series: readonly Series[]; steps: readonly string[] }) {
  const { t, label } = useWords();
  const sums = steps.map((at) => series.reduce((sum, one) => sum + (one.values.get(at) ?? 0), 0));
  const most = Math.max(1, ...sums);
  const wide = WIDTH / Math.max(1, steps.length);
  return (
    <figure className="counts-chart" data-testid="counts-chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={t("stats.counts")}>
        {steps.map((at, index) => {
          let below = 0;
          return series.map((one, number) => {
            const value = one.values.get(at) ?? 0;
            if (value === 0) return null;
            const high = (value / most) * (HEIGHT - 4);
            below += high;
            return (
              <rect
                key={`${at} ${one.key}`}
                x={index * wide + wide * 0.1}
                y={HEIGHT - below}
                width={wide * 0.8}
                height={high}
                fill={COLOURS[Math.min(number, COLOURS.length - 1)]}
              >
                <title>{`${moment(at)} · ${one.rule} · ${label(one.label)}: ${Math.round(value)}`}</title>
              </rect>
            );
          });
        })}
      </svg>
      <figcaption>
        {series.map((one, number) => (
          <span key={one.key}>
            <i style={{ background: COLOURS[Math.min(number, COLOURS.length - 1)] }} />
            {one.rule} · {label(one.label)}: <b>{Math.round(one.total)}</b>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
