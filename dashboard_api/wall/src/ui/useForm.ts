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
  submit: (action: () => Promise<void>) => Promise<void>;
}

export function useForm<T extends Values>(first: T): Form<T> {
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
    set: (name, value) => setValues((old) => ({ ...old, [name]: value })),
    text: (name) => ({
      value: String(values[name] ?? ""),
      onChange: (event) => {
        const { value } = event.currentTarget;
        setValues((old) => ({ ...old, [name]: value }));
      },
      error: fieldError(name),
    }),
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

/** "" means no value; anything else must be a number, which the server checks further. */
export function numberOrNull(text: string): number | null {
  const trimmed = text.trim();
  return trimmed === "" ? null : Number(trimmed);
}
