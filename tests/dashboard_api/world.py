"""A small site to ask questions of: two areas, an account per role, and things made on demand in either."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from alarms import desk, dispatch
from alarms.broker import hash_secret
from configs.site import Site, parse
from dashboard_api.app import create_app, equip, make_context
from models.camera import Camera, CameraSource, CameraState, LinkState, Scheme
from models.event import Event, EventKind, Priority, SourceKind
from models.incident import Incident
from models.patrol import Assignment, Patrol
from models.rule import Rule, RuleKind
from models.store import areas, cameras, events, logins, parts, patrols, units, users
from models.store.pool import Store
from models.store.secrets import SecretBox
from models.unit import Unit
from models.user import Login, Role, User
from tests.dashboard_api.client import TestClient
from tests.support.clock import FakeClock

OWN, OTHER = "city.north", "city.south"
OWN_INNER = "city.north.lane"
ORIGIN = "http://127.0.0.1"
PASSWORD = "correct horse battery"
"""Of every account of this world."""
CANARY = "canary-7f3a91-secret"
_PASSWORD_HASH: list[str] = []


_APP: list[FastAPI] = []


def _app(site: Site, store: Store, clock: FakeClock) -> FastAPI:
    """Return the one application of the run, as new: its routes take longer to put together than most tests."""
    if not _APP:
        _APP.append(create_app(site, store, clock=clock))
    equip(_APP[0], make_context(site, store, clock))
    return _APP[0]


def make_site(state_dir: Path, **said: Any) -> Site:
    """Return a site whose broker is named, so that nothing has to run."""
    state_dir.mkdir(parents=True, exist_ok=True)
    (state_dir / "internal.token").write_text("internal-test-token", "ascii")
    body = {
        "state_dir": str(state_dir),
        "name": "test site",
        "areas": {OWN: "North", OTHER: "South"},
        "broker": {"url": "mqtt://broker.test:1883"},
        "database": {"dsn": "postgresql:///unused"},
        "ingest": {"allowed_networks": ["10.0.0.0/8"]},
    }
    return parse({**body, **said}, folder=state_dir, source="test")


@dataclass
class World:
    """The site with its app; ``as_`` gives a client that is signed in."""

    site: Site
    store: Store
    clock: FakeClock
    app: FastAPI
    secrets: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def make(cls, store: Store, clock: FakeClock, state_dir: Path, **said: Any) -> "World":
        site = make_site(state_dir, **said)
        world = cls(site, store, clock, _app(site, store, clock) if not said else create_app(site, store, clock=clock))
        with store.transaction() as conn:
            for path in ("city", OWN, OWN_INNER, OTHER):
                areas.ensure(conn, path, path.title())
        for role in Role:
            world.person(role.value, role)
        return world

    def person(self, username: str, role: Role, *, inside: tuple[str, ...] = (OWN,)) -> User:
        """Add an account."""
        if not _PASSWORD_HASH:
            _PASSWORD_HASH.append(users.hash_password(PASSWORD))
        user = User(username=username, display_name=username.title(), role=role, areas=inside)
        with self.store.transaction() as conn:
            return users.create(conn, user, _PASSWORD_HASH[0])

    def login(self, username: str) -> str:
        """Return a browser's secret for ``username``, without the cost of a password."""
        with self.store.transaction() as conn:
            return logins.start_browser(conn, username, self.clock.utc_now())

    def token(self, username: str, *scopes: str) -> str:
        """Return a script's token."""
        with self.store.transaction() as conn:
            return logins.start_token(
                conn, username, self.clock.utc_now(), label="test", scopes=scopes, lives=timedelta(days=1)
            )[0]

    def client(self, secret: str | None = None, headers: Mapping[str, str] | None = None) -> TestClient:
        """Return a client of the app; the app's own tasks are not started."""
        client = TestClient(
            self.app,
            base_url=ORIGIN,
            raise_server_exceptions=False,
            headers={"Origin": ORIGIN, **(headers or {})},
            client=("127.0.0.1", 50000),
        )
        if secret is not None:
            client.cookies.set("alertwall_login", secret)
        return client

    def as_(self, username: str) -> TestClient:
        """Return a client signed in as ``username``; signs in once per name."""
        if username not in self.secrets:
            self.secrets[username] = self.login(username)
        return self.client(self.secrets[username])

    # ── things ──────────────────────────────────────────────────────────────────────────────────────

    def number(self) -> int:
        return next(self._numbers)

    def camera(self, area: str = OWN, id: str | None = None, *, password: str = "", **fields: Any) -> Camera:
        """Register a camera."""
        id = id or f"cam-{self.number()}"
        source = CameraSource(scheme=Scheme.RTSP, host="10.1.2.3", port=554, path="/main", username="viewer")
        camera = Camera(id=id, name=f"Camera {id}", area=area, source=source, sub_path="/sub", **fields)
        with self.store.transaction() as conn:
            return cameras.create(conn, camera, cameras.seal(SecretBox(self.site.secret_key_file), id, password))

    def camera_state(self, camera_id: str, state: LinkState = LinkState.STREAMING, reason: str = "") -> CameraState:
        """Report what a camera's link does."""
        now = self.clock.utc_now()
        reported = CameraState(
            camera_id=camera_id, worker_id="worker-1", state=state, reason=reason, since=now, updated_at=now, fps=25.0
        )
        with self.store.transaction() as conn:
            cameras.write_states(conn, [reported])
        return reported

    def rule(self, camera_id: str, name: str = "yard") -> Rule:
        """Give a camera a zone."""
        points = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
        with self.store.transaction() as conn:
            return cameras.put_rule(
                conn, Rule(id=0, version=1, camera_id=camera_id, name=name, kind=RuleKind.INTRUSION, points=points)
            )

    def unit(self, area: str = OWN, id: str | None = None, *, cameras_: tuple[str, ...] = ()) -> Unit:
        """Register an alarm unit."""
        id = id or f"U{self.number():06d}"
        with self.store.transaction() as conn:
            return units.create(
                conn, Unit(id=id, name=f"Home {id}", area=area, cameras=cameras_), broker_hash=hash_secret("secret")
            )

    def patrol(self, area: str = OWN, id: str | None = None) -> Patrol:
        """Register a patrol."""
        id = id or f"patrol-{self.number()}"
        with self.store.transaction() as conn:
            return patrols.create(conn, Patrol(id=id, name=f"Patrol {id}", area=area))

    def phone(self, patrol_id: str) -> str:
        """Pair a phone and return its secret."""
        with self.store.transaction() as conn:
            return logins.start_patrol(conn, patrol_id, self.clock.utc_now())

    def event(
        self,
        area: str = OWN,
        *,
        kind: EventKind = EventKind.INTRUSION,
        source_id: str = "cam-x",
        source_kind: SourceKind = SourceKind.CAMERA,
        **fields: Any,
    ) -> Event:
        """Store an event, past triage."""
        now = self.clock.utc_now()
        event = Event(
            id=fields.pop("id", None) or uuid4(),
            time=fields.pop("time", now),
            received_at=now,
            area=area,
            kind=kind,
            source_kind=source_kind,
            source_id=source_id,
            priority=fields.pop("priority", Priority.ALARM),
            **fields,
        )
        with self.store.transaction() as conn:
            events.write(conn, [event], triage=False)
        return event

    def incident(self, area: str = OWN, kind: EventKind = EventKind.FIRE) -> Incident:
        """Open an incident by hand."""
        return desk.open_by_hand(self.store, self.clock, self.caller(area), area=area, kind=kind, text="smoke seen")

    def assignment(self, incident_id: int, patrol_id: str) -> Assignment:
        """Send a patrol."""
        return dispatch.assign(self.store, self.clock, incident_id, patrol_id, "hurry", self.caller(OWN))

    def worker(self, url: str, id: str = "worker-1") -> None:
        """Let a worker beat."""
        self.beat(id, "worker", url=url)

    def beat(self, id: str, kind: str, *, url: str = "", detail: dict[str, Any] | None = None) -> None:
        """Let a part of alertwall beat."""
        now = self.clock.utc_now()
        with self.store.transaction() as conn:
            parts.beat(conn, id=id, kind=kind, url=url, now=now, started_at=now, detail=detail)

    def caller(self, area: str, username: str = "alertwall-test") -> Login:
        """Return somebody who may act in ``area``, for what is set up behind the API's back."""
        return Login(username=username, role=Role.ADMIN, areas=(area,), kind="browser", expires_at=self.clock.utc_now())

    def audit(self, action: str | None = None) -> list[tuple[str, str, str]]:
        """Return (actor, action, object) of the trail, oldest first."""
        with self.store.transaction() as conn:
            rows = conn.execute(
                "SELECT actor, action, object FROM audit WHERE %s::text IS NULL OR action = %s ORDER BY id",
                (action, action),
            ).fetchall()
        return [(row[0], row[1], row[2]) for row in rows]
