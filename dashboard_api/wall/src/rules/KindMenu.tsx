import { Button, Menu } from "@mantine/core";
import type { RuleKindItem } from "../api/types";
import { useWords } from "../i18n";
import { KindSwatch } from "./RuleLines";

/** One button, all kinds of rules, each with what it is for. */
export function KindMenu({ kinds, onChoose }: { kinds: readonly RuleKindItem[]; onChoose: (kind: RuleKindItem) => void }) {
  const { t, say } = useWords();
  return (
    <Menu position="top-end" width={470} shadow="md" withinPortal>
      <Menu.Target>
        <Button size="xs" variant="default" disabled={kinds.length === 0} data-testid="rule-add">
          {t("rules.add")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className="kind-menu">
        {kinds.map((kind) => (
          <Menu.Item
            key={kind.kind}
            leftSection={<KindSwatch kind={kind.kind} />}
            onClick={() => onChoose(kind)}
            data-testid={`rule-add-${kind.kind}`}
          >
            <b>{say("rule", kind.kind)}</b>
            <span className="dim">{say("what", kind.kind)}</span>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
