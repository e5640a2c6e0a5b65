import { Button } from "@mantine/core";
import { useState } from "react";
import { BASE } from "../api/client";
import * as calls from "../api/calls";
import type { Camera } from "../api/types";
import { useCan } from "../app/session";
import { useWords } from "../i18n";
import { ErrorText } from "../ui/bits";
import { useForm } from "../ui/useForm";
import { enoughPoints, type Point } from "../rules/geometry";
import { Drawing } from "./Drawing";

/** Parts of the picture that nobody gets: drawn here, painted before recording, analytics and viewers. */
export function MasksPanel({ camera }: { camera: Camera }) {
  const { t } = useWords();
  const mayRegister = useCan("register");
  const mayWatch = useCan("watch");
  const [points, setPoints] = useState<Point[] | null>(null);
  const [taken, setTaken] = useState(() => Date.now());
  const form = useForm({});
  const masks = camera.masks;
  const picture = mayWatch ? `${BASE}/cameras/${encodeURIComponent(camera.id)}/snapshot.jpg?at=${taken}` : null;
  const write = (wanted: Point[][]): Promise<void> =>
    form.submit(async () => {
      await calls.changeCamera(camera, { masks: wanted });
      setPoints(null);
    });
  if (!mayRegister && masks.length === 0) return null;
  return (
    <section className="panel" data-testid="masks">
      <h3>{t("masks.title")}</h3>
      <p className="dim">{t("masks.note")}</p>
      {points && (
        <>
          <Drawing
            picture={picture}
            points={points}
            kind="intrusion"
            shape="polygon"
            others={masks.map((polygon, at) => ({
              id: at,
              kind: "intrusion",
              points: polygon,
              name: t("masks.one", { number: at + 1 }),
              direction: "both",
              params: {},
            }))}
            onChange={setPoints}
          />
          <p className="dim">{t("draw.polygon")}</p>
        </>
      )}
      {masks.length > 0 && (
        <table className="table">
          <tbody>
            {masks.map((polygon, at) => (
              <tr key={at}>
                <td>{t("masks.one", { number: at + 1 })}</td>
                <td className="dim">{t("masks.corners", { number: polygon.length })}</td>
                {mayRegister && (
                  <td className="num">
                    <button
                      type="button"
                      className="text-button"
                      onClick={() => {
                        if (confirm(t("masks.confirm_remove"))) void write(masks.filter((_, one) => one !== at));
                      }}
                      data-testid={`mask-remove-${at + 1}`}
                    >
                      {t("common.remove")}
                    </button>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <ErrorText error={form.error} />
      {mayRegister && (
        <div className="dialog-foot" style={{ marginTop: 10 }}>
          {points ? (
            <>
              <button type="button" className="chip" onClick={() => setPoints([...points, nextCorner(points.length)])} data-testid="mask-add-point">
                {t("rules.add_point")}
              </button>
              <Button size="xs" variant="default" onClick={() => setPoints(null)}>
                {t("common.cancel")}
              </Button>
              <Button
                size="xs"
                loading={form.busy}
                disabled={points.length < enoughPoints("polygon")}
                onClick={() => void write([...masks, points])}
                data-testid="mask-save"
              >
                {t("common.save")}
              </Button>
            </>
          ) : (
            <Button
              size="xs"
              variant="default"
              onClick={() => {
                setTaken(Date.now());
                setPoints([]);
              }}
              data-testid="mask-add"
            >
              {t("masks.add")}
            </Button>
          )}
        </div>
      )}
    </section>
  );
}

/** By keyboard, corners come one after the other, to be moved from there. */
function nextCorner(drawn: number): Point {
  const corners: Point[] = [
    [0.1, 0.1],
    [0.3, 0.1],
    [0.3, 0.3],
    [0.1, 0.3],
  ];
  return corners[drawn] ?? [0.2, 0.2];
}
