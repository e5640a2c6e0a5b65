import { Button, Modal, Select, Switch, TextInput } from "@mantine/core";
import { useState } from "react";
import * as calls from "../api/calls";
import type { Role, User } from "../api/types";
import { LANGUAGES, useWords } from "../i18n";
import { useLoad } from "../live/hooks";
import { ErrorText } from "../ui/bits";
import { isOvertaken, useForm } from "../ui/useForm";
import { Password } from "../ui/Password";

const ROLES: Role[] = ["operator", "dispatcher", "engineer", "analyst", "admin"];

export default function UsersPage() {
  const { t, say } = useWords();
  const { data, error, reload } = useLoad("users", calls.users);
  const [edit, setEdit] = useState<{ user: User | null } | null>(null);
  return (
    <div className="page">
      <div className="page-head">
        <h2>{t("users.title")}</h2>
        <span className="space" />
        <Button size="xs" onClick={() => setEdit({ user: null })} data-testid="user-add">
          {t("users.add")}
        </Button>
      </div>
      <ErrorText error={error} />
      <table className="table">
        <thead>
          <tr>
            <th>{t("users.username")}</th>
            <th>{t("users.display_name")}</th>
            <th>{t("users.role")}</th>
            <th>{t("users.areas")}</th>
            <th>{t("user.language")}</th>
            <th>{t("common.state")}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {(data ?? []).map((user) => (
            <tr key={user.username} data-testid={`user-row-${user.username}`}>
              <td className="strong">{user.username}</td>
              <td>{user.display_name}</td>
              <td>{say("role", user.role)}</td>
              <td>{user.areas.join(", ")}</td>
              <td>{LANGUAGES.find((one) => one.value === user.language)?.label ?? user.language}</td>
              <td>{user.disabled ? t("users.disabled") : t("common.enabled")}</td>
              <td className="num">
                <button
                  type="button"
                  className="text-button"
                  onClick={() => setEdit({ user })}
                  data-testid={`user-change-${user.username}`}
                >
                  {t("common.change")}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {edit && (
        <UserForm
          user={edit.user}
          onClose={() => {
            setEdit(null);
            reload();
          }}
        />
      )}
    </div>
  );
}

function UserForm({ user: given, onClose }: { user: User | null; onClose: () => void }) {
  const { t, say } = useWords();
  const [user, setUser] = useState(given);
  const form = useForm(valuesOf(user));
  const { values } = form;
  const change = async (old: User, body: Record<string, unknown>): Promise<void> => {
    try {
      await calls.changeUser(old, body);
    } catch (error) {
      const fresh = isOvertaken(error) ? (await calls.users()).find((one) => one.username === old.username) : null;
      if (fresh) {
        setUser(fresh);
        form.rebase(valuesOf(fresh));
      }
      throw error;
    }
  };
  const save = (): Promise<void> =>
    form.submit(async () => {
      const { username, password, disabled, ...rest } = values;
      const body = {
        ...rest,
        areas: values.areas.split(/[,，]/).map((area) => area.trim()).filter(Boolean),
        ...(password !== "" && { password }),
      };
      if (user) await change(user, { ...body, disabled });
      else await calls.addUser({ username, ...body });
      onClose();
    });
  return (
    <Modal opened onClose={onClose} title={user ? t("users.edit", { name: user.username }) : t("users.new")} size="md">
      <form
        className="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <TextInput
          label={t("users.username")}
          required
          disabled={user !== null}
          autoComplete="off"
          spellCheck={false}
          data-testid="user-username"
          {...form.text("username")}
        />
        <TextInput label={t("users.display_name")} required data-testid="user-display-name" {...form.text("display_name")} />
        <Select
          label={t("users.role")}
          allowDeselect={false}
          value={values.role}
          data={ROLES.map((role) => ({ value: role, label: say("role", role) }))}
          onChange={(role) => form.set("role", role ?? "operator")}
          data-testid="user-role"
        />
        <TextInput
          label={t("users.areas")}
          description={t("users.areas_hint")}
          required
          spellCheck={false}
          data-testid="user-areas"
          {...form.text("areas")}
        />
        <Select
          label={t("user.language")}
          allowDeselect={false}
          value={values.language}
          data={LANGUAGES}
          onChange={(language) => form.set("language", language ?? "en")}
        />
        <Password
          label={user ? t("users.new_password") : t("users.password")}
          description={t("users.password_hint")}
          required={user === null}
          autoComplete="new-password"
          data-testid="user-password"
          {...form.text("password")}
        />
        {user && (
          <Switch
            label={t("users.disabled")}
            checked={values.disabled}
            onChange={(event) => form.set("disabled", event.currentTarget.checked)}
            data-testid="user-disabled"
          />
        )}
        <ErrorText error={form.error} />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" loading={form.busy} data-testid="user-save">
            {t("common.save")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function valuesOf(user: User | null) {
  return {
    username: user?.username ?? "",
    display_name: user?.display_name ?? "",
    role: (user?.role ?? "operator") as string,
    areas: user?.areas.join(", ") ?? "",
    language: user?.language ?? "zh-CN",
    password: "",
    disabled: user?.disabled ?? false,
  };
}
