import { Button } from "@mantine/core";
import { useState } from "react";
import * as calls from "../api/calls";
import type { Preset } from "../api/types";
import { useWords } from "../i18n";
import { errorText } from "../ui/bits";

/** Where a camera can be turned to; asked of the camera only when somebody wants to know. */
export function Presets({ camera }: { camera: string }) {
  const words = useWords();
  const { t } = words;
  const [presets, setPresets] = useState<Preset[] | null>(null);
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);

  const during = async (action: () => Promise<string>): Promise<void> => {
    setBusy(true);
    setSaid("");
    try {
      setSaid(await action());
    } catch (error) {
      setSaid(errorText(error, words));
    } finally {
      setBusy(false);
    }
  };

  const open = (): Promise<void> =>
    during(async () => {
      const { items } = await calls.presets(camera);
      setPresets(items);
      return items.length === 0 ? t("onvif.no_presets") : "";
    });

  const turn = (preset: Preset): Promise<void> =>
    during(async () => {
      await calls.turn(camera, preset.token);
      return t("onvif.turned", { name: preset.name });
    });

  return (
    <section className="panel" style={{ display: "flex", gap: 8, alignItems: "center", flexWrap: "wrap" }}>
      {presets === null && (
        <Button size="xs" variant="default" loading={busy} onClick={() => void open()} data-testid="presets-open">
          {t("onvif.turn")}
        </Button>
      )}
      {presets?.map((preset) => (
        <Button
          key={preset.token}
          size="xs"
          variant="default"
          disabled={busy}
          onClick={() => void turn(preset)}
          data-testid={`preset-${preset.token}`}
        >
          {preset.name}
        </Button>
      ))}
      <span className="dim" role="status">
        {said}
      </span>
    </section>
  );
}
