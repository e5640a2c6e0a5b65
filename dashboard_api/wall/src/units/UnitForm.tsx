import { Button, Modal, MultiSelect, Switch, TextInput } from "@mantine/core";
import { useState } from "react";
import * as calls from "../api/calls";
import type { CreatedUnit, Unit } from "../api/types";
import { useWords } from "../i18n";
import { useLive, useStore } from "../live/hooks";
import { AreaInput } from "../ui/AreaInput";
import { CopyLine } from "../ui/CopyLine";
import { ErrorText } from "../ui/bits";
import { isOvertaken, numberOrNull, useForm } from "../ui/useForm";

export function UnitForm({ unit: given, onClose }: { unit: Unit | null; onClose: () => void }) {
  const { t } = useWords();
  const live = useLive();
  const store = useStore();
  const [created, setCreated] = useState<CreatedUnit | null>(null);
  // as it was when this form opened: the feed must not move its version under the writer's hands
  const [unit, setUnit] = useState(given);
  const form = useForm(valuesOf(unit));
  const save = (): Promise<void> =>
    form.submit(async () => {
      const { id, lat, lon, heartbeat_s, ...rest } = form.values;
      const body = {
        ...rest,
        lat: numberOrNull(lat),
        lon: numberOrNull(lon),
        heartbeat_s: Number(heartbeat_s),
      };
      if (unit) {
        try {
          store.put("unit", await calls.changeUnit(unit, body));
        } catch (error) {
          if (isOvertaken(error)) {
            const fresh = await calls.unit(unit.id);
            setUnit(fresh);
            form.rebase(valuesOf(fresh));
          }
          throw error;
        }
        onClose();
        return;
      }
      const answer = await calls.addUnit({ id, ...body });
      store.put("unit", answer.unit);
      setCreated(answer);
    });
  const renew = (): Promise<void> =>
    form.submit(async () => {
      if (unit && confirm(t("units.new_secret_sure", { name: unit.name }))) setCreated(await calls.newUnitSecret(unit));
    });
  const retire = (): Promise<void> =>
    form.submit(async () => {
      if (!unit || !confirm(t("units.retire_sure", { name: unit.name }))) return;
      await calls.retireUnit(unit);
      store.drop("units", unit.id);
      onClose();
    });

  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={unit ? t("units.edit", { name: unit.name }) : t("units.new")}
      closeOnClickOutside={false}
    >
      {created ? (
        <Secret created={created} onDone={onClose} />
      ) : (
        <form
          className="dialog"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <div className="form-grid">
            <TextInput
              label={t("common.id")}
              description={t("units.id_hint")}
              required
              disabled={unit !== null}
              data-testid="unit-id"
              {...form.text("id")}
              onChange={(event) => form.set("id", event.currentTarget.value.toUpperCase())}
            />
            <TextInput
              label={t("units.heartbeat")}
              description={t("units.heartbeat_hint")}
              inputMode="numeric"
              required
              data-testid="unit-heartbeat"
              {...form.text("heartbeat_s")}
            />
            <TextInput label={t("common.name")} required data-testid="unit-name" {...form.text("name")} />
            <AreaInput
              value={form.values.area}
              onChange={(area) => form.set("area", area)}
              error={form.fieldError("area")}
              testId="unit-area"
            />
            <TextInput label={t("common.place")} data-testid="unit-place" {...form.text("place")} />
            <MultiSelect
              label={t("units.cameras")}
              data={[...live.cameras.values()].map((camera) => ({ value: camera.id, label: camera.name }))}
              value={form.values.cameras}
              onChange={(cameras) => form.set("cameras", cameras)}
              searchable
              data-testid="unit-cameras"
            />
            <TextInput label={t("common.lat")} inputMode="decimal" data-testid="unit-lat" {...form.text("lat")} />
            <TextInput label={t("common.lon")} inputMode="decimal" data-testid="unit-lon" {...form.text("lon")} />
          </div>
          <Switch
            label={t("common.enabled")}
            checked={form.values.enabled}
            onChange={(event) => form.set("enabled", event.currentTarget.checked)}
          />
          <ErrorText error={form.error} />
          <div className="dialog-foot">
            {unit && (
              <>
                <Button variant="subtle" color="red" onClick={() => void retire()} data-testid="unit-retire">
                  {t("units.retire")}
                </Button>
                <Button variant="default" onClick={() => void renew()} data-testid="unit-new-secret">
                  {t("units.new_secret")}
                </Button>
                <span className="space" />
              </>
            )}
            <Button variant="default" onClick={onClose}>
              {t("common.cancel")}
            </Button>
            <Button type="submit" loading={form.busy} data-testid="unit-save">
              {t("common.save")}
            </Button>
          </div>
        </form>
      )}
    </Modal>
  );
}

function valuesOf(unit: Unit | null) {
  return {
    id: unit?.id ?? "",
    name: unit?.name ?? "",
    area: unit?.area ?? "",
    place: unit?.place ?? "",
    lat: String(unit?.lat ?? ""),
    lon: String(unit?.lon ?? ""),
    heartbeat_s: String(unit?.heartbeat_s ?? 60),
    enabled: unit?.enabled ?? true,
    cameras: unit?.cameras ?? ([] as string[]),
  };
}

function Secret({ created, onDone }: { created: CreatedUnit; onDone: () => void }) {
  const { t } = useWords();
  return (
    <div className="dialog">
      <p className="notice">{t("units.secret_once")}</p>
      <CopyLine label={t("units.secret")} text={created.secret} testId="unit-secret" />
      <CopyLine
        label={t("units.mqtt")}
        text={`mqtt://${created.mqtt.host}:${created.mqtt.port}`}
        testId="unit-mqtt"
      />
      <CopyLine label={t("units.mqtt_user")} text={created.mqtt.username} testId="unit-mqtt-username" />
      <div className="dialog-foot">
        <Button onClick={onDone} data-testid="unit-secret-done">
          {t("common.done")}
        </Button>
      </div>
    </div>
  );
}
