"""Raw messages of alarm units. The key (unit, boot, seq) makes a resent message count once."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from models.store.json_column import Jsonb, clean_text
from models.unit import AlarmMessage

Key = tuple[str, str, int]


def write(
    conn: Connection[Any], messages: Sequence[AlarmMessage], event_ids: Mapping[Key, UUID] | None = None
) -> set[Key]:
    """Store ``messages`` and return the keys of those that were new."""
    unique = {(m.unit_id, m.boot_id, m.seq): m for m in messages}
    if not unique:
        return set()
    # in the order of the key, so that two writers of the same messages wait for each other at most once
    ids = event_ids or {}
    rows = [
        (
            m.unit_id,
            m.boot_id,
            m.seq,
            str(m.kind),
            clean_text(m.code),
            m.partition,
            m.point,
            m.state,
            m.device_time,
            m.received_at,
            m.corrected_time,
            m.skewed,
            m.queued,
            Jsonb(m.payload),
            ids.get(key),
        )
        for key, m in sorted(unique.items())
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    new = conn.execute(
        """INSERT INTO alarm_message (unit_id, boot_id, seq, kind, code, partition, point, state, device_time,
                                      received_at, corrected_time, skewed, queued, payload, event_id)
           SELECT * FROM unnest(%b::text[], %b::text[], %b::int8[], %b::text[], %b::text[], %b::int4[], %b::int4[],
                                %b::text[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::bool[],
                                %b::bool[], %b::jsonb[], %b::uuid[])
           ON CONFLICT DO NOTHING RETURNING unit_id, boot_id, seq""",
        columns,
    ).fetchall()
    return {(unit, boot, seq) for unit, boot, seq in new}
