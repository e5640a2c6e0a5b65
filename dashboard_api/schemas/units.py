"""Shapes of alarm units."""

from pydantic import Field

from dashboard_api.schemas.base import (
    Answer,
    AreaPath,
    Latitude,
    Longitude,
    Name,
    Page,
    Place,
    Request,
    StableId,
    UnitId,
    Utc,
)
from models.unit import ArmState, ConnState


class UnitStateItem(Answer):
    """What the unit was last heard to be."""

    conn: ConnState
    arm: ArmState
    last_heard_at: Utc | None
    silent_since: Utc | None
    battery_percent: float | None
    mains: bool | None
    rssi_dbm: float | None
    skew_s: float | None
    points_open: list[int]


class UnitItem(Answer):
    id: str
    name: str
    area: str
    place: str
    lat: float | None
    lon: float | None
    heartbeat_s: int
    silence_limit_s: int
    enabled: bool
    cameras: list[str]
    row_version: int
    state: UnitStateItem | None


class UnitList(Page[UnitItem]):
    pass


class UnitCreate(Request):
    id: UnitId
    name: Name
    area: AreaPath
    place: Place = ""
    lat: Latitude | None = None
    lon: Longitude | None = None
    heartbeat_s: int = Field(default=60, ge=1, le=86400)
    silence_limit_s: int | None = Field(default=None, ge=1, le=864000, description="none: two and a half heartbeats.")
    enabled: bool = True
    cameras: list[StableId] = Field(default_factory=list, max_length=32)


class UnitChange(Request):
    """What is not named stays as it is; null for ``lat`` and ``lon`` clears them."""

    name: Name | None = None
    area: AreaPath | None = None
    place: Place | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    heartbeat_s: int | None = Field(default=None, ge=1, le=86400)
    silence_limit_s: int | None = Field(default=None, ge=1, le=864000)
    enabled: bool | None = None
    cameras: list[StableId] | None = Field(default=None, max_length=32)


class MqttAddress(Answer):
    host: str
    port: int
    username: str


class UnitSecret(Answer):
    """How a unit signs in to the broker; the secret is shown this once."""

    unit: UnitItem
    secret: str
    mqtt: MqttAddress
