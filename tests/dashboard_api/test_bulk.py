"""Many cameras at once: all or nothing, each row by the rules of one camera, and the same file twice does no harm."""

import csv
import io
import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dashboard_api.bulk_csv import COLUMNS
from dashboard_api.gatekeeper import BULK_MAX_BYTES
from dashboard_api.schemas.bulk import ROWS_MAX
from dashboard_api.schemas.cameras import CameraCreate, SourceInput
from models.store import cameras
from models.store.secrets import SecretBox
from tests.dashboard_api.test_cameras import HOSTILE_HOSTS, HOSTILE_PATHS
from tests.dashboard_api.world import CANARY, OTHER, OWN, OWN_INNER, World

URL = "/api/v1/cameras/bulk"
HEADER = "id,name,area,scheme,host,port,path,username,password,lat,record"
GOOD = f"c1,Gate,{OWN},rtsp,10.1.2.3,554,/main,viewer,{CANARY},-20.5,false"
SECOND = f"c2,Yard,{OWN_INNER},rtsp,10.1.2.4,554,/main,,,,"


def send(world: World, text: str | bytes, *, dry_run: bool = False, who: str = "engineer") -> Any:
    content = text.encode() if isinstance(text, str) else text
    headers = {"Content-Type": "text/csv; charset=utf-8"}
    return world.as_(who).post(f"{URL}?dry_run={str(dry_run).lower()}", content=content, headers=headers)


def counts(answer: Any) -> tuple[int, int, int, int]:
    assert answer.status_code == 200, answer.text
    said = answer.json()
    return said["total"], said["created"], said["unchanged"], len(said["errors"])


def registered(world: World) -> list[str]:
    with world.store.transaction() as conn:
        return [camera.id for camera in cameras.listing(conn)]


def test_a_file_is_looked_at_then_applied_then_known(world: World) -> None:
    """A dry run writes nothing; the same file again changes nothing; every camera stands on the trail."""
    file = f"{HEADER}\n{GOOD}\n{SECOND}\n"
    assert counts(send(world, file, dry_run=True)) == (2, 2, 0, 0)
    assert counts(world.as_("engineer").post(URL, content=file, headers={"Content-Type": "text/csv"})) == (2, 2, 0, 0)
    assert registered(world) == []
    assert counts(send(world, file)) == (2, 2, 0, 0)
    assert registered(world) == ["c1", "c2"]
    assert counts(send(world, file)) == (2, 0, 2, 0)
    made = world.as_("engineer").get("/api/v1/cameras/c1").json()
    assert (made["lat"], made["record"], made["has_password"], made["row_version"]) == (-20.5, False, True, 1)
    assert [object for _, _, object in world.audit("camera.create")] == ["camera:c1", "camera:c2"]
    with world.store.transaction() as conn:
        assert cameras.password(conn, "c1", SecretBox(world.site.secret_key_file)) == CANARY
        for table in ("camera", "audit", "feed"):
            for (row,) in conn.execute(f"SELECT t::text FROM {table} t").fetchall():
                assert CANARY not in row, table


def test_one_wrong_row_stops_all(world: World) -> None:
    """Each mistake is told by row and column, as a spreadsheet counts."""
    world.camera(id="taken")
    rows = [
        GOOD,
        GOOD,
        f"c3,Gate,{OTHER},rtsp,10.1.2.3,554,/main,,,,",
        f"c4,Gate,{OWN},exec,10.1.2.3,eighty,/main,,,,",
        f"c5,Gate,{OWN},rtsp,10.1.2.3,554,main,,,91,",
        f"taken,Gate,{OWN},rtsp,10.1.2.3,554,/main,,,,",
        f"c6,,{OWN},rtsp,127.1,554,/main,,,,maybe",
        f"c7,=1+1,{OWN},rtsp,10.1.2.3,554,/main,@cmd,,,",
        f"c8,Gate,{OWN},rtsp,127.1,554,/main,,,,,more",
    ]
    answer = send(world, "\r\n".join([HEADER, *rows]))
    found = [(error["row"], error["pointer"]) for error in answer.json()["errors"]]
    assert found == [
        *((3, "/id"), (4, "/area"), (5, "/scheme"), (5, "/port"), (6, "/lat"), (6, "/path"), (7, "/id")),
        *((8, "/name"), (8, "/record"), (8, "/host"), (9, "/name"), (9, "/username"), (10, "/"), (10, "/host")),
    ]
    assert counts(answer) == (9, 0, 0, len(found))
    assert registered(world) == ["taken"]
    assert world.audit("camera.create") == []


