"""Shapes of rehearsals: what a draft rule would have raised."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from dashboard_api.schemas.base import Answer, Request, Utc
from dashboard_api.schemas.rules import RuleInput


class RehearsalInput(Request):
    rule: RuleInput
    replaces: int | None = Field(default=None, description="The rule that stands now, to be compared with.")
    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime

    @property
    def since(self) -> datetime:
        return self.from_


class RehearsalProgress(Answer):
    share: float = Field(description="Of the range, from 0 to 1.")
    at: Utc
    footage_s: float
    speed: float = Field(description="So many times faster than it was recorded.")
    raised_draft: int
    raised_live: int


class RehearsedEvent(Answer):
    time: Utc
    label: str
    score: float
    box: tuple[float, float, float, float] = Field(description="Left, top, right, bottom in 0..1 of the picture.")
    direction: str | None
    both: bool = Field(description="The other rule raises it too.")
    picture: str | None = Field(description="A small JPEG, base64; of the first of each rule only.")


class RehearsedRule(Answer):
    total: int
    events: list[RehearsedEvent] = Field(description="The first 500.")


class RehearsalGap(Answer):
    from_: Utc = Field(alias="from", serialization_alias="from")
    to: Utc


class RehearsalOutcome(Answer):
    draft: RehearsedRule
    live: RehearsedRule | None
    both: int
    only_draft: int
    only_live: int
    footage_s: float
    gaps: list[RehearsalGap] = Field(description="Stretches of the range that were not recorded.")
    took_s: float
    speed: float
    why: str


class RehearsalItem(Answer):
    id: str
    camera_id: str
    state: Literal["waiting", "running", "done", "failed"]
    why: str = Field(description="Why it failed, or what is missing: no footage, a limit.")
    progress: RehearsalProgress | None
    outcome: RehearsalOutcome | None
