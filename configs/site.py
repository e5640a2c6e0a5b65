"""A whole site: what one `site.toml` may say, and what follows from it."""

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator

from configs import demo_site, refusals
from configs.demo_site import DemoSecrets
from configs.parts import (
    BROKER_PORTS,
    AlarmsConfig,
    AnalyticsConfig,
    ApiConfig,
    BrokerConfig,
    BrokerLink,
    DatabaseConfig,
    IngestConfig,
    RetentionConfig,
)
from configs.places import CameraConfig, PatrolConfig, UnitConfig
from configs.section import AreaPath, FilePath, Name, Section, StableId, UnitId
from models.area import any_covers
from models.errors import ConfigError, NotReady

RUNTIME_FILE = "runtime.json"
"""Written by `alertwall run` below the state folder: where the embedded parts were started."""
TOKEN_FILE = "internal.token"  # noqa: S105  (a file's name)


class Site(Section):
    """Everything that one site says. Read-only."""

    name: Name = Field(default="alertwall", description="Shown on the wall.")
    state_dir: FilePath = Field(description="All that must outlive a restart, the embedded database included.")
    media_dir: FilePath = Field(description="Recordings and snapshots; default: media in the state folder.")
    secret_key_file: FilePath = Field(description="Encrypts camera passwords; default: secret.key in the state folder.")
    timezone: str = Field(default="UTC", description="IANA name, as Asia/Shanghai: schedules of rules are in it.")
    holidays: tuple[date, ...] = Field(default=(), description="Days on which windows of holiday hold.")
    workers: int = Field(default=1, ge=1, le=256, description="Processes that hold cameras.")
    database: DatabaseConfig = Field(default_factory=DatabaseConfig)
    broker: BrokerConfig = Field(default_factory=BrokerConfig)
    api: ApiConfig = Field(default_factory=ApiConfig)
    ingest: IngestConfig = Field(default_factory=IngestConfig)
    analytics: AnalyticsConfig = Field(default_factory=AnalyticsConfig)
    alarms: AlarmsConfig = Field(default_factory=AlarmsConfig)
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    areas: dict[AreaPath, Name] = Field(default_factory=dict, description="Path and name of each area.")
    cameras: dict[StableId, CameraConfig] = Field(default_factory=dict, description="By id; registered at start.")
    units: dict[UnitId, UnitConfig] = Field(default_factory=dict, description="By id; registered at start.")
    patrols: dict[StableId, PatrolConfig] = Field(default_factory=dict, description="By id; registered at start.")

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as unknown:
            raise ValueError(f"needs a name such as Asia/Shanghai or UTC, has '{value}'") from unknown
        return value

    @model_validator(mode="before")
    @classmethod
    def _below_state_dir(cls, said: Any) -> Any:
        if isinstance(said, dict):
            folder = said.get("state_dir")
            state_dir = Path(folder) if isinstance(folder, str | Path) else Path()
            said = {"media_dir": state_dir / "media", "secret_key_file": state_dir / "secret.key", **said}
        return said

    @model_validator(mode="after")
    def _references(self) -> Self:
        for kind, placed in (("cameras", self.cameras), ("units", self.units), ("patrols", self.patrols)):
            for named, thing in placed.items():
                if not any_covers(self.areas, thing.area):
                    raise refusals.at((kind, named, "area"), f"needs one of [areas] or inside one, has '{thing.area}'")
        for named, unit in self.units.items():
            for index, camera in enumerate(unit.cameras):
                if camera not in self.cameras:
                    expected = f"needs an id of [cameras], has '{camera}'{refusals.nearest(camera, self.cameras)}"
                    raise refusals.at(("units", named, "cameras", index), expected)
        return self

    @property
    def weights_dir(self) -> Path:
        """Folder of detector weights."""
        return self.analytics.weights_dir or self.state_dir / "weights"

    @property
    def internal_token(self) -> str:
        """What alertwall's own processes show each other; `NotReady` before the first start made it."""
        try:
            return (self.state_dir / TOKEN_FILE).read_text("ascii").strip()
        except FileNotFoundError as absent:
            raise NotReady(f"{self.state_dir / TOKEN_FILE} is not there yet: `alertwall run` makes it") from absent

    @property
    def dsn(self) -> str:
        """The named database, or the embedded one; `NotReady` while none was ever started."""
        return self.database.dsn or str(self._runtime("dsn"))

    @property
    def broker_link(self) -> BrokerLink:
        """The named broker, or the embedded one; `NotReady` while none was ever started."""
        if self.broker.url is None:
            return BrokerLink.model_validate({**self._runtime("broker"), "embedded": True})
        parts = urlsplit(self.broker.url)
        return BrokerLink(
            host=parts.hostname or "",
            port=parts.port or BROKER_PORTS[parts.scheme],
            username=self.broker.username,
            password=self.broker.password,
            tls=parts.scheme == "mqtts",
            tls_ca=self.broker.tls_ca,
        )

    def _runtime(self, key: str) -> Any:
        path = self.state_dir / RUNTIME_FILE
        try:
            return json.loads(path.read_text("utf-8"))[key]
        except (FileNotFoundError, KeyError) as absent:
            raise NotReady(
                f"no embedded {'database' if key == 'dsn' else key} was started for {self.state_dir} yet:"
                " start `alertwall run`, or name a server in the site file"
            ) from absent


def parse(said: dict[str, Any], *, folder: Path, source: str = "site.toml") -> Site:
    """Check what a site file says; relative paths in it are meant from ``folder``."""
    try:
        return Site.model_validate(said, context={"folder": folder})
    except ValidationError as refused:
        raise refusals.translate(refused, Site, source=source) from None


def load(path: Path) -> Site:
    """Read a site file (TOML, or JSON by its name's end); `ConfigError` names the key and what was expected there."""
    try:
        text = path.read_text("utf-8")
    except OSError as unreadable:
        raise ConfigError("(file)", f"cannot be read: {unreadable.strerror or unreadable}", source=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("(file)", "needs UTF-8 text", source=str(path)) from None
    try:
        said = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as broken:
        wanted = "JSON" if path.suffix == ".json" else "TOML"
        raise ConfigError("(file)", f"is not {wanted}: {broken}", source=path.name) from None
    return parse(said, folder=path.absolute().parent, source=path.name)


def demo(state_dir: Path, secrets: DemoSecrets, *, api_port: int = 8780, detector: str = "nanodet") -> Site:
    """Return the demo's site: two cameras, twenty alarm units and two patrols of one street, loopback only."""
    said = demo_site.said(state_dir, secrets, api_port=api_port, detector=detector)
    return parse(said, folder=state_dir, source="demo")
