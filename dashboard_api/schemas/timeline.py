"""Shape of the timeline."""

from typing import Literal

from pydantic import Field

from dashboard_api.schemas.base import Answer, Utc, Uuid
from models.event import EventKind
from models.timeline import GapCause


class Stretch(Answer):
    from_: Utc = Field(alias="from", serialization_alias="from")
    to: Utc


class GapStretch(Stretch):
    cause: GapCause
    detail: str


class TrackItem(Answer):
    time: Utc
    kind: EventKind
    priority: int
    label: str
    event_id: Uuid
    incident_id: int | None


class TimelineTrack(Answer):
    kind: Literal["camera", "unit"]
    id: str
    name: str
    recordings: list[Stretch]
    gaps: list[GapStretch]
    not_analysed: list[GapStretch] = Field(
        description="Pictures came and were not all looked at, as analytics was overloaded; footage may be there."
    )
    items: list[TrackItem]
    counts: list[int] = Field(description="Events in each bucket.")


class Timeline(Answer):
    from_: Utc = Field(alias="from", serialization_alias="from")
    to: Utc
    bucket_s: int
    tracks: list[TimelineTrack]
