"""What an incident's page shows of all that happened to it: bounded, and kept to the asker's areas."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from models.area import any_covers
from models.event import Event
from models.incident import EntryKind, Incident, IncidentEntry
from models.store import events
from models.store.incidents import entry_of

EVENTS_SHOWN_MAX = 200
"""Of an incident that counts more, the first and the newest half."""
STEPS_SHOWN_MAX = 500
"""The newest of what people and patrols did."""

_KEYS = """
    (SELECT event_time, event_id FROM incident_event WHERE incident_id = %(id)s ORDER BY event_time LIMIT %(half)s)
    UNION
    (SELECT event_time, event_id FROM incident_event WHERE incident_id = %(id)s ORDER BY event_time DESC LIMIT %(half)s)
"""
_ENTRIES = """
    SELECT * FROM (
        (SELECT id, incident_id, at, kind, actor, text, event_id, detail FROM incident_entry
         WHERE incident_id = %(id)s AND kind <> 'event' ORDER BY id DESC LIMIT %(steps)s)
        UNION ALL
        (SELECT id, incident_id, at, kind, actor, text, event_id, detail FROM incident_entry
         WHERE incident_id = %(id)s AND kind = 'event' AND (
            id IN (SELECT id FROM incident_entry WHERE incident_id = %(id)s AND kind = 'event' ORDER BY id
                   LIMIT %(half)s)
            OR id IN (SELECT id FROM incident_entry WHERE incident_id = %(id)s AND kind = 'event' ORDER BY id DESC
                      LIMIT %(half)s)))
    ) shown ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """What somebody may see of an incident, oldest first."""

    entries: list[IncidentEntry]
    events: list[Event]


def read(conn: Connection[Any], incident: Incident, areas: Sequence[str]) -> IncidentPage:
    """Return entries and events; what joined from beyond ``areas`` is counted on the incident, and not shown."""
    values = {"id": incident.id, "half": EVENTS_SHOWN_MAX // 2, "steps": STEPS_SHOWN_MAX}
    keys = conn.execute(_KEYS, values).fetchall()
    joined = events.get_many(conn, [(time, id) for time, id in keys])
    entries = [entry_of(row) for row in conn.execute(_ENTRIES, values)]
    area_of = {event.id: event.area for event in joined}
    missing = [entry.event_id for entry in entries if entry.event_id is not None and entry.event_id not in area_of]
    area_of |= _areas(conn, missing)
    return IncidentPage(
        entries=[entry for entry in entries if _may_see(entry, incident, area_of, areas)],
        events=[event for event in joined if any_covers(areas, event.area)],
    )


def _areas(conn: Connection[Any], event_ids: Sequence[UUID]) -> dict[UUID, str]:
    if not event_ids:
        return {}
    return dict(conn.execute("SELECT id, area FROM event WHERE id = ANY(%s)", (list(event_ids),)).fetchall())


def _may_see(entry: IncidentEntry, incident: Incident, area_of: dict[UUID, str], areas: Sequence[str]) -> bool:
    if entry.event_id is None or entry.kind is not EntryKind.EVENT:
        return True
    area = area_of.get(entry.event_id)
    if area is None:  # older than events are kept
        return bool(entry.detail.get("source_id") == incident.source_id)
    return any_covers(areas, area)
