"""From what an engineer typed to a camera's record; every field that cannot be is refused by its name."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dashboard_api.schemas.cameras import CameraChange, CameraCreate, SourceInput
from ingest.address import check_credential, check_source, source_problems
from models.camera import Camera, CameraSource
from models.errors import BadInput
from models.rule_check import check_masks

PLAIN_FIELDS = (
    *("name", "area", "place", "enabled", "onvif_events"),
    *("record", "record_mode", "record_pre_s", "record_post_s", "retention_days", "min_retention_days"),
)
CLEARABLE_FIELDS = ("sub_path", "lat", "lon", "onvif_port")


def source_of(typed: SourceInput, *, sub_path: str | None = None, prefix: str = "source.") -> CameraSource:
    """Return the checked address; `BadInput` names the field as the request calls it."""
    source = _as_typed(typed)
    _check(source, sub_path, prefix)
    return source


def problems_of(body: CameraCreate) -> Iterator[BadInput]:
    """Yield all that is wrong with ``body`` beyond its shape, field by field; a camera needs that there is nothing."""
    for problem in source_problems(_as_typed(body.source), sub_path=body.sub_path):
        yield _as_asked(problem, "source.")
    for check in (
        lambda: check_password(body.password),
        lambda: _check_retention(body.min_retention_days, body.retention_days),
    ):
        try:
            check()
        except BadInput as problem:
            yield problem


def check_password(password: str) -> str:
    """Return ``password`` when a camera could be sent it."""
    check_credential(password, field="password")
    return password


def new_camera(body: CameraCreate) -> Camera:
    """Return the camera to register."""
    camera = Camera(
        id=body.id,
        name=body.name,
        area=body.area,
        place=body.place,
        source=source_of(body.source, sub_path=body.sub_path),
        sub_path=body.sub_path,
        lat=body.lat,
        lon=body.lon,
        enabled=body.enabled,
        record=body.record,
        retention_days=body.retention_days,
        onvif_port=body.onvif_port,
        onvif_events=body.onvif_events,
        record_mode=body.record_mode,
        record_pre_s=body.record_pre_s,
        record_post_s=body.record_post_s,
        min_retention_days=body.min_retention_days,
        masks=_masks(body.masks),
        has_password=bool(body.password),
    )
    _check_retention(camera.min_retention_days, camera.retention_days)
    return camera


def changed_camera(camera: Camera, body: CameraChange) -> Camera:
    """Return ``camera`` with what ``body`` names."""
    said = body.model_fields_set
    changes: dict[str, Any] = {name: value for name in PLAIN_FIELDS if (value := getattr(body, name)) is not None}
    changes |= {name: getattr(body, name) for name in CLEARABLE_FIELDS if name in said}
    if body.masks is not None:
        changes["masks"] = _masks(body.masks)
    changed = replace(camera, **changes)
    if body.source is not None:
        changed = replace(changed, source=source_of(body.source, sub_path=changed.sub_path))
    else:
        _check(changed.source, changed.sub_path, "source.")
    _check_retention(changed.min_retention_days, changed.retention_days)
    return changed


def _masks(drawn: list[list[tuple[float, float]]]) -> tuple[tuple[tuple[float, float], ...], ...]:
    masks = tuple(tuple((x, y) for x, y in polygon) for polygon in drawn)
    check_masks(masks)
    return masks


def _as_typed(typed: SourceInput) -> CameraSource:
    return CameraSource(
        scheme=typed.scheme,
        host=typed.host,
        port=typed.port,
        path=typed.path,
        transport=typed.transport,
        username=typed.username,
    )


def _check_retention(min_days: int, days: int) -> None:
    if min_days > days:
        raise BadInput("min_retention_days", f"at most retention_days ({days})")


def _check(source: CameraSource, sub_path: str | None, prefix: str) -> None:
    try:
        check_source(source, sub_path=sub_path)
    except BadInput as refused:
        raise _as_asked(refused, prefix) from None


def _as_asked(problem: BadInput, prefix: str) -> BadInput:
    """Return ``problem`` with its field as the request calls it."""
    return problem if problem.field == "sub_path" else BadInput(prefix + problem.field, problem.expected)
