-- Further kinds of rules; which there are is said in models/rule.py alone.

ALTER TABLE rule DROP CONSTRAINT rule_kind_check;
ALTER TABLE rule ADD CONSTRAINT rule_kind_check CHECK (kind ~ '^[a-z_]{1,40}$');
