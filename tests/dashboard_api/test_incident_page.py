"""An incident's page when very much happened, and when some of it happened where the asker may not look."""

from collections.abc import Sequence

from models.event import EventKind
from models.store.incident_page import EVENTS_SHOWN_MAX
from models.user import Role
from tests.dashboard_api.world import OTHER, OWN, World

FLOOD = 3000


def _join(world: World, incident_id: int, area: str, *, count: int = 1) -> None:
    """Let events of a camera join an incident, as triage writes it."""
    with world.store.transaction() as conn:
        conn.execute(
            "WITH made AS (INSERT INTO event (time, id, received_at, area, kind, source_kind, source_id, priority)"
            "   SELECT %(at)s::timestamptz + n * interval '1 second', gen_random_uuid(), %(at)s, %(area)s, 'intrusion',"
            "          'camera', 'cam-' || %(area)s, 2 FROM generate_series(1, %(count)s) n RETURNING time, id),"
            " joined AS (INSERT INTO incident_event (event_id, event_time, incident_id, reason)"
            "   SELECT id, time, %(incident)s, 'near' FROM made)"
            " INSERT INTO incident_entry (incident_id, at, kind, actor, text, event_id, detail)"
            "   SELECT %(incident)s, time, 'event', 'alertwall', 'seen at ' || %(area)s, id,"
            "          jsonb_build_object('source_id', 'cam-' || %(area)s) FROM made ORDER BY time",
            {"at": world.clock.utc_now(), "area": area, "count": count, "incident": incident_id},
        )


def _kinds(entries: Sequence[dict[str, object]]) -> list[object]:
    return [entry["kind"] for entry in entries if entry["kind"] != "event"]


def test_a_flood_on_one_incident_leaves_its_page_readable(world: World) -> None:
    """The first and the newest events, in order; whatever people did stays between them."""
    incident = world.incident()
    client = world.as_("operator")
    path = f"/api/v1/incidents/{incident.id}"
    _join(world, incident.id, OWN, count=FLOOD)
    client.post(f"{path}/claim")
    client.post(f"{path}/comment", json={"text": "a flood"})
    _join(world, incident.id, OWN, count=FLOOD)
    page = client.get(path).json()
    assert len(page["events"]) == EVENTS_SHOWN_MAX
    assert len(page["entries"]) == EVENTS_SHOWN_MAX + 3
    assert _kinds(page["entries"]) == ["opened", "claimed", "comment"]
    assert [one["id"] for one in page["entries"]] == sorted(one["id"] for one in page["entries"])
    times = [event["time"] for event in page["events"]]
    assert times == sorted(times)


def test_what_joined_from_beyond_ones_areas_is_not_shown(world: World) -> None:
    """Neither its events nor the words about them; a wider user sees both."""
    incident = world.incident(OWN, EventKind.BURGLARY)
    _join(world, incident.id, OWN)
    _join(world, incident.id, OTHER)
    world.person("wide", Role.OPERATOR, inside=("city",))
    path = f"/api/v1/incidents/{incident.id}"
    own, wide = world.as_("operator").get(path), world.as_("wide").get(path)
    assert OTHER not in own.text
    assert OTHER in wide.text
    assert (len(own.json()["events"]), len(wide.json()["events"])) == (2, 3)
    assert (len(own.json()["entries"]), len(wide.json()["entries"])) == (2, 3)
