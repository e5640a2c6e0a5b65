"""Detection statistics of a camera: counts by rule and class, and a map of where objects stood."""

import csv
import io
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request, Response

from dashboard_api import policy as who
from dashboard_api.bulk_csv import FORMULA_STARTS
from dashboard_api.context import Context, Here
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.statistics import Counts, Heat
from dashboard_api.words import Moment
from models.errors import BadInput
from models.statistics import HEAT_COLUMNS, HEAT_ROWS
from models.store import statistics
from models.store.statistics import By
from models.wire import instant

routes = router("statistics")

RANGE_MAX = {By.MINUTE: timedelta(days=2), By.HOUR: timedelta(days=93), By.DAY: timedelta(days=731)}
HEAT_RANGE_MAX = timedelta(days=93)
ROWS_MAX = 50_000
CSV = "text/csv"
CSV_OUT: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {}}, "description": "With a header line"}}
COLUMNS = (
    "at",
    "rule_id",
    "rule_version",
    "rule_name",
    "kind",
    "label",
    "entered",
    "left",
    "crossed_right",
    "crossed_left",
    "present_most",
    "present_s",
)

Since = Annotated[Moment, Query(alias="from")]
Until = Annotated[Moment, Query(alias="to")]


@routes.get("/cameras/{camera_id}/counts", response_model=Counts, responses=CSV_OUT)
@policy(who.EVERYBODY, noun="statistics", object="camera", retired=True)
def counts(
    here: Here,
    request: Request,
    camera_id: str,
    access: Allowed,
    since: Since,
    until: Until,
    by: By = By.HOUR,
) -> Response:
    """Return what its rules counted, by minute, hour or day of the site; as CSV to those who accept text/csv."""
    items = _items(here, camera_id, since, until, by)
    if CSV in request.headers.get("accept", ""):
        return _csv(camera_id, items)
    body = {"from": instant(since), "to": instant(until), "by": by, "timezone": here.site.timezone, "items": items}
    # thousands of items: to look at each again would take longer than all the rest
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Vary": "Accept"})


@routes.get("/cameras/{camera_id}/counts.csv", response_class=Response, responses=CSV_OUT)
@policy(who.EVERYBODY, noun="statistics", object="camera", retired=True)
def counts_csv(here: Here, camera_id: str, access: Allowed, since: Since, until: Until, by: By = By.HOUR) -> Response:
    """Return the same as a table for spreadsheets."""
    return _csv(camera_id, _items(here, camera_id, since, until, by))


@routes.get("/cameras/{camera_id}/heat", response_model=Heat)
@policy(who.EVERYBODY, noun="statistics", object="camera", retired=True)
def heat(here: Here, camera_id: str, access: Allowed, since: Since, until: Until) -> dict[str, Any]:
    """Return where objects stood, added up over the hours that the range touches."""
    _check(since, until, HEAT_RANGE_MAX)
    hour = since.replace(minute=0, second=0, microsecond=0)
    with here.store.transaction() as conn:
        grid = statistics.heat(conn, camera_id, hour, until)
    cells = [round(seconds, 2) for seconds in grid]
    return {"from": instant(hour), "to": instant(until), "columns": HEAT_COLUMNS, "rows": HEAT_ROWS, "cells_s": cells}


def _items(here: Context, camera_id: str, since: datetime, until: datetime, by: By) -> list[dict[str, Any]]:
    _check(since, until, RANGE_MAX[by])
    with here.store.transaction() as conn:
        found = statistics.counts(conn, camera_id, since, until, by, timezone=here.site.timezone, limit=ROWS_MAX + 1)
        rules = statistics.rule_names(conn, camera_id)
    if len(found) > ROWS_MAX:
        raise BadInput("to", f"a shorter range: these are more than {ROWS_MAX} counts")
    items = []
    for one in found:
        name, kind = rules.get(one.rule_id, (str(one.rule_id), None))
        item = one._asdict() | {"at": instant(one.at), "rule_name": name, "kind": kind}
        item["left"] = item.pop("left_count")
        items.append(item)
    return items


def _check(since: datetime, until: datetime, most: timedelta) -> None:
    if not since < until <= since + most:
        raise BadInput("to", f"after from, by at most {most.days} days")


def _csv(camera_id: str, items: list[dict[str, Any]]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for item in items:
        writer.writerow([_plain(item[name]) for name in COLUMNS])
    headers = {"Content-Disposition": f'attachment; filename="counts-{camera_id}.csv"', "Vary": "Accept"}
    return Response(text.getvalue(), media_type=f"{CSV}; charset=utf-8", headers=headers)


def _plain(value: Any) -> Any:
    """A spreadsheet takes some beginnings for a formula; an apostrophe stops it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
