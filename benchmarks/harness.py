"""How every benchmark reports: one JSON object a line with ``--json``, a table for people without."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Better = Literal["less", "more"]


@dataclass
class Report:
    """Figures of one benchmark. ``limit`` is the physical or a peer's figure of the same run."""

    bench: str
    as_json: bool = field(default_factory=lambda: "--json" in sys.argv)
    failed: int = 0

    def add(
        self,
        metric: str,
        value: float | None,
        unit: str,
        *,
        goal: float | None = None,
        limit: float | None = None,
        better: Better = "less",
        scale: str = "",
        note: str = "",
    ) -> None:
        """Print one figure.

        ``scale`` says at which size it was taken; ``value`` None that it could not be (and the note says why).
        """
        holds: bool | None = None
        if goal is not None and value is not None:
            holds = value <= goal if better == "less" else value >= goal
            self.failed += not holds
        ratio = value / limit if value is not None and limit else None
        row: dict[str, Any] = {
            "bench": self.bench,
            "metric": metric,
            "value": _rounded(value),
            "unit": unit,
            "goal": goal,
            "limit": _rounded(limit),
            "ratio": _rounded(ratio),
            "holds": holds,
        }
        row.update({key: text for key, text in (("scale", scale), ("note", note)) if text})
        print(json.dumps(row) if self.as_json else _line(row), flush=True)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _line(row: dict[str, Any]) -> str:
    mark = {True: "ok   ", False: "SHORT", None: "     "}[row["holds"]]
    texts = {key: "-" if row[key] is None else f"{row[key]:g}" for key in ("value", "goal", "limit", "ratio")}
    line = (
        f"{mark} {row['bench']:<14} {row['metric']:<44} {texts['value']:>10} {row['unit']:<10}"
        f" goal {texts['goal']:>8}  limit {texts['limit']:>9}  ratio {texts['ratio']:>7}"
    )
    return "  ".join([line, *(row[key] for key in ("scale", "note") if key in row)])


@contextmanager
def folder() -> Iterator[str]:
    """A folder that is gone afterwards, whoever owns what is in it."""
    made = tempfile.mkdtemp(prefix="aw-bench-")
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
