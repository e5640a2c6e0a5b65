"""What the demo makes up once and keeps: passwords, secrets and ports, in files that only their owner may read."""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alertwall import preflight
from alertwall.state_folder import write_private
from configs.demo_site import PUSHED, STREET, DemoSecrets, unit_ids
from models.user import Role

KEPT_FILE = "demo-secrets.json"
SHOWN_FILE = "demo.json"
CAMERA_USERNAME = "demo"
HOST = "127.0.0.1"
AREAS = {Role.ADMIN: STREET.split(".", maxsplit=1)[0]}
"""The administrator sees the whole city, the others their street."""


@dataclass(frozen=True, slots=True)
class Account:
    username: str
    password: str = field(repr=False)
    role: Role
    area: str


@dataclass(slots=True)
class DemoState:
    """Read at every start, written when something was made up."""

    folder: Path
    kept: dict[str, Any]
    new_passwords: bool = False

    @classmethod
    def read(cls, folder: Path) -> "DemoState":
        """Return what an earlier start kept, completed by what is new."""
        try:
            kept = json.loads((folder / KEPT_FILE).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            kept = {}
        state = cls(folder, kept if isinstance(kept, dict) else {})
        state._complete()
        return state

    def _complete(self) -> None:
        kept = self.kept
        self.new_passwords = "passwords" not in kept
        kept.setdefault("camera_password", secrets.token_urlsafe(12))
        kept.setdefault("publish_token", secrets.token_urlsafe(32))
        kept.setdefault("passwords", {str(role): secrets.token_urlsafe(12) for role in Role})
        kept.setdefault("units", {unit: secrets.token_urlsafe(18) for unit in unit_ids()})
        for port in ("camera_port", "broker_port"):
            kept[port] = preflight.free_port(HOST, kept.get(port))
        write_private(self.folder / KEPT_FILE, json.dumps(kept, indent=2))

    @property
    def accounts(self) -> list[Account]:
        """One for each role, named after it."""
        passwords = self.kept["passwords"]
        return [Account(str(role), passwords[role], role, AREAS.get(role, STREET)) for role in Role]

    @property
    def secrets(self) -> DemoSecrets:
        return DemoSecrets(
            camera_port=self.kept["camera_port"],
            camera_username=CAMERA_USERNAME,
            camera_password=self.kept["camera_password"],
            publish_token=self.kept["publish_token"],
            unit_secrets=self.kept["units"],
            broker_port=self.kept["broker_port"],
        )

    def show(self, url: str, *, cameras: list[str], pairing: dict[str, str]) -> None:
        """Write demo.json, from which a script can use the demo as a person would."""
        camera = f"rtsp://{CAMERA_USERNAME}:{self.kept['camera_password']}@{HOST}:{self.kept['camera_port']}"
        said = {
            "url": url,
            "users": [
                {"username": a.username, "password": a.password, "role": str(a.role), "area": a.area}
                for a in self.accounts
            ],
            "mqtt": {"host": HOST, "port": self.kept["broker_port"]},
            "cameras": [
                {"id": name, "url": publish_url(url) if name == PUSHED else f"{camera}/{name}"} for name in cameras
            ],
            "units": [{"id": unit, "secret": secret} for unit, secret in self.kept["units"].items()],
            "patrols": [{"id": patrol, "pairing_url": link} for patrol, link in pairing.items()],
        }
        write_private(self.folder / SHOWN_FILE, json.dumps(said, indent=2, ensure_ascii=False))


def publish_url(url: str) -> str:
    """Return where the camera that pushes publishes."""
    return f"{url}/api/v1/cameras/{PUSHED}/whip"


def shown_url(folder: Path) -> str | None:
    """Return the address that a demo in ``folder`` last showed."""
    try:
        return str(json.loads((folder / SHOWN_FILE).read_text("utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return None
