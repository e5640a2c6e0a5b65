"""Shapes of what alertwall says of itself."""

from typing import Any, Literal

from pydantic import Field

from dashboard_api.schemas.base import Answer, Page, Utc


class PartItem(Answer):
    id: str
    kind: str
    state: Literal["up", "degraded", "down"]
    detail: dict[str, Any]
    heartbeat_at: Utc


class BrokerState(Answer):
    kind: str
    durable: bool


class DatabaseState(Answer):
    up: bool
    engine: str | None


class Ready(Answer):
    ready: bool
    parts: list[PartItem]
    broker: BrokerState
    database: DatabaseState


class Health(Answer):
    ok: bool


class Status(Ready):
    name: str
    version: str
    now: Utc
    timezone: str = Field(description="IANA name; schedules of rules are in it.")


class AuditItem(Answer):
    id: int
    at: Utc
    actor: str
    action: str
    object: str
    area: str
    detail: dict[str, Any]


class AuditList(Page[AuditItem]):
    pass


class QuarantineItem(Answer):
    id: int
    received_at: Utc
    topic: str
    payload: str
    reason: str
    unit_id: str | None


class QuarantineList(Page[QuarantineItem]):
    pass
