import { NumberInput, Select } from "@mantine/core";
import { useWords } from "../i18n";

const MODES = ["continuous", "motion", "event"] as const;
const AROUND_MAX_S = 60;

interface Values {
  record: boolean;
  record_mode: string;
  record_pre_s: number;
  record_post_s: number;
}

/** When a recorded camera is written to disk, and how much around what it is written for. */
export function RecordFields({
  values,
  onMode,
  onSeconds,
}: {
  values: Values;
  onMode: (mode: string) => void;
  onSeconds: (name: "record_pre_s" | "record_post_s", seconds: number) => void;
}) {
  const { t } = useWords();
  const around = [
    ["record_pre_s", t("camera.record_pre")],
    ["record_post_s", t("camera.record_post")],
  ] as const;
  return (
    <>
      <Select
        label={t("camera.record_mode")}
        data={MODES.map((mode) => ({ value: mode, label: t(`camera.record_mode_${mode}`) }))}
        value={values.record_mode}
        disabled={!values.record}
        allowDeselect={false}
        onChange={(mode) => onMode(mode ?? "continuous")}
        data-testid="camera-record-mode"
      />
      {around.map(([name, label]) => (
        <NumberInput
          key={name}
          label={label}
          min={0}
          max={AROUND_MAX_S}
          value={values[name]}
          disabled={!values.record || values.record_mode === "continuous"}
          onChange={(seconds) => onSeconds(name, Number(seconds) || 0)}
          data-testid={`camera-${name.replaceAll("_", "-")}`}
        />
      ))}
    </>
  );
}
