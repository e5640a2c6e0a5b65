"""The cameras, alarm units and patrols that a site file names; they are registered at start."""

from typing import Any

from pydantic import Field, field_validator, model_validator

from configs.section import AreaPath, Latitude, Longitude, Name, Port, Secret, Section, StableId
from models.camera import RECORD_AROUND_MAX_S, Direction, RecordMode, Scheme, Transport

Point = tuple[float, float]

USUAL_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "file": 1}
PUBLISH_TOKEN_MIN_CHARS = 20
POLYGON_MIN_POINTS = 3
POLYGON_MAX_POINTS = 64
POLYGON_MIN_AREA = 1e-5
"""Of the picture; below it the points lie on one line."""


def _check_points(points: tuple[Point, ...]) -> None:
    for x, y in points:
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(f"needs points within 0..1 of the picture, has [{x:g}, {y:g}]")


def _area_of(points: tuple[Point, ...]) -> float:
    following = points[1:] + points[:1]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(points, following, strict=True))) / 2


class RuleConfig(Section):
    """What zones and tripwires share."""

    labels: tuple[str, ...] = Field(default=(), description="What counts: person, car, ...; empty: anything.")
    confirm_frames: int = Field(default=3, ge=1, le=100, description="Pictures in a row before it counts.")
    cool_down_s: float = Field(default=30, ge=0, le=86400, description="The same object raises nothing again before.")
    min_score: float = Field(default=0, ge=0, le=1, description="Least certainty of the detector.")
    enabled: bool = Field(default=True, description="Off: kept, but raises nothing.")


class ZoneConfig(RuleConfig):
    """A polygon in the picture; who enters it raises an intrusion."""

    polygon: tuple[Point, ...] = Field(description="Corners as [x, y] in 0..1 of the picture.")

    @field_validator("polygon")
    @classmethod
    def _polygon(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        if len(points) < POLYGON_MIN_POINTS:
            raise ValueError(f"needs {POLYGON_MIN_POINTS} points, has {len(points)}")
        if len(points) > POLYGON_MAX_POINTS:
            raise ValueError(f"needs at most {POLYGON_MAX_POINTS} points, has {len(points)}")
        _check_points(points)
        if _area_of(points) < POLYGON_MIN_AREA:
            raise ValueError("needs points that enclose an area, has points on one line")
        return points


class TripwireConfig(RuleConfig):
    """A line in the picture; who crosses it in the chosen direction raises a line crossing."""

    line: tuple[Point, ...] = Field(description="Two points as [x, y] in 0..1 of the picture.")
    direction: Direction = Field(default=Direction.BOTH, description="Looking from the first point to the second.")

    @field_validator("line")
    @classmethod
    def _line(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        if len(points) != 2:
            raise ValueError(f"needs 2 points, has {len(points)}")
        _check_points(points)
        if points[0] == points[1]:
            raise ValueError("needs 2 different points, has the same one twice")
        return points


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
    onvif_port: Port | None = Field(default=None, description="Port of its ONVIF service, where it has one.")
    onvif_events: bool = Field(default=False, description="On: what it detects itself becomes events.")
    zones: dict[str, ZoneConfig] = Field(default_factory=dict, description="By name.")
    tripwires: dict[str, TripwireConfig] = Field(default_factory=dict, description="By name.")

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

    @model_validator(mode="after")
    def _rule_names(self) -> "CameraConfig":
        if both := sorted(self.zones.keys() & self.tripwires.keys()):
            raise ValueError(f"tripwires: needs names that no zone has, has '{both[0]}'")
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
