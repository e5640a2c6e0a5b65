-- How far the centre had gone with a lost unit (held, told, mass), so that a restart tells neither twice nor never.
ALTER TABLE unit_state ADD COLUMN loss_stage text NOT NULL DEFAULT ''
    CHECK (loss_stage IN ('', 'held', 'told', 'mass'));
UPDATE unit_state SET loss_stage = 'told' WHERE silent_since IS NOT NULL;

-- Last event of the incident's own source: what others saw is near in time to that, not to what joined before it.
ALTER TABLE incident ADD COLUMN source_event_at timestamptz;
UPDATE incident SET source_event_at = last_event_at;
ALTER TABLE incident ALTER COLUMN source_event_at SET NOT NULL;
