"""Alarm units in the store, on every engine."""

from dataclasses import replace

import pytest

from models.errors import BadInput, Conflict, NotFound
from models.store import units
from models.store.pool import Store
from models.unit import ArmState, ConnState, Unit, UnitState
from tests.alarms.people import AREA, add_camera, add_unit
from tests.support.clock import FakeClock


def test_register_and_read(any_store: Store) -> None:
    """What was registered is read back, with its linked cameras."""
    add_camera(any_store, "c2")
    add_camera(any_store, "c1")
    unit = add_unit(any_store, "U1", cameras=("c2", "c1"), lat=20.0, lon=110.0, heartbeat_s=10, silence_limit_s=25)
    with any_store.transaction() as conn:
        found = units.get(conn, "U1")
        assert found == unit
        assert found is not None
        assert (found.cameras, found.silence_limit_s, found.row_version) == (("c1", "c2"), 25, 1)
        assert units.get(conn, "U2") is None
        assert units.registry(conn) == {"U1": unit}
        assert units.broker_hashes(conn) == [("U1", "-")]


def test_ids_are_never_given_twice(any_store: Store, clock: FakeClock) -> None:
    """Also not after a unit was retired: its history has that name."""
    add_unit(any_store, "U1")
    with pytest.raises(Conflict):
        add_unit(any_store, "U1")
    with any_store.transaction() as conn:
        units.retire(conn, "U1", at=clock.utc_now())
    with pytest.raises(Conflict):
        add_unit(any_store, "U1")
    with any_store.transaction() as conn:
        assert units.registry(conn) == {}
        assert units.broker_hashes(conn) == []
        assert units.listing(conn, [AREA]) == ([], None)
        with pytest.raises(NotFound):
            units.retire(conn, "U1", at=clock.utc_now())


def test_unknown_camera_is_refused(any_store: Store) -> None:
    """A link to a camera that is not there is a mistake of the form."""
    with pytest.raises(BadInput) as refused:
        add_unit(any_store, "U1", cameras=("nowhere",))
    assert refused.value.field == "cameras"


def test_change(any_store: Store) -> None:
    """A change names the version it was made on; a second one on the same version loses."""
    add_camera(any_store, "c1")
    add_unit(any_store, "U1")
    with any_store.transaction() as conn:
        before = units.registry_version(conn)
        changed = units.update(conn, "U1", {"name": "Flat 7", "cameras": ("c1",)}, expected_version=1)
        assert (changed.name, changed.cameras, changed.row_version) == ("Flat 7", ("c1",), 2)
        assert units.registry_version(conn) != before
        with pytest.raises(Conflict):
            units.update(conn, "U1", {"name": "Flat 8"}, expected_version=1)
        with pytest.raises(NotFound):
            units.update(conn, "U9", {"name": "Flat 8"}, expected_version=1)
        with pytest.raises(BadInput):
            units.update(conn, "U1", {"broker_hash": "x"}, expected_version=2)
        assert units.update(conn, "U1", {"cameras": ()}, expected_version=2).cameras == ()


def test_new_secret(any_store: Store) -> None:
    """Only the hash changes, and the registry is seen to have changed."""
    add_unit(any_store, "U1")
    with any_store.transaction() as conn:
        units.set_broker_hash(conn, "U1", "$7$new")
        assert units.broker_hashes(conn) == [("U1", "$7$new")]
        with pytest.raises(NotFound):
            units.set_broker_hash(conn, "U9", "$7$new")


def test_listing_pages_and_areas(any_store: Store) -> None:
    """By id, page by page, and only inside the areas asked for."""
    for number in range(5):
        add_unit(any_store, f"U{number}")
    with any_store.transaction() as conn:
        other = Unit(id="V1", name="other", area="city.district_2.street")
        units.create(conn, other, broker_hash="-")
        first, cursor = units.listing(conn, [AREA], limit=3)
        assert [unit.id for unit, _ in first] == ["U0", "U1", "U2"]
        assert first[0][1] == UnitState(unit_id="U0")
        second, end = units.listing(conn, [AREA], cursor=cursor, limit=3)
        assert ([unit.id for unit, _ in second], end) == (["U3", "U4"], None)
        assert units.listing(conn, ["city.dist"])[0] == []
        assert len(units.listing(conn, ["city"])[0]) == 6
        assert [unit.id for unit, _ in units.listing(conn, ["city"], area="city.district_2")[0]] == ["V1"]


def test_states_are_written_in_batches(any_store: Store, clock: FakeClock) -> None:
    """All columns there and back, twice; a unit that is not registered is passed over."""
    add_unit(any_store, "U1")
    add_unit(any_store, "U2")
    state = UnitState(
        unit_id="U1",
        conn=ConnState.ONLINE,
        arm=ArmState.TRIGGERED,
        boot_id="b1",
        connect_count=2**53,
        last_seq=2**53,
        last_heard_at=clock.utc_now(),
        silent_since=None,
        battery_percent=50.0,
        mains=False,
        rssi_dbm=-61.0,
        skew_s=0.25,
        points_open=(1, 65535),
        info={"model": "x", "zones": [{"id": 1}]},
    )
    with any_store.transaction() as conn:
        units.write_states(conn, [state, UnitState(unit_id="U2"), UnitState(unit_id="GONE")])
        assert units.states(conn) == {"U1": state, "U2": UnitState(unit_id="U2")}
        later = replace(state, points_open=(), silent_since=clock.utc_now(), info={})
        units.write_states(conn, [later])
        assert units.states(conn, ["U1"]) == {"U1": later}
        units.write_states(conn, [])
