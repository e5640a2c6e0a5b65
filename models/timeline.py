"""What the timeline is made of besides events: recorded segments, and gaps that always have a cause."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.event import SourceKind


class GapCause(StrEnum):
    SOURCE_OFFLINE = "source_offline"
    INGEST_ERROR = "ingest_error"
    DISABLED_BY_USER = "disabled_by_user"
    RETENTION = "retention"
    DISK_FULL = "disk_full"
    OVERLOAD = "overload"
    NOT_STARTED = "not_started"
    UNKNOWN = "unknown"


def analytics_of(camera_id: str) -> str:
    """Return the source whose gaps say that a camera's pictures were not looked at; footage may be there."""
    return f"analytics:{camera_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch in which a source was not heard; ``ended_at`` is None while it lasts."""

    source_kind: SourceKind
    source_id: str
    area: str
    started_at: datetime
    ended_at: datetime | None
    cause: GapCause
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One recorded file of one camera; ``path`` is relative to the site's media folder."""

    camera_id: str
    started_at: datetime
    ended_at: datetime
    path: str
    size_bytes: int
    codec: str
