"""Many cameras registered at once: all of a file or nothing of it."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.exceptions import RequestValidationError
from psycopg import Connection
from pydantic import ValidationError

from dashboard_api import bulk_csv, lanes
from dashboard_api import policy as who
from dashboard_api.bulk_csv import Row
from dashboard_api.bulk_row import Typed
from dashboard_api.context import Context, Here
from dashboard_api.gate import require_area
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.bulk import ROWS_MAX, BulkAnswer, BulkItems
from dashboard_api.schemas.cameras import CameraCreate
from dashboard_api.sources import new_camera, problems_of
from models.camera import Camera
from models.errors import BadInput, NotFound
from models.store import audit, cameras
from models.user import Login

routes = router("cameras")

CSV = "text/csv"
ERRORS_MAX = 1000
TAKEN = "there is, or was, another camera of this id"
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            CSV: {"schema": {"type": "string"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["items"],
                    "additionalProperties": False,
                    "properties": {
                        "items": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": ROWS_MAX,
                            "items": {"$ref": "#/components/schemas/CameraCreate"},
                        }
                    },
                }
            },
        },
    }
}
TEMPLATE: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {}}, "description": "A header and an example"}}


@routes.get("/cameras/bulk/template.csv", response_class=Response, responses=TEMPLATE)
@policy(who.ENGINEERS, noun="cameras")
def bulk_template(access: Allowed) -> Response:
    """Return a CSV file to fill in: the columns of a camera and one example line."""
    headers = {"Content-Disposition": 'attachment; filename="cameras.csv"'}
    return Response(bulk_csv.template(access.login.areas[0]), media_type=f"{CSV}; charset=utf-8", headers=headers)


@routes.post("/cameras/bulk", response_model=BulkAnswer, openapi_extra=BODY)
@policy(who.ENGINEERS, noun="cameras")
async def bulk_cameras(
    here: Here,
    request: Request,
    access: Allowed,
    dry_run: Annotated[bool, Query(description="Look at every row, write nothing.")] = True,
) -> dict[str, Any]:
    """Register up to 1,000 cameras from CSV or JSON: all of them, or none when any row is wrong."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return await lanes.BULK.run(_bulk, here, access, await request.body(), kind == CSV, dry_run)


def _bulk(here: Context, access: Access, body: bytes, is_csv: bool, dry_run: bool) -> dict[str, Any]:
    rows = bulk_csv.read(body) if is_csv else _of_json(body)
    file = _File(access.login, flat=is_csv)
    for row in rows:
        file.take(row)
    with here.store.transaction() as conn:
        fresh = file.fresh(conn, here)
        if not (file.errors or dry_run):
            _register(conn, here, access, fresh)
    return {
        "dry_run": dry_run,
        "total": len(rows),
        "created": 0 if file.errors else len(fresh),
        "unchanged": file.unchanged,
        "errors": file.errors[:ERRORS_MAX],
    }


def _of_json(body: bytes) -> list[Row]:
    try:
        items = BulkItems.model_validate_json(body).items
    except ValidationError as refused:
        found = [{**error, "loc": ("body", *error["loc"])} for error in refused.errors(include_url=False)]
        if found[0]["type"] == "json_invalid":
            raise BadInput("body", "JSON in UTF-8, of sensible depth and numbers") from None
        raise RequestValidationError(found) from None
    return [Row(number, item) for number, item in enumerate(items, 1)]


def _register(conn: Connection[Any], here: Context, access: Access, fresh: Iterable[CameraCreate]) -> None:
    entries = []
    for body in sorted(fresh, key=lambda one: one.id):  # in one order: two files at once never wait for each other
        camera = cameras.create(conn, new_camera(body), cameras.seal(here.box, body.id, body.password))
        entries.append(
            audit.Entry(
                actor=access.login.username,
                action="camera.create",
                object=f"camera:{camera.id}",
                area=camera.area,
                detail=body.model_dump(mode="json", exclude={"password"}),
            )
        )
    audit.append_many(conn, entries)


class _File:
    """The rows of one request, each held against the rules of one camera and against the others."""

    def __init__(self, login: Login, *, flat: bool) -> None:
        self._login, self._flat = login, flat
        self._rows: dict[str, int] = {}
        self.typed: dict[str, tuple[int, CameraCreate]] = {}
        self.unchanged = 0
        self.errors: list[dict[str, Any]] = []

    def take(self, row: Row) -> None:
        """Keep a row that could be a camera; else all that is wrong with it."""
        before = len(self.errors)
        for pointer, detail in row.errors:
            self._wrong(row.number, pointer, detail)
        typed = Typed.read(row.said, self._login.areas[0])
        for place, detail in typed.errors:
            self._wrong(row.number, self._pointer(place), detail)
        if typed.body is None:
            return
        for field, detail in self._beyond_shape(typed.body):
            if not typed.hides(field):
                self._wrong(row.number, self._pointer(field.split(".")), detail)
        if not typed.hides("id"):
            self._rows.setdefault(typed.body.id, row.number)
        if len(self.errors) == before:
            self.typed[typed.body.id] = row.number, typed.body

    def _beyond_shape(self, body: CameraCreate) -> Iterator[tuple[str, str]]:
        try:
            require_area(self._login, body.area)
        except NotFound as refused:
            yield "area", str(refused)
        for problem in problems_of(body):
            yield problem.field, problem.expected
        if body.id in self._rows:
            yield "id", f"each id once; row {self._rows[body.id]} has this one too"

    def fresh(self, conn: Connection[Any], here: Context) -> list[CameraCreate]:
        """Return the rows that the store does not know yet; what it knows otherwise is an error."""
        fresh = []
        known = {camera.id: camera for camera in cameras.listing(conn, include_retired=True)}
        for number, body in self.typed.values():
            stored = known.get(body.id)
            if stored is None:
                fresh.append(body)
            elif stored.retired_at is not None or not _same(stored, new_camera(body)):
                self._wrong(number, "/id", TAKEN)
            elif body.password and not _same_password(conn, here, body):
                self._wrong(number, "/password", "the one that is stored, or none")
            else:
                self.unchanged += 1
        self.errors.sort(key=lambda error: int(error["row"]))
        return fresh

    def _pointer(self, place: Iterable[int | str]) -> str:
        parts = [str(part).replace("~", "~0").replace("/", "~1") for part in place]
        return "/" + "/".join(parts[-1:] if self._flat else parts)

    def _wrong(self, row: int, pointer: str, detail: str) -> None:
        self.errors.append({"row": row, "pointer": pointer, "detail": detail})


def _same(stored: Camera, wanted: Camera) -> bool:
    """Tell whether a file says of a camera what is registered; the password is looked at apart."""
    kept = {name: getattr(wanted, name) for name in ("has_password", "row_version", "created_at", "retired_at")}
    return replace(stored, **kept) == wanted


def _same_password(conn: Connection[Any], here: Context, body: CameraCreate) -> bool:
    stored = cameras.password(conn, body.id, here.box)
    return secrets.compare_digest(stored.encode(), body.password.encode())
