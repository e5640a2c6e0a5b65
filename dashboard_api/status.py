"""Which of alertwall's parts are up, as every wall shows it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from models.clock import Clock
from models.errors import StoreDown
from models.store import parts
from models.store.parts import Part
from models.store.pool import Store
from models.wire import instant

FORGOTTEN_AFTER = timedelta(hours=1)
"""A part that has been away for longer was taken out of the site."""
NEEDED = ("core", "worker", "api")
UNKNOWN_BROKER = {"kind": "unknown", "durable": False}


def state_of_parts(store: Store, clock: Clock) -> dict[str, Any]:
    """Return readiness, parts, broker and database; never raises because something is down."""
    now = clock.utc_now()
    try:
        with store.transaction() as conn:
            found = parts.listing(conn)
        engine: str | None = store.engine.name
    except StoreDown:
        return {
            "ready": False,
            "parts": [],
            "broker": UNKNOWN_BROKER,
            "database": {"up": False, "engine": None},
        }
    listed = [_item(part, now) for part in found if now - part.heartbeat_at < FORGOTTEN_AFTER]
    up = {part["kind"] for part in listed if part["state"] != "down"}
    return {
        "ready": all(kind in up for kind in NEEDED),
        "parts": listed,
        "broker": _broker(found),
        "database": {"up": True, "engine": engine},
    }


def _item(part: Part, now: datetime) -> dict[str, Any]:
    late = now - part.heartbeat_at > timedelta(seconds=parts.LATE_AFTER_S)
    state = "down" if late else "degraded" if part.state == "degraded" else "up"
    return {
        "id": part.id,
        "kind": part.kind,
        "state": state,
        "detail": part.detail,
        "heartbeat_at": instant(part.heartbeat_at),
    }


def _broker(found: Sequence[Part]) -> dict[str, Any]:
    for part in found:
        if part.kind == "broker" and "kind" in part.detail:
            return {"kind": str(part.detail["kind"]), "durable": bool(part.detail.get("durable"))}
    return UNKNOWN_BROKER
