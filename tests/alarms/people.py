"""A little town for the alarm tests: accounts, units, cameras and patrols in one street."""

from datetime import UTC, datetime
from typing import Any

from models.event import Event, EventKind, SourceKind, default_priority, event_id
from models.patrol import Patrol
from models.store import patrols, units
from models.store.pool import Store
from models.unit import Unit
from models.user import Login, Role

AREA = "city.district.street"
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def login(username: str, role: Role = Role.OPERATOR) -> Login:
    """Return the login of an account."""
    return Login(username=username, role=role, areas=(AREA,), kind="browser", expires_at=FAR)


def add_users(store: Store, *usernames: str, role: Role = Role.OPERATOR) -> list[Login]:
    """Make accounts and return their logins."""
    with store.transaction() as conn:
        for username in usernames:
            conn.execute(
                """INSERT INTO app_user (username, display_name, password_hash, role, areas)
                   VALUES (%s, %s, '-', %s, %s)""",
                (username, username.title(), str(role), [AREA]),
            )
    return [login(username, role) for username in usernames]


def add_camera(store: Store, camera_id: str, *, lat: float | None = None, lon: float | None = None) -> None:
    """Register a camera."""
    with store.transaction() as conn:
        conn.execute(
            """INSERT INTO camera (id, name, area, scheme, host, port, path, lat, lon)
               VALUES (%s, %s, %s, 'rtsp', '127.0.0.1', 554, '/', %s, %s)""",
            (camera_id, f"Camera {camera_id}", AREA, lat, lon),
        )


def add_unit(store: Store, unit_id: str, **more: Any) -> Unit:
    """Register a unit."""
    fields: dict[str, Any] = {"name": f"Unit {unit_id}", "area": AREA, "place": f"house {unit_id}", **more}
    with store.transaction() as conn:
        return units.create(conn, Unit(id=unit_id, **fields), broker_hash="-")


def add_patrol(store: Store, patrol_id: str) -> Patrol:
    """Register a patrol."""
    with store.transaction() as conn:
        return patrols.create(conn, Patrol(id=patrol_id, name=f"Patrol {patrol_id}", area=AREA))


def event(
    kind: EventKind, source_kind: SourceKind, source_id: str, at: datetime, *, label: str = "", **attrs: Any
) -> Event:
    """Return an event of a source."""
    return Event(
        id=event_id("test", kind, source_id, at.isoformat(), sorted(attrs.items())),
        time=at,
        received_at=at,
        area=AREA,
        kind=kind,
        source_kind=source_kind,
        source_id=source_id,
        priority=default_priority(kind),
        label=label,
        attrs=attrs,
    )
