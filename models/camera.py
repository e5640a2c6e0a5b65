"""Cameras: where they stand, how they are reached, what their link is doing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scheme(StrEnum):
    """The only ways a camera is dialled; never a free string, never a command line."""

    RTSP = "rtsp"
    RTSPS = "rtsps"
    HTTP = "http"
    HTTPS = "https"
    WHEP = "whep"
    WHEPS = "wheps"
    WHIP = "whip"
    FILE = "file"


class Transport(StrEnum):
    TCP = "tcp"
    UDP = "udp"


class LinkState(StrEnum):
    """`facts`: one owner per camera walks these; each has a reason that is shown."""

    IDLE = "idle"
    CONNECTING = "connecting"
    PROBING = "probing"
    STREAMING = "streaming"
    DEGRADED = "degraded"
    BACKOFF = "backoff"
    AUTH_FAILED = "auth_failed"
    NOT_FOUND = "not_found"
    DISABLED = "disabled"


class RecordMode(StrEnum):
    """When a camera that is recorded is written to disk."""

    CONTINUOUS = "continuous"
    MOTION = "motion"
    EVENT = "event"


MASKS_MAX = 16
RECORD_AROUND_MAX_S = 60
"""The most seconds before and after a trigger: so much has to stay in memory."""
UP_STATES = frozenset({LinkState.STREAMING, LinkState.DEGRADED})


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSource:
    """One address of one camera. ``path`` starts with a slash and may carry a query."""

    scheme: Scheme
    host: str
    port: int
    path: str
    transport: Transport = Transport.TCP
    username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A registered camera. The password is not here: `models.store.secrets` keeps it encrypted."""

    id: str
    name: str
    area: str
    place: str = ""
    source: CameraSource
    sub_path: str | None = None
    lat: float | None = None
    lon: float | None = None
    enabled: bool = True
    record: bool = True
    retention_days: int = 30
    has_password: bool = False
    onvif_port: int | None = None
    onvif_events: bool = False
    record_mode: RecordMode = RecordMode.CONTINUOUS
    record_pre_s: int = 5
    record_post_s: int = 10
    min_retention_days: int = 1
    masks: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Polygons in 0..1 of the picture that are painted black before recording, analytics and viewers."""
    row_version: int = 1
    created_at: datetime | None = None
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraState:
    """What the worker that owns the camera last reported."""

    camera_id: str
    worker_id: str
    state: LinkState
    reason: str
    since: datetime
    updated_at: datetime
    last_frame_at: datetime | None = None
    fps: float | None = None
    bitrate_kbps: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    codec: str | None = None
    frames_total: int = 0
    frames_lost_total: int = 0
    recording: bool = False
