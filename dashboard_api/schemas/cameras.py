"""Shapes of areas, cameras and rules."""

from typing import Annotated

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
    Utc,
)
from models.camera import MASKS_MAX, RECORD_AROUND_MAX_S, LinkState, RecordMode, Scheme, Transport
from models.rule_check import POLYGON_MAX_POINTS

HOST_MAX_CHARS = 253
PATH_MAX_CHARS = 1024
Unit = Annotated[float, Field(ge=0, le=1)]
MaskInput = Annotated[list[tuple[Unit, Unit]], Field(max_length=POLYGON_MAX_POINTS)]
"""A polygon in 0..1 of the picture."""
"""A coordinate in the picture: 0 is left or top, 1 right or bottom."""


class AreaItem(Answer):
    path: str
    name: str


class AreaList(Page[AreaItem]):
    pass


class AreaCreate(Request):
    path: AreaPath
    name: Name


class Source(Answer):
    """How a camera is reached."""

    scheme: Scheme
    host: str
    port: int
    path: str
    transport: Transport
    username: str


class CameraStateItem(Answer):
    """What its link last reported."""

    state: LinkState
    reason: str
    since: Utc
    last_frame_at: Utc | None
    fps: float | None
    width_px: int | None
    height_px: int | None
    codec: str | None
    frames_total: int
    frames_lost_total: int
    recording: bool


class CameraItem(Answer):
    id: str
    name: str
    area: str
    place: str
    source: Source | None = Field(description="Only engineers and admins see it.")
    sub_path: str | None
    lat: float | None
    lon: float | None
    enabled: bool
    record: bool
    record_mode: RecordMode
    record_pre_s: int
    record_post_s: int
    retention_days: int
    min_retention_days: int
    masks: list[list[tuple[float, float]]]
    has_password: bool
    onvif_port: int | None = Field(description="Where its ONVIF service is; only engineers and admins see it.")
    has_onvif: bool
    onvif_events: bool = Field(description="Whether what the camera itself detects becomes events.")
    row_version: int
    state: CameraStateItem | None


class CameraList(Page[CameraItem]):
    pass


class SourceInput(Request):
    """A typed address; never a free string. What each field may hold is checked before anything is dialled."""

    scheme: Scheme
    host: str = Field(max_length=HOST_MAX_CHARS, description="Empty for whip: such a camera is not dialled.")
    port: int = Field(ge=0, le=65535, description="0 for whip.")
    path: str = Field(min_length=1, max_length=PATH_MAX_CHARS)
    transport: Transport = Transport.TCP
    username: str = Field(default="", max_length=255)


class CameraCreate(Request):
    id: StableId
    name: Name
    area: AreaPath
    place: Place = ""
    source: SourceInput
    sub_path: str | None = Field(default=None, min_length=1, max_length=PATH_MAX_CHARS)
    lat: Latitude | None = None
    lon: Longitude | None = None
    enabled: bool = True
    record: bool = True
    record_mode: RecordMode = RecordMode.CONTINUOUS
    record_pre_s: int = Field(default=5, ge=0, le=RECORD_AROUND_MAX_S)
    record_post_s: int = Field(default=10, ge=0, le=RECORD_AROUND_MAX_S)
    retention_days: int = Field(default=30, ge=1, le=3650)
    min_retention_days: int = Field(default=1, ge=0, le=3650, description="At most retention_days.")
    masks: list[MaskInput] = Field(
        default_factory=list, max_length=MASKS_MAX, description="Painted black before recording, analytics and viewers."
    )
    onvif_port: int | None = Field(default=None, ge=1, le=65535)
    onvif_events: bool = False
    password: str = Field(default="", max_length=1024, description="Never shown again.")


class CameraChange(Request):
    """What is not named stays as it is; null for ``sub_path``, ``lat``, ``lon``, ``onvif_port`` clears them."""

    name: Name | None = None
    area: AreaPath | None = None
    place: Place | None = None
    source: SourceInput | None = None
    sub_path: str | None = Field(default=None, min_length=1, max_length=PATH_MAX_CHARS)
    lat: Latitude | None = None
    lon: Longitude | None = None
    enabled: bool | None = None
    record: bool | None = None
    record_mode: RecordMode | None = None
    record_pre_s: int | None = Field(default=None, ge=0, le=RECORD_AROUND_MAX_S)
    record_post_s: int | None = Field(default=None, ge=0, le=RECORD_AROUND_MAX_S)
    retention_days: int | None = Field(default=None, ge=1, le=3650)
    min_retention_days: int | None = Field(default=None, ge=0, le=3650, description="At most retention_days.")
    masks: list[MaskInput] | None = Field(default=None, max_length=MASKS_MAX, description="All of them; [] for none.")
    onvif_port: int | None = Field(default=None, ge=1, le=65535)
    onvif_events: bool | None = None
    password: str | None = Field(default=None, max_length=1024, description="Empty removes it.")


class PublishToken(Answer):
    """What a publisher needs: where, and the token, which is shown this once."""

    url: str
    token: str


class ProbeRequest(SourceInput):
    password: str = Field(default="", max_length=1024)
    camera_id: StableId | None = Field(default=None, description="Use the password this camera already has.")


class ProbeAnswer(Answer):
    """What the camera showed, or why it showed nothing."""

    ok: bool
    problem: str | None = None
    codec: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    keyframe_interval_s: float | None = None
    snapshot_b64: str | None = Field(default=None, description="A JPEG.")
    open_s: float | None = None
