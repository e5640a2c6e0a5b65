import { Button, Switch, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Unit } from "../api/types";
import { follow } from "../app/router";
import { useCan } from "../app/session";
import { useWords } from "../i18n";
import { useLive, useNow, useRefreshed } from "../live/hooks";
import { Age, connTone, State } from "../ui/bits";
import { age } from "../ui/time";
import { useAreaNames } from "../wall/names";
import { Battery } from "./Battery";
import { UnitForm } from "./UnitForm";

type Edit = { unit: Unit | null } | null;

/** Troubles first: who is silent, then who is offline, then by id. */
export function byTrouble(units: Iterable<Unit>): Unit[] {
  const rank = (unit: Unit): number => {
    if (unit.state?.silent_since) return 0;
    if (unit.state?.conn === "offline") return 1;
    return unit.state?.arm === "triggered" ? 2 : 3;
  };
  return [...units].sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
}

const SHOWN_MOST = 500;

export default function UnitsPage({ id }: { id?: string | undefined }) {
  const words = useWords();
  const { t, say } = words;
  const live = useLive();
  const now = useNow();
  const areas = useAreaNames();
  useRefreshed("units");
  const mayRegister = useCan("register");
  const [text, setText] = useState("");
  const [silentOnly, setSilentOnly] = useState(false);
  const [edit, setEdit] = useState<Edit>(id === "new" ? { unit: null } : null);
  const units = byTrouble(live.units.values()).filter((unit) => {
    if (silentOnly && unit.state?.conn === "online" && !unit.state.silent_since) return false;
    return `${unit.id} ${unit.name} ${unit.place} ${unit.area}`.toLowerCase().includes(text.toLowerCase());
  });
  const online = [...live.units.values()].filter((unit) => unit.state?.conn === "online").length;
  return (
    <div className="page">
      <div className="page-head">
        <h2>{t("units.title")}</h2>
        <span className="dim">{t("units.online", { up: online, count: live.units.size })}</span>
        <span className="space" />
        <TextInput
          size="xs"
          placeholder={t("common.search")}
          aria-label={t("common.search")}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          data-testid="unit-search"
        />
        <Switch
          size="sm"
          label={t("units.silent")}
          checked={silentOnly}
          onChange={(event) => setSilentOnly(event.currentTarget.checked)}
        />
        {mayRegister && (
          <Button size="xs" onClick={() => setEdit({ unit: null })} data-testid="unit-add">
            {t("units.add")}
          </Button>
        )}
      </div>
      {live.units.size === 0 ? (
        <p className="empty">{live.loaded ? t("units.none") : t("app.loading")}</p>
      ) : (
        <table className="table">
          <thead>
            <tr>
              <th>{t("common.id")}</th>
              <th>{t("common.name")}</th>
              <th>{t("common.place")}</th>
              <th>{t("units.conn")}</th>
              <th className="num">{t("units.last_heard")}</th>
              <th>{t("units.arm")}</th>
              <th>{t("units.battery")}</th>
              <th>{t("units.points")}</th>
              <th>{t("units.cameras")}</th>
              {mayRegister && <th />}
            </tr>
          </thead>
          <tbody>
            {units.slice(0, SHOWN_MOST).map((unit) => (
              <tr key={unit.id} data-testid={`unit-row-${unit.id}`}>
                <td>{unit.id}</td>
                <td className="strong">{unit.name}</td>
                <td>{unit.place || areas.short(unit.area)}</td>
                <td>
                  <State tone={connTone(unit.state?.conn, Boolean(unit.state?.silent_since))}>
                    {unit.state?.silent_since
                      ? t("units.silent_for", { age: age(now - Date.parse(unit.state.silent_since), words) })
                      : say("conn", unit.state?.conn ?? "unknown")}
                  </State>
                </td>
                <td className="num">
                  <Age since={unit.state?.last_heard_at ?? null} />
                </td>
                <td>{say("arm", unit.state?.arm ?? "unknown")}</td>
                <td>
                  <Battery state={unit.state} />
                </td>
                <td>{unit.state?.points_open.join(", ") || "–"}</td>
                <td>
                  {unit.cameras.map((camera) => (
                    <a key={camera} href={`/cameras/${camera}`} onClick={follow} style={{ marginRight: 8 }}>
                      {live.cameras.get(camera)?.name ?? camera}
                    </a>
                  ))}
                </td>
                {mayRegister && (
                  <td className="num">
                    <button
                      type="button"
                      className="text-button"
                      onClick={() => setEdit({ unit })}
                      data-testid={`unit-change-${unit.id}`}
                    >
                      {t("common.change")}
                    </button>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {units.length > SHOWN_MOST && (
        <p className="dim">{t("wall.shown", { shown: SHOWN_MOST, count: units.length })}</p>
      )}
      {edit && <UnitForm unit={edit.unit} onClose={() => setEdit(null)} />}
    </div>
  );
}

