"""What the demo's site file would say: a street in Haikou with three cameras, twenty homes and two patrols."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STREET = "haikou.meilan.renmin"
AREAS = {
    "haikou": "Haikou 海口市",
    "haikou.meilan": "Meilan District 美兰区",
    STREET: "Renmin Street 人民路街道",
    f"{STREET}.wanlong": "Wanlong Community 万隆社区",
    f"{STREET}.jindeng": "Jindeng Community 金灯社区",
    f"{STREET}.xinbu": "Xinbu Community 新埠社区",
}
PUSHED = "community"
"""The camera that pushes its pictures by itself."""
COMMUNITIES = ("wanlong", "jindeng", "xinbu")
UNIT_COUNT = 20
HOMES_PER_BUILDING = 4
GATE_AT = (20.0458, 110.3312)
SQUARE_AT = (20.0472, 110.3336)
COMMUNITY_AT = (20.0451, 110.3325)
STREET_GRID_DEG = 0.0006
"""About 65 m between neighbouring homes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSecrets:
    """What the demo makes up at its first start and keeps."""

    camera_port: int
    camera_username: str
    camera_password: str = field(repr=False)
    publish_token: str = field(repr=False)
    unit_secrets: dict[str, str] = field(repr=False)
    broker_port: int = 0


def unit_ids() -> tuple[str, ...]:
    """Return U000001 and so on."""
    return tuple(f"U{number:06d}" for number in range(1, UNIT_COUNT + 1))


def said(state_dir: Path, secrets: DemoSecrets, *, api_port: int, detector: str) -> dict[str, Any]:
    """Return the site file's content in JSON's types."""
    return {
        "state_dir": str(state_dir.absolute()),
        "name": "alertwall demo",
        "api": {"port": api_port},
        "broker": {"embedded_port": secrets.broker_port},
        "ingest": {"allowed_networks": ["127.0.0.0/8"]},
        "analytics": {"detector": detector},
        "areas": AREAS,
        "cameras": _cameras(secrets),
        "units": {unit: _unit(number, secrets.unit_secrets[unit]) for number, unit in enumerate(unit_ids())},
        "patrols": {
            "patrol-1": {"name": "Patrol 1 巡逻一组", "area": STREET, "lat": 20.0461, "lon": 110.3325},
            "patrol-2": {"name": "Patrol 2 巡逻二组", "area": STREET, "lat": 20.0480, "lon": 110.3301},
        },
    }


def _cameras(secrets: DemoSecrets) -> dict[str, Any]:
    reached = {
        "host": "127.0.0.1",
        "port": secrets.camera_port,
        "username": secrets.camera_username,
        "password": secrets.camera_password,
    }
    return {
        "gate": {
            "name": "Gate 东门",
            "area": f"{STREET}.wanlong",
            "place": "East gate of Wanlong Community",
            "path": "/gate",
            "lat": GATE_AT[0],
            "lon": GATE_AT[1],
            "zones": {
                "forecourt": {
                    "polygon": [[0.25, 0.4], [0.95, 0.4], [0.95, 1.0], [0.25, 1.0]],
                    "labels": ["person"],
                    "confirm_frames": 2,
                }
            },
            "tripwires": {"threshold": {"line": [[0.68, 0.2], [0.68, 1.0]], "labels": ["person"], "confirm_frames": 2}},
            **reached,
        },
        "square": {
            "name": "Square 广场",
            "area": f"{STREET}.jindeng",
            "place": "Square before Jindeng Community",
            "path": "/square",
            "lat": SQUARE_AT[0],
            "lon": SQUARE_AT[1],
            "zones": {
                "carriageway": {"polygon": [[0.0, 0.4], [0.75, 0.4], [0.75, 1.0], [0.0, 1.0]], "confirm_frames": 2}
            },
            "tripwires": {"crossing": {"line": [[0.595, 0.2], [0.595, 1.0]], "confirm_frames": 1}},
            **reached,
        },
        PUSHED: {
            "name": "Community 社区",
            "area": f"{STREET}.xinbu",
            "place": "A resident's phone at Xinbu Community",
            "scheme": "whip",
            "publish_token": secrets.publish_token,
            "lat": COMMUNITY_AT[0],
            "lon": COMMUNITY_AT[1],
        },
    }


def _unit(number: int, secret: str) -> dict[str, Any]:
    community = COMMUNITIES[number % len(COMMUNITIES)]
    building, home = divmod(number, HOMES_PER_BUILDING)
    near = {"wanlong": ["gate"], "jindeng": ["square"]}.get(community, [])
    return {
        "name": f"Home {building + 1}-{home + 1:02d}",
        "area": f"{STREET}.{community}",
        "place": f"Building {building + 1}, flat {home + 1:02d}",
        "lat": round(GATE_AT[0] + building * STREET_GRID_DEG, 6),
        "lon": round(GATE_AT[1] + home * STREET_GRID_DEG, 6),
        "heartbeat_s": 10,
        "silence_limit_s": 25,
        "cameras": near,
        "secret": secret,
    }
