"""What everybody may do, operation by operation, and things of either area to do it with.

The table is written by hand from the contract: an operation that it lacks fails a test.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from alarms import desk
from dashboard_api.app import bare_app
from dashboard_api.openapi import document
from models.event import EventKind
from models.store import logins
from models.user import Role
from tests.dashboard_api.fake_worker import PEER, REHEARSAL, SESSION
from tests.dashboard_api.world import OTHER, OWN, World

ALL = frozenset({"operator", "dispatcher", "engineer", "analyst", "admin"})
DESK = frozenset({"operator", "dispatcher", "admin"})
DISPATCH = frozenset({"dispatcher", "admin"})
TECHNICAL = frozenset({"engineer", "admin"})
WATCH = frozenset({"operator", "dispatcher", "engineer", "admin"})
TURNERS = frozenset({"operator", "engineer", "admin"})
ADMIN = frozenset({"admin"})
PHONE = frozenset({"patrol"})
ANYBODY = frozenset({*ALL, "patrol", "anonymous"})
IDENTITIES = ("operator", "dispatcher", "engineer", "analyst", "admin", "anonymous", "patrol")

RANGE = "?from=2025-12-31T23:00:00Z&to=2025-12-31T23:10:00Z"
POINTS = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
SOURCE = {"scheme": "rtsp", "host": "10.1.2.3", "port": 554, "path": "/x"}
RULE = {"name": "yard", "kind": "intrusion", "points": POINTS}


@dataclass(frozen=True)
class Expected:
    """Who may, what is sent, what a success looks like; ``area_in_body`` puts the area asked about into the body."""

    who: frozenset[str]
    status: int = 200
    body: dict[str, Any] | None = None
    area_in_body: str | None = None
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    lists: str | None = None
    content: bytes | None = None
    content_type: str = "application/sdp"


EXPECTED: dict[str, Expected] = {
    "setup_state": Expected(ANYBODY),
    "set_up": Expected(
        ANYBODY, 409, {"token": "x", "username": "root", "password": "long enough pw", "display_name": "R"}
    ),
    "sign_in": Expected(ANYBODY, 401, {"username": "NEW", "password": "wrong"}),
    "sign_out": Expected(ALL | PHONE, 204),
    "me": Expected(ALL | PHONE),
    "change_me": Expected(ALL, body={"language": "zh-CN"}),
    "list_users": Expected(ADMIN, lists="user"),
    "create_user": Expected(
        ADMIN,
        201,
        {"username": "NEW", "password": "long enough pw", "display_name": "N", "role": "operator"},
        area_in_body="areas",
    ),
    "change_user": Expected(ADMIN, body={"display_name": "Other"}),
    "list_tokens": Expected(ADMIN, lists="token"),
    "create_token": Expected(ADMIN, 201, {"label": "script", "scopes": ["events:read"], "expires_in_days": 1}),
    "end_token": Expected(ADMIN, 204),
    "list_areas": Expected(ALL, lists="area"),
    "create_area": Expected(TECHNICAL, 201, {"name": "New"}, area_in_body="path"),
    "list_cameras": Expected(ALL, lists="camera"),
    "create_camera": Expected(TECHNICAL, 201, {"id": "NEW", "name": "N", "source": SOURCE}, area_in_body="area"),
    "bulk_cameras": Expected(
        TECHNICAL, body={"items": [{"id": "many-1", "name": "N", "area": OWN, "source": SOURCE}]}, query="?dry_run=true"
    ),
    "bulk_template": Expected(TECHNICAL),
    "probe_camera": Expected(TECHNICAL, body=dict(SOURCE)),
    "discover_cameras": Expected(TECHNICAL, body={}),
    "describe_camera": Expected(TECHNICAL, body={"host": "10.1.2.3"}),
    "accept_camera": Expected(TECHNICAL),
    "list_presets": Expected(TURNERS),
    "turn_camera": Expected(TURNERS, 204, {"preset": "1"}),
    "get_camera": Expected(ALL),
    "change_camera": Expected(TECHNICAL, body={"name": "Renamed"}, headers={"If-Match": '"1"'}),
    "retire_camera": Expected(TECHNICAL, 204),
    "list_rules": Expected(ALL),
    "list_kinds": Expected(ALL),
    "create_rule": Expected(TECHNICAL, 201, RULE),
    "change_rule": Expected(TECHNICAL, body=RULE),
    "remove_rule": Expected(TECHNICAL, 204),
    "counts": Expected(ALL, query=RANGE),
    "counts_csv": Expected(ALL, query=RANGE),
    "heat": Expected(ALL, query=RANGE),
    "start_rehearsal": Expected(
        TECHNICAL, 202, {"rule": RULE, "from": "2025-12-31T23:00:00Z", "to": "2025-12-31T23:10:00Z"}
    ),
    "get_rehearsal": Expected(TECHNICAL),
    "end_rehearsal": Expected(TECHNICAL, 204),
    "snapshot": Expected(WATCH),
    "clip": Expected(ALL, query=RANGE),
    "watch": Expected(WATCH, 201, content=b"v=0\r\noffer"),
    "stop_watching": Expected(WATCH, 204),
    "renew_publish_token": Expected(TECHNICAL, 409),
    "publish": Expected(frozenset(), content=b"v=0\r\noffer"),
    "trickle": Expected(frozenset(), content=b"a=end-of-candidates", content_type="application/trickle-ice-sdpfrag"),
    "stop_publishing": Expected(frozenset()),
    "list_units": Expected(ALL, lists="unit"),
    "create_unit": Expected(TECHNICAL, 201, {"id": "NEW", "name": "N"}, area_in_body="area"),
    "get_unit": Expected(ALL),
    "change_unit": Expected(TECHNICAL, body={"name": "Renamed"}),
    "retire_unit": Expected(TECHNICAL, 204),
    "renew_secret": Expected(TECHNICAL),
    "list_patrols": Expected(DESK, lists="patrol"),
    "create_patrol": Expected(DISPATCH, 201, {"id": "NEW", "name": "N"}, area_in_body="area"),
    "change_patrol": Expected(DISPATCH, body={"name": "Renamed"}),
    "retire_patrol": Expected(DISPATCH, 204),
    "pair_patrol": Expected(DISPATCH, 201),
    "list_assignments": Expected(DESK, lists="assignment"),
    "pair": Expected(ANYBODY, 401, {"code": "wrong"}),
    "patrol_me": Expected(PHONE),
    "patrol_errands": Expected(PHONE, lists="own_assignment"),
    "take_step": Expected(PHONE, body={}),
    "list_events": Expected(ALL, lists="event"),
    "get_event": Expected(ALL),
    "why": Expected(ALL),
    "event_snapshot": Expected(ALL),
    "event_clip": Expected(ALL),
    "list_incidents": Expected(ALL, lists="incident"),
    "open_incident": Expected(DESK, 201, {"kind": "fire", "text": "smoke"}, area_in_body="area"),
    "get_incident": Expected(ALL),
    "claim": Expected(DESK),
    "release": Expected(DESK),
    "comment": Expected(DESK, body={"text": "on it"}),
    "dispatch_patrol": Expected(DISPATCH, 201, {"patrol_id": "PATROL"}),
    "close": Expected(DESK, body={"disposition": "false"}),
    "timeline": Expected(ALL, query=RANGE, lists="track"),
    "feed": Expected(ALL),
    "patrol_feed": Expected(PHONE),
    "status": Expected(ALL),
    "list_audit": Expected(ADMIN, lists="audit"),
    "list_quarantine": Expected(TECHNICAL, lists="quarantine"),
    "healthz": Expected(ANYBODY),
    "readyz": Expected(ANYBODY, 503),
    "metrics": Expected(TECHNICAL),
}
PUBLISHERS = frozenset({"publish", "trickle", "stop_publishing"})
"""Open to a camera's own token alone: whoever else asks is nobody, signed in or not."""
STREAMS = frozenset({"feed", "patrol_feed"})
"""Answers without end, asked over a real connection in test_feed.py; here only whom they refuse."""