def test_a_row_tells_all_its_mistakes_at_once(world: World) -> None:
    """What cannot be read hides nothing but what depends on it; an id counts though its row is wrong."""
    header = f"{HEADER},sub_path,retention_days,min_retention_days"
    rows = [
        f"c1,,{OTHER},rtsp,127.1,70000,main,a:b,p\ad,91,maybe,sub,5,9",
        f"c1,Gate,{OWN},exec,127.1,554,main,a:b,,,,,x,9",
        f"C 2,Gate,{OTHER},whip,10.1.2.3,554,/main,viewer,,,,/sub,,",
        ",,nowhere at all,,,,,,,,,,,",
    ]
    answer = send(world, "\n".join([header, *rows]))
    found = [(error["row"], error["pointer"].strip("/")) for error in answer.json()["errors"]]
    assert [name for row, name in found if row == 2] == [
        *("name", "port", "lat", "record"),
        *("area", "host", "path", "sub_path", "username", "password", "min_retention_days"),
    ]
    assert [name for row, name in found if row == 3] == ["scheme", "retention_days", "id"]
    assert [name for row, name in found if row == 4] == ["id", "area", "host", "port", "path", "username", "sub_path"]
    assert {"id", "name", "area", "scheme", "port"} <= {name for row, name in found if row == 5}
    assert registered(world) == []


def test_what_is_no_camera_at_all_is_told_by_its_fields(world: World) -> None:
    """Of JSON: a source that is none, a field too many; the area beside them is still looked at."""
    items = [{"id": "c1", "name": "N", "area": OTHER, "source": 5, "sub_path": "x", "colour": {"deep": [1]}}]
    answer = world.as_("engineer").post(f"{URL}?dry_run=false", json={"items": items})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/source", "/colour", "/area"]


@pytest.mark.parametrize(("column", "values"), [("host", HOSTILE_HOSTS), ("path", HOSTILE_PATHS)])
def test_hostile_addresses_are_refused_in_every_row(world: World, column: str, values: list[str]) -> None:
    """The rules of one camera, whatever way it comes in; JSON says the field's whole place."""
    source = {"scheme": "rtsp", "host": "10.1.2.3", "port": 554, "path": "/main"}
    items = [
        {"id": f"c{number}", "name": "N", "area": OWN, "source": {**source, column: value}}
        for number, value in enumerate(values)
    ]
    answer = world.as_("engineer").post(f"{URL}?dry_run=false", json={"items": items})
    assert {(error["row"], error["pointer"]) for error in answer.json()["errors"]} == {
        (number, f"/source/{column}") for number in range(1, len(values) + 1)
    }
    assert registered(world) == []


def test_a_row_that_says_otherwise_than_the_store_is_an_error(world: World) -> None:
    """An import never changes a camera, nor its password; no password says nothing of it."""
    send(world, f"{HEADER}\n{GOOD}")
    assert counts(send(world, f"{HEADER}\n{GOOD.replace(CANARY, '')}")) == (1, 0, 1, 0)
    for change, pointer in ((("Gate", "Door"), "/id"), ((CANARY, "other"), "/password")):
        errors = send(world, f"{HEADER}\n{GOOD.replace(*change)}").json()["errors"]
        assert [error["pointer"] for error in errors] == [pointer]
        assert CANARY not in json.dumps(errors)
    world.as_("engineer").delete("/api/v1/cameras/c1")
    assert counts(send(world, f"{HEADER}\n{GOOD}")) == (1, 0, 0, 1)


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_files_of_every_spreadsheet(world: World, separator: str, ending: str, encoding: str) -> None:
    """With and without a mark at the beginning, quotes, empty lines and columns at the end."""
    row = GOOD.replace("Gate", '"东门 Gate"').replace(CANARY, "=pass")
    file = f"{HEADER.title()},,\n{row},,\n,,,\n\n".replace(",", separator).replace("\n", ending)
    assert counts(send(world, file.encode(encoding))) == (1, 1, 0, 0)
    assert world.as_("engineer").get("/api/v1/cameras/c1").json()["name"] == "东门 Gate"


