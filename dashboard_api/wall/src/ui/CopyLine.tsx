import { useState } from "react";
import { useWords } from "../i18n";

/** A secret or an address on its own line, with a button that copies it. */
export function CopyLine({ label, text, testId }: { label: string; text: string; testId: string }) {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  return (
    <div>
      <div className="section-title">
        {label}
        {navigator.clipboard && (
          <button
            type="button"
            className="text-button"
            onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
          >
            {copied ? t("common.copied") : t("common.copy")}
          </button>
        )}
      </div>
      <code className="code" data-testid={testId}>
        {text}
      </code>
    </div>
  );
}