def operations() -> Iterator[tuple[str, str, str]]:
    """Yield (operation id, method, path) of the document."""
    for path, item in document(bare_app(), "test")["paths"].items():
        for method, operation in item.items():
            yield operation["operationId"], method.upper(), path


OPERATIONS = list(operations())


class Matrix:
    """Asks one operation as one identity about a thing in one area."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.patrol = world.patrol(id="phone")
        self.errand = world.assignment(world.incident().id, "phone")
        self.seeded = {OWN: self._seed(OWN), OTHER: self._seed(OTHER)}

    def _seed(self, area: str) -> dict[str, str]:
        """Put one thing of every kind that is listed into ``area``."""
        world = self.world
        camera, unit, patrol, event, incident = (
            world.camera(area),
            world.unit(area),
            world.patrol(area),
            world.event(area),
            world.incident(area),
        )
        user = world.person(f"person-{world.number()}", Role.ADMIN, inside=(area,))
        errand = world.assignment(incident.id, patrol.id)
        token = logins.token_id(logins.digest(world.token(user.username)))
        with world.store.transaction() as conn:
            conn.execute(
                "INSERT INTO quarantine (received_at, topic, payload, reason, unit_id) VALUES (now(), %s, '', 'x', %s)",
                (f"units/{unit.id}", unit.id),
            )
        return {
            "camera": camera.id,
            "unit": unit.id,
            "patrol": patrol.id,
            "event": str(event.id),
            "incident": str(incident.id),
            "user": user.username,
            "token": token,
            "area": area,
            "assignment": str(errand.id),
            "own_assignment": str(self.errand.id) if area == OWN else str(errand.id),
            "quarantine": unit.id,
            "track": camera.id,
            "audit": f"incident:{incident.id}",
        }

    def secret(self, identity: str) -> str | None:
        if identity == "anonymous":
            return None
        return self.world.phone("phone") if identity == "patrol" else self.world.login(identity)

    def path(self, operation: str, path: str, area: str, identity: str) -> str:
        """Fill the path with things made for this question, in the state that the operation needs."""
        makers: dict[str, Callable[[], object]] = {
            "camera_id": lambda: self.world.camera(area).id,
            "unit_id": lambda: self.world.unit(area).id,
            "patrol_id": lambda: self.world.patrol(area).id,
            "incident_id": lambda: self._incident(operation, area, identity),
            "event_id": lambda: self._event(area),
            "username": lambda: (
                self.world.person(f"person-{self.world.number()}", Role.ANALYST, inside=(area,)).username
            ),
            "token_id": lambda: self._token(area),
            "assignment_id": lambda: self.errand.id if area == OWN else self.seeded[OTHER]["assignment"],
            "step": lambda: "delivered",
            "peer": self._peer,
            "session": lambda: SESSION,
            "rehearsal_id": lambda: REHEARSAL,
        }
        made: dict[str, object] = {}
        for name in re.findall(r"{(\w+)}", path):
            made[name] = self._rule(str(made["camera_id"])) if name == "rule_id" else makers[name]()
        return path.format(**made)

    def _rule(self, camera_id: str) -> int:
        return self.world.rule(camera_id).id

    def _event(self, area: str) -> object:
        """Make an event with a picture on disk, of a camera that a worker holds."""
        camera = self.world.camera(area)
        relative = f"snapshots/{camera.id}/20260101/picture.jpg"
        picture = self.world.site.media_dir / relative
        picture.parent.mkdir(parents=True)
        picture.write_bytes(b"\xff\xd8")
        return self.world.event(area, source_id=camera.id, snapshot=relative).id

    def _peer(self) -> str:
        self.world.app.state.context.peers.forget(PEER)  # the fake worker gives everybody this one
        return PEER

    def _person(self, area: str) -> str:
        return self.world.person(f"person-{self.world.number()}", Role.ANALYST, inside=(area,)).username

    def _token(self, area: str) -> str:
        return logins.token_id(logins.digest(self.world.token(self._person(area))))

    def _incident(self, operation: str, area: str, identity: str) -> int:
        incident = self.world.incident(area, EventKind.FIRE)
        if operation in ("release", "close") and identity in DESK:
            desk.claim(self.world.store, self.world.clock, incident.id, self.world.caller(area, username=identity))
        return incident.id

    def body(self, expected: Expected, area: str) -> dict[str, Any] | None:
        if expected.body is None:
            return None
        number = self.world.number()
        body = dict(expected.body)
        for key, value in body.items():
            if value == "NEW":
                body[key] = f"N{number}" if set(body) == {"id", "name"} and "source" not in body else f"new-{number}"
            elif value == "PATROL":
                body[key] = self.world.patrol(OWN).id
        if expected.area_in_body == "areas":
            body["areas"] = [area]
        elif expected.area_in_body == "path":
            body["path"] = f"{area}.new{number}"
        elif expected.area_in_body:
            body[expected.area_in_body] = area
        return body
