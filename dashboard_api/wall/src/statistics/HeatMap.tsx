import { useEffect, useRef, useState } from "react";
import type { Heat } from "../api/types";
import { useWords } from "../i18n";
import { heatColour, shares } from "./counts";

/** Where things stood, painted over a picture of the camera; the scale is the same to the colour-blind. */
export function HeatMap({ heat, picture }: { heat: Heat; picture: string | null }) {
  const { t } = useWords();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [ratio, setRatio] = useState(16 / 9);
  const [failed, setFailed] = useState(false);
  const most = Math.max(0, ...heat.cells_s);
  const top = heat.cells_s.indexOf(most);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const pixels = context.createImageData(heat.columns, heat.rows);
    shares(heat.cells_s).forEach((share, cell) => pixels.data.set(heatColour(share), cell * 4));
    context.putImageData(pixels, 0, 0);
  }, [heat]);
  if (most === 0) return <p className="dim" data-testid="heat-empty">{t("stats.heat_empty")}</p>;
  return (
    <>
      <div className="heat" style={{ aspectRatio: ratio }} data-testid="heat">
        {picture && !failed && (
          <img
            src={picture}
            alt=""
            onLoad={(load) => setRatio(load.currentTarget.naturalWidth / load.currentTarget.naturalHeight)}
            onError={() => setFailed(true)}
          />
        )}
        <canvas
          ref={canvas}
          width={heat.columns}
          height={heat.rows}
          role="img"
          aria-label={t("stats.heat_alt", {
            column: (top % heat.columns) + 1,
            columns: heat.columns,
            row: Math.floor(top / heat.columns) + 1,
            rows: heat.rows,
          })}
        />
      </div>
      <div className="heat-legend" aria-hidden="true">
        <span>{t("stats.less")}</span>
        {Array.from({ length: 12 }, (_, step) => (
          <i key={step} style={{ background: `rgb(${heatColour((step + 1) / 12).slice(0, 3).join(",")})` }} />
        ))}
        <span>{t("stats.more", { seconds: Math.round(most) })}</span>
      </div>
    </>
  );
}
