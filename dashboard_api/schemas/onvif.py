"""Shapes of what ONVIF cameras say of themselves."""

from typing import Annotated

from pydantic import Field

from dashboard_api.schemas.base import Answer, Request, StableId, Utc
from dashboard_api.schemas.cameras import HOST_MAX_CHARS, Source

Host = Annotated[str, Field(min_length=1, max_length=HOST_MAX_CHARS)]


class DiscoverRequest(Request):
    hosts: list[Host] = Field(default_factory=list, max_length=32, description="Ask only these, not the whole network.")


class DiscoveredItem(Answer):
    name: str
    host: str
    port: int
    scopes: list[str]


class DiscoverAnswer(Answer):
    items: list[DiscoveredItem]
    outside: int = Field(description="How many answers came from outside the site's camera networks.")
    ignored: int = Field(description="How many answers could not be used.")


class OnvifRequest(Request):
    host: Host
    port: int = Field(default=80, ge=1, le=65535)
    username: str = Field(default="", max_length=255)
    password: str = Field(default="", max_length=1024)
    camera_id: StableId | None = Field(default=None, description="Use the password this camera already has.")


class OnvifProfile(Answer):
    token: str
    name: str
    codec: str | None
    width_px: int | None
    height_px: int | None
    fps: float | None
    gop_frames: int | None
    keyframe_interval_s: float | None
    source: Source | None = Field(description="Null when the camera gave no address that may be dialled.")


class OnvifAnswer(Answer):
    """What the camera says of itself, as far as it got, and why it got no further."""

    problem: str | None
    manufacturer: str
    model: str
    firmware: str
    clock_skew_s: float | None = Field(description="How far its clock is ahead of ours.")
    profiles: list[OnvifProfile]
    main: int | None = Field(description="Which of the profiles to record.")
    sub: int | None = Field(description="Which of the profiles to analyse, where one is on the main one's port.")
    snapshot: bool
    events: bool
    ptz: bool


class AcceptanceCheck(Answer):
    name: str
    ok: bool | None = Field(description="Null where nothing could be looked at.")
    found: str
    expected: str


class Acceptance(Answer):
    camera_id: str
    at: Utc
    passed: bool
    checks: list[AcceptanceCheck]


class PresetItem(Answer):
    token: str
    name: str


class PresetList(Answer):
    items: list[PresetItem]


class TurnRequest(Request):
    preset: str = Field(min_length=1, max_length=64, description="The token of one of its presets.")