def test_the_template_can_be_sent_back_and_has_every_field(world: World) -> None:
    """Its columns are those of one camera's registration."""
    template = world.as_("engineer").get(f"{URL}/template.csv")
    header, example = csv.reader(io.StringIO(template.text))
    fields = CameraCreate.model_fields.keys() - {"source"} | SourceInput.model_fields.keys()
    assert set(header) == set(COLUMNS) == fields
    assert len(header) == len(example) == len(fields)
    assert counts(send(world, template.content)) == (1, 1, 0, 0)
    assert counts(send(world, template.content)) == (1, 0, 1, 0)


def test_cameras_that_push_need_no_host(world: World) -> None:
    """An empty cell of a field that must be said is said to be empty."""
    assert counts(send(world, f"{HEADER}\nc1,Phone,{OWN},whip,,0,/,,,,")) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\n", HEADER.encode(), b"id,name\nx,y", b"\xff\xfe" + HEADER.encode("utf-16-le")),
        *(f"{HEADER},id\n{GOOD},x".encode(), f"{HEADER},colour\n{GOOD},red".encode(), f'{HEADER}\n"open'.encode()),
        (f"{HEADER}\n" + f"{SECOND}\n" * (ROWS_MAX + 1)).encode(),
    ],
)
def test_what_is_no_such_file_is_refused_whole(world: World, body: bytes) -> None:
    """In words, before any row is looked at."""
    answer = send(world, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "/"


def test_limits_and_senders(world: World) -> None:
    """A thousand rows pass; more bytes, other types and pages of other sites do not."""
    rows = "\n".join(GOOD.replace("c1", f"c{number}") for number in range(ROWS_MAX))
    assert counts(send(world, f"{HEADER}\n{rows}")) == (ROWS_MAX, ROWS_MAX, 0, 0)
    assert send(world, b"x" * (BULK_MAX_BYTES + 1)).status_code == 413
    engineer = world.as_("engineer")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert engineer.post(URL, content=b"id", headers={"Content-Type": kind}).status_code == 415
    foreign = {"Content-Type": "text/csv", "Origin": "http://evil.example"}
    assert engineer.post(URL, content=b"id", headers=foreign).status_code == 403
    assert engineer.post("/api/v1/cameras", content=b"id", headers={"Content-Type": "text/csv"}).status_code == 415
    assert engineer.post(URL, json={"items": [{}] * (ROWS_MAX + 1)}).json()["errors"][0]["pointer"] == "/items"
    assert engineer.post(URL, content=b"[" * 100_000, headers={"Content-Type": "application/json"}).status_code == 422


def test_the_same_file_twice_at_once(world: World) -> None:
    """One is first, whatever the order of the rows; the other finds all of it there, or is told who was quicker."""
    rows = [GOOD.replace("c1", f"c{number}") for number in range(80)]
    answers: list[Any] = []
    world.as_("engineer")  # signed in before both begin
    both = [
        threading.Thread(target=lambda rows=some: answers.append(send(world, "\n".join([HEADER, *rows]))))
        for some in (rows, rows[::-1])
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert min(answer.status_code for answer in answers) == 200
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sum(answer.json()["created"] for answer in answers if answer.status_code == 200) == len(rows)
    assert len(registered(world)) == len(world.audit("camera.create")) == len(rows)


@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_no_file_breaks_anything(world: World, data: st.DataObject) -> None:
    """Bytes, texts, and right files in which one cell is something odd."""
    cell = st.text(max_size=30) | st.sampled_from(("\0", "9" * 400, "1e400", "NaN", "\u202e", '"', "x" * 200_000))
    cells = GOOD.split(",")
    cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(cell)
    right = f"{HEADER}\n{','.join(cells)}\n".encode("utf-8", "surrogatepass")
    body = data.draw(st.just(right) | st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
    assert send(world, body, dry_run=True).status_code in (200, 422)
