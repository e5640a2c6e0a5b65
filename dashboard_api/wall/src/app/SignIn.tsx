import { Button, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { ApiError } from "../api/client";
import * as calls from "../api/calls";
import type { Language, Me } from "../api/types";
import { LANGUAGES, useWords } from "../i18n";
import { ErrorText } from "../ui/bits";
import { Mark } from "./icons";
import { Password } from "../ui/Password";

interface Props {
  onDone: (me: Me) => void;
  speak: (language: Language) => void;
}

export function SignIn({ onDone, speak }: Props) {
  const words = useWords();
  const [setup, setSetup] = useState(false);
  useEffect(() => {
    document.title = words.t("app.name");
    calls.setupNeeded().then(
      (answer) => setSetup(answer.needed),
      () => undefined,
    );
  }, [words]);
  return (
    <main className="center">
      <div>
        {setup ? <SetupForm onDone={onDone} /> : <LoginForm onDone={onDone} />}
        <p className="languages">
          {LANGUAGES.map((language) => (
            <button
              key={language.value}
              type="button"
              className="text-button"
              aria-pressed={words.language === language.value}
              onClick={() => speak(language.value)}
            >
              {language.label}
            </button>
          ))}
        </p>
      </div>
    </main>
  );
}

function Brand() {
  const { t } = useWords();
  return (
    <div className="brand">
      <Mark />
      <div>
        <strong>{t("app.name")}</strong>
        <div>{t("login.promise")}</div>
      </div>
    </div>
  );
}

function LoginForm({ onDone }: { onDone: (me: Me) => void }) {
  const words = useWords();
  const { t } = words;
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      onDone(await calls.signIn(username.trim(), password));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const status = error instanceof ApiError ? error.status : 0;
  const wrong = status === 401 || status === 403 || status === 422;
  return (
    <form
      className="card-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Brand />
      <h1>{t("login.title")}</h1>
      <TextInput
        label={t("login.username")}
        value={username}
        onChange={(event) => setUsername(event.currentTarget.value)}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        required
        withAsterisk={false}
        data-testid="login-username"
      />
      <Password
        label={t("login.password")}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        autoComplete="current-password"
        required
        withAsterisk={false}
        data-testid="login-password"
      />
      {wrong && (
        <p className="error" role="alert" data-testid="login-error">
          {t("login.wrong")}
        </p>
      )}
      {status === 429 && (
        <p className="error" role="alert">
          {t("login.slow")}
        </p>
      )}
      {!wrong && status !== 429 && <ErrorText error={error} />}
      <Button type="submit" loading={busy} size="md" data-testid="login-submit">
        {t("login.submit")}
      </Button>
    </form>
  );
}

function SetupForm({ onDone }: { onDone: (me: Me) => void }) {
  const { t } = useWords();
  const [values, setValues] = useState({ token: "", username: "", display_name: "", password: "", again: "" });
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const differ = values.again !== "" && values.again !== values.password;
  const field = (name: keyof typeof values) => ({
    value: values[name],
    onChange: (event: React.ChangeEvent<HTMLInputElement>) => {
      const { value } = event.currentTarget;
      setValues((old) => ({ ...old, [name]: value }));
    },
    error: error instanceof ApiError ? error.field(name) : undefined,
    required: true,
    withAsterisk: false,
    "data-testid": `setup-${name}`,
  });
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      const { again: _, ...body } = values;
      await calls.setUp({ ...body, token: body.token.trim() });
      onDone(await calls.signIn(values.username, values.password));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <form
      className="card-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!differ) void submit();
      }}
    >
      <Brand />
      <h1>{t("setup.title")}</h1>
      <TextInput label={t("setup.token")} description={t("setup.hint")} autoFocus {...field("token")} />
      <TextInput label={t("login.username")} autoComplete="username" {...field("username")} />
      <TextInput label={t("setup.display_name")} autoComplete="name" {...field("display_name")} />
      <Password
        label={t("login.password")}
        description={t("users.password_hint")}
        autoComplete="new-password"
        {...field("password")}
      />
      <Password
        label={t("setup.repeat")}
        autoComplete="new-password"
        {...field("again")}
        error={differ ? t("setup.differ") : undefined}
      />
      <ErrorText error={error} />
      <Button type="submit" loading={busy} disabled={differ} data-testid="setup-submit">
        {t("setup.submit")}
      </Button>
    </form>
  );
}
