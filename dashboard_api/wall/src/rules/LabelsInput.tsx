import { Checkbox, MultiSelect } from "@mantine/core";
import { useState } from "react";
import { useWords } from "../i18n";
import { CLASSES } from "./form";

interface Props {
  labels: string[];
  onChange: (labels: string[]) => void;
  error: string | undefined;
}

/** Class names: those that are known in the reader's words, and any other that is typed. */
export function LabelsInput({ labels, onChange, error }: Props) {
  const { t, label: labelText } = useWords();
  const [search, setSearch] = useState("");
  const typed = search.trim().toLowerCase();
  const known: string[] = [...new Set([...CLASSES, ...labels])];
  const data = known.map((value) => ({ value, label: labelText(value) }));
  if (typed && !data.some((one) => one.value === typed || one.label.toLowerCase() === typed)) {
    data.push({ value: typed, label: t("rules.labels_add", { label: typed }) });
  }
  return (
    <MultiSelect
      label={t("rules.labels")}
      description={t("rules.labels_hint")}
      placeholder={labels.length === 0 ? t("rules.any") : undefined}
      data={data}
      value={labels}
      onChange={onChange}
      searchable
      hidePickedOptions
      searchValue={search}
      onSearchChange={setSearch}
      // by its English name too, whatever the reader's language
      filter={({ options, search: sought }) =>
        options.filter((one) => "value" in one && `${one.value} ${one.label}`.toLowerCase().includes(sought.trim().toLowerCase()))
      }
      error={error}
      data-testid="rule-labels"
    />
  );
}

interface FaultProps {
  faults: readonly string[];
  labels: string[];
  onChange: (labels: string[]) => void;
  error: string | undefined;
}

/** What may be wrong with a camera's picture, to be ticked. */
export function FaultChecks({ faults, labels, onChange, error }: FaultProps) {
  const { t, say } = useWords();
  return (
    <Checkbox.Group
      label={t("rules.faults")}
      description={t("rules.faults_hint")}
      value={labels}
      onChange={onChange}
      error={error}
    >
      <div className="checks">
        {faults.map((fault) => (
          <Checkbox key={fault} value={fault} label={say("fault", fault)} data-testid={`rule-fault-${fault}`} />
        ))}
      </div>
    </Checkbox.Group>
  );
}
