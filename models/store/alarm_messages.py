"""Raw messages of alarm units. The key (unit, boot, seq) makes a resent message count once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from models.store.json_column import Jsonb, clean_text
from models.unit import AlarmMessage

Key = tuple[str, str, int]
Gist = tuple[str, str, int | None, datetime | None]
"""What a message says, as far as it must be the same when it is sent again: kind, code, point, device time."""


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


def gist(message: AlarmMessage) -> Gist:
    """Return what ``message`` says."""
    return str(message.kind), clean_text(message.code), message.point, message.device_time


def gists(conn: Connection[Any], keys: Collection[Key]) -> dict[Key, Gist]:
    """Return what the stored messages of these keys say."""
    if not keys:
        return {}
    rows = conn.execute(
        """SELECT unit_id, boot_id, seq, kind, code, point, device_time FROM alarm_message
           WHERE (unit_id, boot_id, seq) IN (SELECT * FROM unnest(%b::text[], %b::text[], %b::int8[]))""",
        ([unit for unit, _, _ in keys], [boot for _, boot, _ in keys], [seq for *_, seq in keys]),
    ).fetchall()
    return {(unit, boot, seq): (kind, code, point, at) for unit, boot, seq, kind, code, point, at in rows}
