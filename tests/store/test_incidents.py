"""Incidents in the store, on every engine."""

from datetime import timedelta

import pytest

from models.errors import BadInput
from models.event import EventKind, Priority, SourceKind
from models.incident import Disposition, EntryKind, IncidentState
from models.store import audit, events, incident_drafts, incidents
from models.store.incident_drafts import IncidentDraft, Join
from models.store.pool import Store
from tests.alarms.people import AREA, add_unit, add_users, event
from tests.support.clock import FakeClock


def open_some(store: Store, clock: FakeClock, *kinds: EventKind, area: str = AREA, unit: str = "U1") -> list[int]:
    """Open an incident of each kind."""
    drafts = []
    for kind in kinds:
        cause = event(kind, SourceKind.UNIT, unit, clock.utc_now(), label=str(kind))
        drafts.append(
            IncidentDraft(
                area=area,
                place="house 7",
                kind=kind,
                priority=cause.priority,
                source_kind=SourceKind.UNIT,
                source_id=unit,
                opened_at=cause.time,
                last_event_at=cause.time,
                source_event_at=cause.time,
                event_count=1,
                cameras=("c1", "c2"),
                standing={f"{kind}/{unit}/"},
                joins=[Join(cause, "opened", str(kind))],
            )
        )
    with store.transaction() as conn:
        events.write(conn, [draft.joins[0].event for draft in drafts], triage=False)
        return incident_drafts.save(conn, drafts, at=clock.utc_now())


def test_open_and_read(any_store: Store, clock: FakeClock) -> None:
    """A batch of incidents has rows, entries, audit and feed, and the name of its source."""
    add_unit(any_store, "U1")
    first, second = open_some(any_store, clock, EventKind.BURGLARY, EventKind.FIRE)
    with any_store.transaction() as conn:
        incident = incidents.get(conn, first)
        assert incident is not None
        assert (incident.source_name, incident.cameras, incident.standing) == (
            "Unit U1",
            ("c1", "c2"),
            ("burglary/U1/",),
        )
        assert (incident.opened_at, incident.state, incident.priority) == (
            clock.utc_now(),
            IncidentState.NEW,
            Priority.ALARM,
        )
        assert [found.id for found in incidents.get_many(conn, [second, first])] == [first, second]
        assert incidents.get(conn, 999) is None
        (entry,) = incidents.entries(conn, first)
        assert (entry.kind, entry.detail["kind"]) == (EntryKind.OPENED, "burglary")
        assert [row.object for row in audit.listing(conn)[0]] == [f"incident:{second}", f"incident:{first}"]
        assert incidents.active_sources(conn, EventKind.FIRE) == {"U1"}


def test_drafts_change_what_is_open(any_store: Store, clock: FakeClock) -> None:
    """A draft read again, changed and saved: counts move quietly, a rise of priority moves the version."""
    add_unit(any_store, "U1")
    (incident_id,) = open_some(any_store, clock, EventKind.BATTERY_LOW)
    clock.advance(5)
    for kind, version in ((EventKind.MAINS_LOST, 1), (EventKind.PANIC, 2)):
        more = event(kind, SourceKind.UNIT, "U1", clock.utc_now())
        with any_store.transaction() as conn:
            events.write(conn, [more], triage=False)
            (draft,) = incident_drafts.of_sources(conn, [(SourceKind.UNIT, "U1")], [])
            draft.event_count += 1
            draft.last_event_at = more.time
            draft.joins.append(Join(more, "same source", None))
            if more.priority < draft.priority:
                draft.raised_from, draft.priority, draft.kind = draft.priority, more.priority, kind
            assert incident_drafts.save(conn, [draft], at=clock.utc_now()) == []
            incident = incidents.get(conn, incident_id)
            assert incident is not None
            assert incident.row_version == version
    with any_store.transaction() as conn:
        assert len(incidents.entries(conn, incident_id)) == 1
        assert [row.action for row in audit.listing(conn)[0]] == ["incident.raise", "incident.open"]
        row = conn.execute("SELECT count(*) FROM incident_event").fetchone()
        assert row == (3,)


def test_near(any_store: Store, clock: FakeClock) -> None:
    """By camera, and by time: what ended too long before does not count."""
    add_unit(any_store, "U1")
    (incident_id,) = open_some(any_store, clock, EventKind.BURGLARY)
    now = clock.utc_now()

    def found(since_s: float, until_s: float, *cameras: str) -> list[int]:
        with any_store.transaction() as conn:
            drafts = incident_drafts.near(
                conn,
                source_kind=SourceKind.UNIT,
                priority=Priority.ALARM,
                since=now + timedelta(seconds=since_s),
                until=now + timedelta(seconds=until_s),
                cameras=cameras,
                box=None,
            )
            return [draft.id for draft in drafts]

    assert found(-10, 10, "c2", "c9") == [incident_id]
    assert found(-10, 10, "c9") == []
    assert found(1, 10, "c2") == []
    assert found(-10, -1, "c2") == []


