"""One camera of a file as far as it could be read: a wrong field must not hide what is wrong with the others."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError

from dashboard_api.schemas.cameras import CameraCreate

Place = tuple[int | str, ...]

STAND_INS: dict[str, Any] = {
    "id": "x",
    "name": "x",
    "source": {"scheme": "rtsp", "host": "192.0.2.1", "port": 554, "path": "/"},
}
"""For fields that must be there and cannot be read; nothing that is said of these is told."""
OF_SOURCE = ("source", "source.scheme")
DEPENDS = {"sub_path": OF_SOURCE, "min_retention_days": ("retention_days",)}


@dataclass(frozen=True, slots=True)
class Typed:
    """``errors`` are of the shape, by place; ``body`` has something that passes there; None: beyond that."""

    body: CameraCreate | None
    errors: tuple[tuple[Place, str], ...] = ()

    @classmethod
    def read(cls, said: Any, area: str) -> Self:
        """Return what ``said`` is; ``area`` is one that the asker may use."""
        try:
            return cls(CameraCreate.model_validate(said))
        except ValidationError as refused:
            errors = tuple((error["loc"], error["msg"]) for error in refused.errors(include_url=False))
        try:
            body = CameraCreate.model_validate(_mended(said, {place for place, _ in errors}, area))
        except ValidationError:
            body = None
        return cls(body, errors)

    def hides(self, field: str) -> bool:
        """Tell whether nothing can be said of ``field`` (dotted), since it or what it depends on cannot be read."""
        wrong = {".".join(str(part) for part in place) for place, _ in self.errors}
        needs = OF_SOURCE if field.startswith("source.") else DEPENDS.get(field, ())
        return not wrong.isdisjoint((field, *needs))


def _mended(said: Any, places: Iterable[Place], area: str) -> Any:
    if not isinstance(said, dict):
        return said
    stand_ins = {**STAND_INS, "area": area}
    source = said.get("source")
    mended = {**said, "source": dict(source)} if isinstance(source, dict) else dict(said)
    for place in sorted(places, key=len, reverse=True):  # the whole of a part after its fields
        inner: Any = mended
        instead: Any = stand_ins
        for key in place[:-1]:
            inner, instead = inner.get(str(key)), instead.get(str(key), {})
            if not isinstance(inner, dict):
                return said
        last = str(place[-1]) if place else ""
        if last in instead:
            inner[last] = instead[last]
        else:
            inner.pop(last, None)
    return mended
