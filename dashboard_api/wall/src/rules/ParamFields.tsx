import { NumberInput, Select } from "@mantine/core";
import type { RuleParam } from "../api/types";
import { useWords } from "../i18n";
import { CLASSES, type Numbers, type Own } from "./form";
import { quantity } from "./text";

interface Props {
  params: readonly RuleParam[];
  numbers: Numbers;
  /** classes that the rule counts; they are offered first */
  labels: readonly string[];
  onChange: (numbers: Numbers) => void;
  errorAt: (place: string) => string | undefined;
}

/** The numbers of a kind of rule, as the API describes them; an empty field is the default. */
export function ParamFields({ params, numbers, labels, onChange, errorAt }: Props) {
  const put = (name: string, value: string): void => onChange({ ...numbers, all: { ...numbers.all, [name]: value } });
  const putOwn = (name: string, rows: Own[]): void => onChange({ ...numbers, own: { ...numbers.own, [name]: rows } });
  return (
    <>
      <div className="form-grid">
        {params.map((param) => (
          <ParamInput
            key={param.name}
            param={param}
            value={numbers.all[param.name] ?? ""}
            onChange={(value) => put(param.name, value)}
            error={errorAt(`params.${param.name}`)}
          />
        ))}
      </div>
      {params
        .filter((param) => param.per_label)
        .map((param) => (
          <OwnRows
            key={param.name}
            param={param}
            rows={numbers.own[param.name] ?? []}
            labels={labels}
            onChange={(rows) => putOwn(param.name, rows)}
            errorAt={errorAt}
          />
        ))}
    </>
  );
}

interface InputProps {
  param: RuleParam;
  value: string;
  onChange: (value: string) => void;
  error: string | undefined;
}

function ParamInput({ param, value, onChange, error }: InputProps) {
  const words = useWords();
  const { t, say, said } = words;
  const gap = words.language === "en" ? " " : "";
  return (
    <NumberInput
      label={say("param", param.name)}
      description={`${said(param.text)}${gap}${t("rules.range", { least: param.least, most: quantity(param.most, param.unit, words) })}`}
      placeholder={`${param.default} (${t("rules.default")})`}
      rightSection={<Unit unit={param.unit} />}
      rightSectionWidth={unitWidth(say("units", param.unit))}
      step={stepOf(param)}
      // what is out of bounds is for the server to say, beside the field
      clampBehavior="none"
      value={value}
      onChange={(next) => onChange(String(next))}
      error={error}
      data-testid={`rule-param-${param.name}`}
    />
  );
}

interface RowsProps {
  param: RuleParam;
  rows: readonly Own[];
  labels: readonly string[];
  onChange: (rows: Own[]) => void;
  errorAt: (place: string) => string | undefined;
}

function OwnRows({ param, rows, labels, onChange, errorAt }: RowsProps) {
  const { t, say, label: labelText } = useWords();
  const put = (index: number, change: Partial<Own>): void =>
    onChange(rows.map((row, at) => (at === index ? { ...row, ...change } : row)));
  const known = [...new Set([...labels, ...CLASSES, ...rows.map((row) => row.label)])].filter(Boolean);
  const free = known.filter((one) => !rows.some((row) => row.label === one));
  const name = t("rules.own", { name: say("param", param.name) });
  return (
    <fieldset className="own-rows">
      <legend>{name}</legend>
      {rows.map((row, index) => (
        <div key={index} className="own-row">
          <Select
            aria-label={t("rules.own_label")}
            searchable
            allowDeselect={false}
            data={[row.label, ...free].filter(Boolean).map((value) => ({ value, label: labelText(value) }))}
            value={row.label || null}
            onChange={(value) => put(index, { label: value ?? "" })}
            data-testid={`rule-own-label-${index + 1}`}
          />
          <NumberInput
            aria-label={`${say("param", param.name)}, ${labelText(row.label)}`}
            placeholder={String(param.default)}
            rightSection={<Unit unit={param.unit} />}
            rightSectionWidth={unitWidth(say("units", param.unit))}
            step={stepOf(param)}
            clampBehavior="none"
            value={row.value}
            onChange={(next) => put(index, { value: String(next) })}
            error={errorAt(`params.${param.name}.${row.label}`)}
            data-testid={`rule-own-value-${index + 1}`}
          />
          <button
            type="button"
            className="text-button"
            aria-label={t("rules.own_remove", { label: labelText(row.label) })}
            onClick={() => onChange(rows.filter((_, at) => at !== index))}
          >
            ✕
          </button>
        </div>
      ))}
      <button
        type="button"
        className="chip"
        onClick={() => onChange([...rows, { label: free[0] ?? "", value: "" }])}
        data-testid="rule-own-add"
      >
        {t("rules.own_add")}
      </button>
    </fieldset>
  );
}

export function Unit({ unit }: { unit: string }) {
  const { say } = useWords();
  return <span className="unit dim">{say("units", unit)}</span>;
}

const CHARACTER_PX = 8;
const WIDE_PX = 14;
const MARGIN_PX = 18;

/** Room for a unit at the right end of its field. */
export function unitWidth(text: string): number {
  return [...text].reduce((width, one) => width + (one > "\u2e7f" ? WIDE_PX : CHARACTER_PX), MARGIN_PX);
}

function stepOf({ default: usual }: RuleParam): number {
  return usual > 0 && usual < 1 ? 0.01 : usual >= 30 ? 5 : 1;
}
