import { Select, TextInput } from "@mantine/core";
import type { RefObject } from "react";
import type { Incident, Priority } from "../api/types";
import { useWords } from "../i18n";
import { PriorityMark } from "../ui/bits";
import { type Filters, isFiltered, NO_FILTERS, type Order, type StateFilter } from "./filters";

interface Props {
  filters: Filters;
  order: Order;
  kinds: readonly Incident["kind"][];
  areas: { value: string; label: string }[];
  shown: number;
  total: number;
  search: RefObject<HTMLInputElement | null>;
  onChange: (filters: Filters) => void;
  onOrder: (order: Order) => void;
  onHelp: () => void;
}

export function FilterBar(props: Props) {
  const words = useWords();
  const { t, say } = words;
  const { filters, onChange } = props;
  const set = (change: Partial<Filters>): void => onChange({ ...filters, ...change });
  const toggle = (priority: Priority): void =>
    set({
      priorities: filters.priorities.includes(priority)
        ? filters.priorities.filter((one) => one !== priority)
        : [...filters.priorities, priority],
    });
  return (
    <div className="filters" role="search">
      <TextInput
        ref={props.search}
        size="xs"
        placeholder={t("filter.search")}
        aria-label={t("filter.search")}
        value={filters.text}
        onChange={(event) => set({ text: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key !== "Escape" && event.key !== "Enter") return;
          if (event.key === "Escape") set({ text: "" });
          event.currentTarget.blur();
        }}
        className="grow"
        data-testid="filter-text"
      />
      <Select
        size="xs"
        w={96}
        aria-label={t("filter.state")}
        allowDeselect={false}
        value={filters.state}
        data={[
          { value: "open", label: t("filter.open") },
          { value: "new", label: say("state", "new") },
          { value: "claimed", label: say("state", "claimed") },
          { value: "closed", label: say("state", "closed") },
        ]}
        onChange={(value) => set({ state: (value ?? "open") as StateFilter })}
        data-testid="filter-state"
      />
      <span className="marks" role="group" aria-label={t("filter.priority")}>
        {([1, 2, 3] as const).map((priority) => (
          <button
            key={priority}
            type="button"
            aria-pressed={filters.priorities.includes(priority)}
            onClick={() => toggle(priority)}
            data-testid={`filter-priority-${priority}`}
          >
            <PriorityMark priority={priority} size={22} />
          </button>
        ))}
      </span>
      <Select
        size="xs"
        className="pick"
        aria-label={t("filter.kind")}
        placeholder={t("filter.kind")}
        clearable
        searchable
        value={filters.kind || null}
        data={props.kinds.map((kind) => ({ value: kind, label: say("kind", kind) }))}
        onChange={(value) => set({ kind: value ?? "" })}
        data-testid="filter-kind"
      />
      <Select
        size="xs"
        className="pick"
        aria-label={t("filter.area")}
        placeholder={t("filter.area")}
        clearable
        searchable
        value={filters.area || null}
        data={props.areas}
        comboboxProps={{ width: 320, position: "bottom-end" }}
        onChange={(value) => set({ area: value ?? "" })}
        data-testid="filter-area"
      />
      <button
        type="button"
        className="chip"
        aria-pressed={filters.mine}
        onClick={() => set({ mine: !filters.mine })}
        data-testid="filter-mine"
      >
        {t("wall.mine")}
      </button>
      {isFiltered(filters) && (
        <button type="button" className="chip" onClick={() => onChange(NO_FILTERS)} data-testid="filter-clear">
          {t("filter.clear")}
        </button>
      )}
      <div className="filters-foot">
        <span data-testid="incident-count">
          {props.shown === props.total
            ? t("wall.open", { count: props.total })
            : t("wall.shown", { shown: props.shown, count: props.total })}
        </span>
        <button
          type="button"
          className="text-button"
          onClick={() => props.onOrder(props.order === "newest" ? "oldest" : "newest")}
          data-testid="order-toggle"
        >
          {props.order === "newest" ? t("wall.newest") : t("wall.oldest")}
        </button>
        <span className="space" />
        <button type="button" className="text-button" onClick={props.onHelp} data-testid="help-open">
          {t("wall.keys")} <kbd>?</kbd>
        </button>
      </div>
    </div>
  );
}