def test_listing_filters_and_pages(any_store: Store, clock: FakeClock) -> None:
    """Newest first, by state, priority, kind, source and area, page by page."""
    add_unit(any_store, "U1")
    ids = open_some(any_store, clock, EventKind.BURGLARY, EventKind.FIRE, EventKind.BATTERY_LOW)
    (elsewhere,) = open_some(any_store, clock, EventKind.WATER, area="city.other")
    add_users(any_store, "anna")
    with any_store.transaction() as conn:
        assert incidents.claim(conn, ids[0], "anna", at=clock.utc_now()) is not None

        def listed(areas: list[str], **filters: object) -> list[int]:
            return [incident.id for incident in incidents.listing(conn, areas, **filters)[0]]  # type: ignore[arg-type]

        assert listed([AREA]) == ids[::-1]
        assert listed(["city"]) == [elsewhere, *ids[::-1]]
        assert listed(["cit"]) == listed([]) == []
        assert listed(["city"], area="city.other") == [elsewhere]
        assert listed([AREA], states=[IncidentState.NEW]) == [ids[2], ids[1]]
        assert listed([AREA], states=[]) == []
        assert listed([AREA], priorities=[Priority.LIFE_SAFETY]) == [ids[1]]
        assert listed([AREA], kinds=[EventKind.BURGLARY, EventKind.FIRE]) == [ids[1], ids[0]]
        assert listed(["city"], source_id="U1") == [elsewhere, *ids[::-1]]
        assert listed(["city"], source_id="U2") == []
        page, cursor = incidents.listing(conn, [AREA], limit=2)
        assert [incident.id for incident in page] == [ids[2], ids[1]]
        page, cursor = incidents.listing(conn, [AREA], limit=2, cursor=cursor)
        assert ([incident.id for incident in page], cursor) == ([ids[0]], None)
        for nonsense in ("x", "-1", "1 OR 1=1", "9" * 30):
            with pytest.raises(BadInput):
                incidents.listing(conn, [AREA], cursor=nonsense)


def test_steps_hold_their_conditions(any_store: Store, clock: FakeClock) -> None:
    """A step that its state does not allow changes nothing and says None."""
    add_unit(any_store, "U1")
    add_users(any_store, "anna", "bob")
    (incident_id,) = open_some(any_store, clock, EventKind.BURGLARY)
    now = clock.utc_now()
    with any_store.transaction() as conn:
        assert incidents.close(conn, incident_id, "anna", at=now, disposition=Disposition.FALSE) is None
        assert incidents.release(conn, incident_id, "anna", at=now, owner="anna") is None
        assert incidents.claim(conn, incident_id, "anna", at=now, expected_version=2) is None
        claimed = incidents.claim(conn, incident_id, "anna", at=now, expected_version=1)
        assert claimed is not None
        assert (claimed.owner, claimed.row_version) == ("anna", 2)
        assert incidents.claim(conn, incident_id, "bob", at=now) is None
        assert incidents.close(conn, incident_id, "bob", at=now, disposition=Disposition.FALSE) is None
        assert incidents.comment(conn, 999, "bob", "hm", at=now) is None
        closed = incidents.close(conn, incident_id, "anna", at=now, disposition=Disposition.FALSE, text="cat")
        assert closed is not None
        assert closed.disposition is Disposition.FALSE
        kinds = [entry.kind for entry in incidents.entries(conn, incident_id)]
        assert kinds == [EntryKind.OPENED, EntryKind.CLAIMED, EntryKind.CLOSED]
        assert audit.verify(conn) is None


def test_what_cameras_that_wait_for_events_are_told(any_store: Store, clock: FakeClock) -> None:
    """Open incidents of units that they show, and that are fresh."""
    add_unit(any_store, "U1")
    (first,) = open_some(any_store, clock, EventKind.BURGLARY)
    before = clock.utc_now() - timedelta(seconds=1)
    with any_store.transaction() as conn:
        assert incidents.latest_of_units(conn, ["c2", "c9"], before) == [(first, 1, clock.utc_now(), ("c1", "c2"))]
        assert incidents.latest_of_units(conn, ["c9"], before) == []
        assert incidents.latest_of_units(conn, ["c1"], clock.utc_now()) == []
        conn.execute("UPDATE incident SET state = 'closed', closed_at = now() WHERE id = %s", (first,))
        assert incidents.latest_of_units(conn, ["c1"], before) == []
