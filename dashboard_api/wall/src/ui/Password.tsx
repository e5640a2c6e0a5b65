import { PasswordInput, type PasswordInputProps } from "@mantine/core";
import { useWords } from "../i18n";

/** A password field whose eye says in the reader's language what it does. */
export function Password(props: PasswordInputProps) {
  const { t } = useWords();
  return <PasswordInput {...props} visibilityToggleButtonProps={{ "aria-label": t("common.show_password") }} />;
}
