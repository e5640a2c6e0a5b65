"""What the site file names is registered once, and the wall's later word stands."""

from pathlib import Path

import pytest

from alarms.broker import secret_matches
from alertwall import provision
from configs import site as sites
from configs.site import Site
from models.rule import Direction, RuleKind
from models.store import areas, cameras, logins, patrols, publishing, units
from models.store.pool import Store
from models.store.secrets import SecretBox
from tests.support.clock import FakeClock

SITE = """
state_dir = "state"
[areas]
haikou = "Haikou"
[cameras.gate]
name = "Gate"
area = "haikou"
host = "10.0.0.2"
username = "viewer"
password = "first"
[cameras.gate.zones.door]
polygon = [[0, 0], [1, 0], [1, 1]]
[cameras.gate.tripwires.kerb]
line = [[0, 0], [1, 1]]
direction = "left_to_right"
[units.U1]
name = "Home"
area = "haikou"
secret = "the first secret"
cameras = ["gate"]
[patrols.p1]
name = "Patrol 1"
area = "haikou"
"""


def load(folder: Path, text: str = SITE) -> Site:
    (folder / "site.toml").write_text(text)
    site = sites.load(folder / "site.toml")
    site.state_dir.mkdir(exist_ok=True)
    return site


def test_everything_named_is_registered(store: Store, tmp_path: Path) -> None:
    """Areas, cameras with their rules, units with their cameras, patrols."""
    site = load(tmp_path)
    provision.provision(store, site)
    with store.transaction() as conn:
        assert [area.name for area in areas.listing(conn)] == ["Haikou"]
        camera = cameras.get(conn, "gate")
        assert camera is not None
        assert (camera.source.host, camera.source.port, camera.source.username) == ("10.0.0.2", 554, "viewer")
        assert cameras.password(conn, "gate", SecretBox(site.secret_key_file)) == "first"
        rules = {rule.name: rule for rule in cameras.rules(conn, "gate")}
        assert rules["door"].kind is RuleKind.INTRUSION
        assert rules["kerb"].direction is Direction.LEFT_TO_RIGHT
        assert units.registry(conn)["U1"].cameras == ("gate",)
        assert secret_matches("the first secret", dict(units.broker_hashes(conn))["U1"])
        assert patrols.get(conn, "p1") is not None


def test_a_second_start_changes_nothing(store: Store, tmp_path: Path) -> None:
    """No version moves, so that no camera reconnects and no unit is cut off."""
    for _ in range(2):
        provision.provision(store, load(tmp_path))
    with store.transaction() as conn:
        camera, unit = cameras.get(conn, "gate"), units.get(conn, "U1")
        assert camera is not None
        assert unit is not None
        assert (camera.row_version, unit.row_version) == (1, 1)
        assert [rule.version for rule in cameras.rules(conn, "gate")] == [1, 1]


def test_a_change_in_the_wall_outlives_a_restart(store: Store, tmp_path: Path) -> None:
    """The file speaks again only when its own entry changes."""
    provision.provision(store, load(tmp_path))
    with store.transaction() as conn:
        units.update(conn, "U1", {"name": "Home of Li"}, expected_version=1)
    provision.provision(store, load(tmp_path))
    with store.transaction() as conn:
        assert units.registry(conn)["U1"].name == "Home of Li"
    provision.provision(store, load(tmp_path, SITE.replace('"Home"', '"Home 2"')))
    with store.transaction() as conn:
        assert units.registry(conn)["U1"].name == "Home 2"


def test_a_changed_entry_is_applied(store: Store, tmp_path: Path) -> None:
    """A new password, a moved zone and a removed tripwire."""
    provision.provision(store, load(tmp_path))
    changed = SITE.replace("first", "second").replace("[[0, 0], [1, 0], [1, 1]]", "[[0, 0], [1, 0], [0, 1]]")
    start, end = changed.index("[cameras.gate.tripwires"), changed.index("[units")
    site = load(tmp_path, changed[:start] + changed[end:])
    provision.provision(store, site)
    with store.transaction() as conn:
        assert cameras.password(conn, "gate", SecretBox(site.secret_key_file)) == "second"
        rules = cameras.rules(conn, "gate")
        assert [(rule.name, rule.version, rule.points[2]) for rule in rules] == [("door", 2, (0.0, 1.0))]
        assert secret_matches("the second secret", dict(units.broker_hashes(conn))["U1"])


def test_what_the_wall_retired_stays_retired(
    store: Store, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The start goes on and says what it passed over."""
    provision.provision(store, load(tmp_path))
    with store.transaction() as conn:
        units.retire(conn, "U1", at=clock.utc_now())
    provision.provision(store, load(tmp_path))
    assert "units.U1 was retired" in caplog.text


def test_a_lost_state_folder_or_database_is_no_harm(store: Store, tmp_path: Path) -> None:
    """Without its notes it applies the file anew; without the rows it makes them."""
    site = load(tmp_path)
    provision.provision(store, site)
    (site.state_dir / provision.APPLIED_FILE).unlink()
    provision.provision(store, site)
    with store.transaction() as conn:
        conn.execute("DELETE FROM unit_camera")
        conn.execute("DELETE FROM unit_state")
        conn.execute("DELETE FROM unit")
    provision.provision(store, site)
    with store.transaction() as conn:
        assert list(units.registry(conn)) == ["U1"]


def test_the_setup_token_ends_with_the_first_account(store: Store, clock: FakeClock) -> None:
    """Each start without an account makes a new one, and the older one no longer opens."""
    first, second = provision.setup_token(store, clock), provision.setup_token(store, clock)
    assert first
    assert second
    with store.transaction() as conn:
        assert logins.redeem_once(conn, "setup", first, clock.utc_now()) is None
        assert logins.redeem_once(conn, "setup", second, clock.utc_now()) is not None
        conn.execute(
            "INSERT INTO app_user (username, display_name, password_hash, role, areas)"
            " VALUES ('a', 'A', 'x', 'admin', '{haikou}')"
        )
    assert provision.setup_token(store, clock) is None


def test_a_camera_that_pushes_is_registered_with_its_token(store: Store, tmp_path: Path) -> None:
    """The file's token holds until the wall makes another, which the next start leaves alone."""
    text = SITE + '[cameras.phone]\nname = "Phone"\narea = "haikou"\nscheme = "whip"\npublish_token = "%s"\n'
    first, second = "the first token of all", "another token altogether"
    provision.provision(store, load(tmp_path, text % first))
    with store.transaction() as conn:
        camera = publishing.find(conn, "phone", first)
        assert camera is not None
        assert (camera.source.scheme, camera.source.host, camera.source.port) == ("whip", "", 0)
        assert publishing.find(conn, "gate", first) is None
        publishing.set_token(conn, "phone", second, FakeClock().utc_now())
    provision.provision(store, load(tmp_path, text % first))
    with store.transaction() as conn:
        assert publishing.find(conn, "phone", first) is None
        assert publishing.find(conn, "phone", second) is not None
