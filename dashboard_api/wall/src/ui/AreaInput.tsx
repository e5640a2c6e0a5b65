import { Autocomplete } from "@mantine/core";
import { useWords } from "../i18n";
import { useAreaNames } from "../wall/names";

interface Props {
  value: string;
  onChange: (area: string) => void;
  error?: string | undefined;
  testId: string;
}

/** Known areas are offered; a new path may be typed. */
export function AreaInput({ value, onChange, error, testId }: Props) {
  const { t } = useWords();
  const { options } = useAreaNames();
  return (
    <Autocomplete
      label={t("common.area")}
      description={t("camera.area_hint")}
      data={options.map((option) => option.value)}
      value={value}
      onChange={onChange}
      error={error}
      required
      data-testid={testId}
    />
  );
}
