import { useState } from "react";
import { ApiError } from "../api/client";
import { useWords } from "../i18n";

type Values = Record<string, string | number | boolean | string[] | null>;

export interface Form<T extends Values> {
  values: T;
  set: <K extends keyof T>(name: K, value: T[K]) => void;
  busy: boolean;
  error: unknown;
  /** for one text input: value, change, and what the server said about this field */
  text: (name: keyof T & string) => {
    value: string;
    onChange: (event: React.ChangeEvent<HTMLInputElement>) => void;
    error: string | undefined;
  };
  fieldError: (name: string) => string | undefined;
  /** as `fieldError`, of one place in lists and tables: `schedule.0.start` */
  errorAt: (place: string) => string | undefined;
  /** somebody else changed it meanwhile: take what they changed, keep what was changed here */
  rebase: (fresh: T) => void;
  submit: (action: () => Promise<void>) => Promise<void>;
}

export function useForm<T extends Values>(start: T): Form<T> {
  const [first, setFirst] = useState(start);
  const [values, setValues] = useState(first);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const { said } = useWords();
  const fieldError = (name: string): string | undefined =>
    (error instanceof ApiError && said(error.field(name))) || undefined;
  return {
    values,
    busy,
    error,
    fieldError,
    errorAt: (place) => (error instanceof ApiError && said(error.at(place))) || undefined,
    set: (name, value) => setValues((old) => ({ ...old, [name]: value })),
    text: (name) => ({
      value: String(values[name] ?? ""),
      onChange: (event) => {
        const { value } = event.currentTarget;
        setValues((old) => ({ ...old, [name]: value }));
      },
      error: fieldError(name),
    }),
    rebase: (fresh) => {
      setValues((mine) => merged(first, mine, fresh));
      setFirst(fresh);
    },
    submit: async (action) => {
      setBusy(true);
      setError(null);
      try {
        await action();
      } catch (problem) {
        setError(problem);
      } finally {
        setBusy(false);
      }
    },
  };
}

/** What was typed here wins over what came meanwhile; all else is what came. */
export function merged<T extends Values>(base: T, mine: T, fresh: T): T {
  const kept = Object.entries(mine).filter(([name, value]) => String(value) !== String(base[name]));
  return { ...fresh, ...Object.fromEntries(kept) };
}

/** Whether an answer says that somebody else was faster. */
export function isOvertaken(error: unknown): boolean {
  return error instanceof ApiError && error.status === 412;
}

/** "" means no value; anything else must be a number, which the server checks further. */
export function numberOrNull(text: string): number | null {
  const trimmed = text.trim();
  return trimmed === "" ? null : Number(trimmed);
}
