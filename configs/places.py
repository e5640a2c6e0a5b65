"""The cameras, alarm units and patrols that a site file names; they are registered at start."""

from dataclasses import replace
from typing import Any

from pydantic import Field, field_validator, model_validator

from configs.section import AreaPath, Latitude, Longitude, Name, Port, Secret, Section, StableId
from models.camera import RECORD_AROUND_MAX_S, RecordMode, Scheme, Transport
from models.errors import BadInput
from models.rule import Direction, Rule, RuleKind, Window
from models.rule_check import check_masks, check_rule

Point = tuple[float, float]

USUAL_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "file": 1}
PUBLISH_TOKEN_MIN_CHARS = 20


class WindowConfig(Section):
    """When a rule is in force, in the site's time; an end that is not after the start is on the next day."""

    days: tuple[str, ...] = Field(description="mon, tue, ... sun, and holiday.")
    start: str = Field(description="HH:MM, sunrise or sunset, also sunset-00:30.")
    end: str = Field(description="The same.")


class RuleConfig(Section):
    """What zones and tripwires share."""

    labels: tuple[str, ...] = Field(default=(), description="What counts: person, car, ...; empty: anything.")
    confirm_frames: int = Field(default=3, ge=1, le=100, description="Pictures in a row before it counts.")
    cool_down_s: float = Field(default=30, ge=0, le=86400, description="The same object raises nothing again before.")
    min_score: float = Field(default=0, ge=0, le=1, description="Least certainty of the detector.")
    enabled: bool = Field(default=True, description="Off: kept, but raises nothing.")
    schedule: tuple[WindowConfig, ...] = Field(default=(), description="When it is in force; empty: always.")

    def _rule(self, camera_id: str, name: str, kind: RuleKind, points: tuple[Point, ...]) -> Rule:
        return Rule(
            id=0,
            version=1,
            camera_id=camera_id,
            name=name,
            kind=kind,
            points=points,
            labels=self.labels,
            confirm_frames=self.confirm_frames,
            cool_down_s=self.cool_down_s,
            min_score=self.min_score,
            enabled=self.enabled,
            schedule=tuple(Window(days=one.days, start=one.start, end=one.end) for one in self.schedule),
        )


class ZoneConfig(RuleConfig):
    """A polygon in the picture; who enters it raises an intrusion."""

    polygon: tuple[Point, ...] = Field(description="Corners as [x, y] in 0..1 of the picture.")

    @model_validator(mode="after")
    def _drawn(self) -> "ZoneConfig":
        _check(self.rule("", ""), points="polygon")
        return self

    def rule(self, camera_id: str, name: str) -> Rule:
        """Return it as a rule."""
        return self._rule(camera_id, name, RuleKind.INTRUSION, self.polygon)


class TripwireConfig(RuleConfig):
    """A line in the picture; who crosses it in the chosen direction raises a line crossing."""

    line: tuple[Point, ...] = Field(description="Two points as [x, y] in 0..1 of the picture.")
    direction: Direction = Field(default=Direction.BOTH, description="Looking from the first point to the second.")

    @model_validator(mode="after")
    def _drawn(self) -> "TripwireConfig":
        _check(self.rule("", ""), points="line")
        return self

    def rule(self, camera_id: str, name: str) -> Rule:
        """Return it as a rule."""
        return replace(self._rule(camera_id, name, RuleKind.LINE_CROSSING, self.line), direction=self.direction)


class AnyRuleConfig(RuleConfig):
    """A rule of any kind; what each takes stands in models/rule.py and at /api/v1/rule-kinds."""

    kind: RuleKind = Field(description="intrusion, line_crossing, loitering, wrong_way, speed, crowd, ...")
    points: tuple[Point, ...] = Field(default=(), description="As the kind asks: polygon, line, four corners, none.")
    direction: Direction = Field(default=Direction.BOTH, description="Of a line crossing.")
    params: dict[str, float] = Field(default_factory=dict, description="What differs from the kind's defaults.")

    @model_validator(mode="after")
    def _drawn(self) -> "AnyRuleConfig":
        _check(self.rule("", ""), points="points")
        return self

    def rule(self, camera_id: str, name: str) -> Rule:
        """Return it as a rule."""
        drawn = self._rule(camera_id, name, self.kind, self.points)
        return replace(drawn, direction=self.direction, params=dict(self.params))


def _check(rule: Rule, *, points: str) -> None:
    try:
        check_rule(rule)
    except BadInput as refused:
        key = points if refused.field == "points" else refused.field
        raise ValueError(f"{key}: needs {refused.expected}") from refused


