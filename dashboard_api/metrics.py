"""Prometheus metrics: what the database knows, rendered when asked. Few, and none with an unbounded label."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from models.camera import UP_STATES
from models.store import parts

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One family: its name, kind, help, and samples of (labels, value)."""

    name: str
    kind: str
    help: str
    samples: list[tuple[dict[str, str], float]]


def collect(conn: Connection[Any], now: datetime, *, version: str, viewers: int) -> list[Metric]:
    """Return all families as they stand."""
    links = conn.execute(
        "SELECT c.id, s.state, s.frames_total, s.frames_lost_total FROM camera c"
        " LEFT JOIN camera_state s ON s.camera_id = c.id WHERE c.retired_at IS NULL ORDER BY c.id"
    ).fetchall()
    up = {str(state) for state in UP_STATES}
    active = conn.execute(
        "SELECT priority, count(*) FROM incident WHERE state <> 'closed' GROUP BY priority"
    ).fetchall()
    units = conn.execute(
        "SELECT coalesce(s.conn, 'unknown'), count(*) FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id"
        " WHERE u.retired_at IS NULL GROUP BY 1"
    ).fetchall()
    listed = parts.listing(conn)
    canaries = {
        worker: said.get("latency_s")
        for part in listed
        if part.kind == "core"
        for worker, said in part.detail.get("canaries", {}).items()
    }
    analytics = {part.id: part.detail.get("analytics") or {} for part in listed if part.kind == "worker"}
    waiting = conn.execute("SELECT count(*) FROM triage_queue").fetchone()
    return [
        Metric("alertwall_build_info", "gauge", "1, with the version that runs.", [({"version": version}, 1)]),
        Metric(
            "alertwall_part_up",
            "gauge",
            "Whether a part of alertwall beats.",
            [
                ({"part": part.id}, float((now - part.heartbeat_at).total_seconds() < parts.LATE_AFTER_S))
                for part in listed
            ],
        ),
        Metric(
            "alertwall_camera_up",
            "gauge",
            "Whether a camera's pictures arrive.",
            [({"camera": id}, float(state in up)) for id, state, *_ in links],
        ),
        Metric(
            "alertwall_camera_frames_total",
            "counter",
            "Frames received since the camera's worker began.",
            [({"camera": id}, frames) for id, state, frames, _ in links if state is not None],
        ),
        Metric(
            "alertwall_camera_frames_dropped_total",
            "counter",
            "Frames that a newer one replaced before they were looked at.",
            [({"camera": id}, lost) for id, state, _, lost in links if state is not None],
        ),
        Metric(
            "alertwall_units",
            "gauge",
            "Registered alarm units by connection.",
            [({"conn": str(state)}, count) for state, count in units],
        ),
        Metric(
            "alertwall_alarms_active",
            "gauge",
            "Incidents that are not closed.",
            [({"priority": str(priority)}, count) for priority, count in active],
        ),
        Metric(
            "alertwall_triage_waiting",
            "gauge",
            "Events that have not been through triage yet.",
            [({}, waiting[0] if waiting else 0)],
        ),
        Metric(
            "alertwall_canary_latency_seconds",
            "gauge",
            "From a worker through its outbox, the database and the feed to core, measured to a second.",
            [({"worker": worker}, latency_s) for worker, latency_s in canaries.items() if latency_s is not None],
        ),
        Metric(
            "alertwall_analytics_overload_step",
            "gauge",
            "What analytics gives up: 0 nothing, 1 and 2 rate, 3 all but parts, 4 cameras without a rule in force.",
            [({"worker": worker}, said.get("overload", {}).get("step", 0)) for worker, said in analytics.items()],
        ),
        Metric(
            "alertwall_analytics_pictures_total",
            "counter",
            "Pictures offered to analytics, and those that were not looked at, by reason.",
            [
                ({"worker": worker, "outcome": outcome}, count)
                for worker, said in analytics.items()
                for outcome, count in said.get("pictures", {}).items()
            ],
        ),
        Metric("alertwall_feed_viewers", "gauge", "Open live feeds of this process.", [({}, viewers)]),
    ]


def render(families: Iterable[Metric]) -> str:
    """Return the families in Prometheus' text form."""
    lines: list[str] = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for labels, value in family.samples:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{family.name}{{{inside}}} {value:g}" if inside else f"{family.name} {value:g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
