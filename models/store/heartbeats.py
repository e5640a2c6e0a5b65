"""Signs of life, kept for a while so that a silence can be looked into."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from models.store.json_column import Jsonb


def write(conn: Connection[Any], beats: Sequence[tuple[datetime, str, dict[str, Any]]]) -> None:
    """Store (time, source id, body) rows; one that is there already stays."""
    if not beats:
        return
    conn.execute(
        """INSERT INTO heartbeat (time, source_id, body)
           SELECT * FROM unnest(%b::timestamptz[], %b::text[], %b::jsonb[]) ON CONFLICT DO NOTHING""",
        ([time for time, *_ in beats], [source for _, source, _ in beats], [Jsonb(body) for *_, body in beats]),
    )


def listing(
    conn: Connection[Any], source_id: str, since: datetime, until: datetime
) -> list[tuple[datetime, dict[str, Any]]]:
    """Return what one source said of itself, in order."""
    return conn.execute(
        "SELECT time, body FROM heartbeat WHERE source_id = %s AND time >= %s AND time < %s ORDER BY time",
        (source_id, since, until),
    ).fetchall()