class CameraConfig(Section):
    """One camera. Its address is given in parts, never as a free string."""

    name: Name = Field(description="What people read.")
    area: AreaPath = Field(description="Where it belongs; decides who sees it.")
    place: str = Field(default="", max_length=200, description="In words: gate 3, north side.")
    scheme: Scheme = Field(default=Scheme.RTSP, description="rtsp, rtsps, http, https, whep, wheps, whip, file.")
    host: str = Field(default="", max_length=253, description="Name or address; none for whip.")
    port: Port = Field(default=554, description="Its port; without it: the usual one of the scheme.")
    path: str = Field(default="/", max_length=1024, description="Path and query of the main stream; recorded.")
    sub_path: str | None = Field(default=None, max_length=1024, description="Path of a smaller stream; analysed.")
    transport: Transport = Field(default=Transport.TCP, description="tcp or udp.")
    username: str = Field(default="", max_length=255, description="Empty: no sign-in.")
    password: Secret = Field(default="", description="Kept encrypted once it is registered.")
    publish_token: Secret = Field(
        default="", description="What a camera of scheme whip shows when it pushes; only its hash is stored."
    )
    lat: Latitude | None = Field(default=None, description="Degrees north.")
    lon: Longitude | None = Field(default=None, description="Degrees east.")
    enabled: bool = Field(default=True, description="Off: not dialled.")
    record: bool = Field(default=True, description="Off: watched and analysed, never written.")
    record_mode: RecordMode = Field(default=RecordMode.CONTINUOUS, description="continuous, motion or event.")
    record_pre_s: int = Field(default=5, ge=0, le=RECORD_AROUND_MAX_S, description="Kept from before a trigger.")
    record_post_s: int = Field(default=10, ge=0, le=RECORD_AROUND_MAX_S, description="Kept after the last trigger.")
    retention_days: int = Field(default=30, ge=1, le=3650, description="Its recordings are kept so long.")
    min_retention_days: int = Field(
        default=1, ge=0, le=3650, description="On a full disk, what belongs to no event may go after so long."
    )
    masks: tuple[tuple[Point, ...], ...] = Field(
        default=(), description="Polygons that are painted black before recording, analytics and viewers."
    )
    onvif_port: Port | None = Field(default=None, description="Port of its ONVIF service, where it has one.")
    onvif_events: bool = Field(default=False, description="On: what it detects itself becomes events.")
    zones: dict[str, ZoneConfig] = Field(default_factory=dict, description="By name.")
    tripwires: dict[str, TripwireConfig] = Field(default_factory=dict, description="By name.")
    rules: dict[str, AnyRuleConfig] = Field(default_factory=dict, description="By name; of every kind.")

    @model_validator(mode="before")
    @classmethod
    def _usual_port(cls, said: Any) -> Any:
        if isinstance(said, dict) and "port" not in said and said.get("scheme") in USUAL_PORTS:
            said = {"port": USUAL_PORTS[said["scheme"]], **said}
        return said

    @field_validator("path", "sub_path")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError(f"needs a path that starts with /, has '{value}'")
        return value

    @field_validator("host", "path", "sub_path", "username", "password")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
            raise ValueError("needs one line without control characters")
        return value

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        if value.startswith("-") or any(char in value for char in "/@?# \\"):
            raise ValueError(f"needs a host name or address alone, has '{value}'")
        return value

    @model_validator(mode="after")
    def _reached(self) -> "CameraConfig":
        if self.scheme is Scheme.WHIP:
            if self.model_fields_set & {"host", "port", "path", "sub_path", "username", "password"}:
                raise ValueError("scheme: needs no host, port, path or password when it is whip: nobody dials it")
        elif not self.host:
            raise ValueError("host: needs a name or an address")
        if self.publish_token and len(self.publish_token) < PUBLISH_TOKEN_MIN_CHARS:
            raise ValueError(f"publish_token: needs at least {PUBLISH_TOKEN_MIN_CHARS} characters")
        return self

    @model_validator(mode="after")
    def _kept(self) -> "CameraConfig":
        if self.min_retention_days > self.retention_days:
            raise ValueError(f"min_retention_days: needs at most retention_days ({self.retention_days})")
        return self

    @field_validator("masks")
    @classmethod
    def _drawn(cls, masks: tuple[tuple[Point, ...], ...]) -> tuple[tuple[Point, ...], ...]:
        try:
            check_masks(masks)
        except BadInput as refused:
            raise ValueError(f"{refused.field}: needs {refused.expected}") from refused
        return masks

    @model_validator(mode="after")
    def _rule_names(self) -> "CameraConfig":
        if both := sorted(self.zones.keys() & self.tripwires.keys()):
            raise ValueError(f"tripwires: needs names that no zone has, has '{both[0]}'")
        if both := sorted(self.rules.keys() & (self.zones.keys() | self.tripwires.keys())):
            raise ValueError(f"rules: needs names that no zone and no tripwire has, has '{both[0]}'")
        return self


class UnitConfig(Section):
    """One home alarm unit."""

    name: Name = Field(description="What people read.")
    area: AreaPath = Field(description="Where it belongs; decides who sees it.")
    place: str = Field(default="", max_length=200, description="In words: building 7, flat 302.")
    lat: Latitude | None = Field(default=None, description="Degrees north.")
    lon: Longitude | None = Field(default=None, description="Degrees east.")
    heartbeat_s: int = Field(default=60, ge=1, le=86400, description="It promises a sign of life so often.")
    silence_limit_s: int = Field(default=150, ge=1, le=86400, description="Without one for so long it is silent.")
    enabled: bool = Field(default=True, description="Off: its messages are refused.")
    cameras: tuple[StableId, ...] = Field(default=(), description="Cameras that show its place.")
    secret: Secret = Field(min_length=12, description="What the unit signs in with; only its hash is stored.")

    @model_validator(mode="after")
    def _patience(self) -> "UnitConfig":
        if self.silence_limit_s < self.heartbeat_s:
            raise ValueError(f"silence_limit_s: needs at least heartbeat_s ({self.heartbeat_s})")
        return self


class PatrolConfig(Section):
    """One patrol; its phone is paired from the wall."""

    name: Name = Field(description="What people read.")
    area: AreaPath = Field(description="Where it belongs; decides who sees it.")
    lat: Latitude | None = Field(default=None, description="Where it starts, degrees north.")
    lon: Longitude | None = Field(default=None, description="Degrees east.")
