"""Every route under input that nobody sends on purpose: no 5xx, every error a problem that names what is wrong.

What comes back is held against the OpenAPI document by the client itself. The examples are the same in every run.
"""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dashboard_api import feed as feed_module
from models.store.pool import Store
from tests.dashboard_api.fake_worker import FakeWorker
from tests.dashboard_api.matrix import EXPECTED, IDENTITIES, OPERATIONS, STREAMS, Matrix
from tests.dashboard_api.promise import promised
from tests.dashboard_api.served import Served
from tests.dashboard_api.sse import Sse
from tests.dashboard_api.world import ORIGIN, OTHER, OWN, World
from tests.support.clock import FakeClock

EXAMPLES = 16
ASKED = [one for one in OPERATIONS if one[0] not in STREAMS]
LONG = "x" * 9000
DEEP = 100_000
ODD_TEXTS = (
    *("", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", LONG, "x" * 200_000, "🜨" * 300, "\u202e", "\r\nSet-Cookie: a=b"),
    *(
        "-1",
        "0",
        "1",
        "2147483648",
        "9223372036854775808",
        "9" * 400,
        "1e400",
        "NaN",
        "-inf",
        "0x10",
        "١٢",
        "+1",
        "1_0",
    ),
    *("null", "true", "[]", "{}", "None", "*", "../../etc/passwd", "..%2f", "%", "%00", "';--", "{{7*7}}", "$(id)"),
    *(
        "gate",
        "city.north",
        "city",
        "city.south",
        ".",
        "..",
        "a..b",
        "city.north.",
        "new",
        "closed,new",
        ",",
        "fire,",
        "4",
    ),
    *("2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"),
    *("0001-01-01T00:00:00+23:59", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2016-12-31T23:59:60Z"),
    *(
        "2026-01-01",
        "20260101T000000Z",
        "2026-01-01T00:00:00",
        "1970-01-01T00:00:00Z",
        "2199-12-31T23:59:59.999999999Z",
    ),
    *("1-1", "0-0", "9223372036854775808-4611686018427387904", "18446744073709551615-1", "1--1", "7031-42"),
    *("00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}", "peer-0123456789abcdef"),
)
ODD_CURSORS = tuple(
    base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    for text in (
        *("", "\0", "-1", "9" * 19, "9" * 30, "gate", "x" * 300, "\ud800", "1e3", "١"),
        *("0001-01-01T00:00:00+00:00|00000000-0000-0000-0000-000000000000", "now|x", "|", "2026-01-01|"),
        "9999-12-31T23:59:59.999999+00:00|00000000-0000-0000-0000-000000000000",
    )
)
ODD_CURSORS += tuple(
    # the events' own cursors are base64 within base64
    base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")
    for cursor in ODD_CURSORS[-5:]
)
ODD_RAW = (
    *(b"", b"{", b"nul", b"[", b"[]", b'"x"', b"0", b"{}}", b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"\x80", b"\0"),
    *(b"[" * DEEP, b'{"a":' * 20_000, b"9" * 5000, b"-Infinity", b'{"":1}', b'{"a":1,"a":2}', b" " * 200_000),
)

odd_text = st.sampled_from(ODD_TEXTS) | st.text(max_size=40)
odd_number = st.integers() | st.floats() | st.sampled_from((10**400, -(10**30), 2**31, 2**63, 1e308, -0.0))
odd_value = st.one_of(
    odd_text,
    odd_number,
    st.sampled_from((None, True, False, [], {}, [[]], [None], [{}], {"a": 1})),
    st.recursive(odd_text | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner)),
)


@pytest.fixture(scope="module")
def here(module_store: Store, fake_worker: FakeWorker, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """One world for all questions."""
    world = World.make(module_store, FakeClock(), tmp_path_factory.mktemp("fuzz") / "state")
    world.worker(fake_worker.url)
    return Matrix(world)


def _operation(operation: str) -> dict[str, Any]:
    items = (one for item in promised()["paths"].values() for one in item.values())
    found: dict[str, Any] = next(one for one in items if one["operationId"] == operation)
    return found


def _parameters(operation: str, place: str) -> list[str]:
    return [one["name"] for one in _operation(operation).get("parameters", ()) if one["in"] == place]


def _body_fields(operation: str) -> list[str]:
    content = _operation(operation).get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    for one in (schema, *schema.get("anyOf", ())):
        if "$ref" in one:
            return list(promised()["components"]["schemas"][one["$ref"].rpartition("/")[2]]["properties"])
    return list(schema.get("properties", ()))


def _encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _path(data: st.DataObject, here: Matrix, operation: str, path: str, identity: str) -> str:
    """Fill the path with things that there are, or one of its places with something odd."""
    names = _parameters(operation, "path")
    if not names or data.draw(st.integers(0, 3)):
        return here.path(operation, path, data.draw(st.sampled_from((OWN, OWN, OWN, OTHER))), identity)
    odd_one = data.draw(st.sampled_from(names))
    odd = _encoded(data.draw(odd_text)[:2000])
    if names == [odd_one]:
        return path.replace(f"{{{odd_one}}}", odd)
    whole = here.path(operation, path, OWN, identity).split("/")
    whole[path.split("/").index(f"{{{odd_one}}}")] = odd
    return "/".join(whole)


def _query(data: st.DataObject, operation: str) -> str:
    """Begin with what is right; leave out, repeat or replace some of it."""
    right = [pair.split("=", 1) for pair in EXPECTED[operation].query.lstrip("?").split("&") if pair]
    pairs = [(name, value) for name, value in right if data.draw(st.integers(0, 5))]
    names = [*_parameters(operation, "query"), "unknown"]
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from(names))
        odd = st.sampled_from(ODD_CURSORS) | odd_text if name == "cursor" else odd_text
        pairs = [pair for pair in pairs if pair[0] != name or data.draw(st.booleans())]
        pairs.append((name, _encoded(data.draw(odd)[:3000])))
    return "?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else ""


def _body(data: st.DataObject, here: Matrix, operation: str) -> bytes | None:
    """Change one or two fields of a right body, or send something else altogether."""
    expected = EXPECTED[operation]
    if expected.content is not None:
        return data.draw(st.sampled_from((expected.content, b"v=0", b"", b"v=0" + b"x" * 70_000)) | st.binary())
    right = here.body(expected, data.draw(st.sampled_from((OWN, OWN, OTHER))))
    if right is None and not (fields := _body_fields(operation)):
        return None if data.draw(st.booleans()) else data.draw(st.sampled_from(ODD_RAW))
    if not data.draw(st.integers(0, 4)):
        return data.draw(st.sampled_from(ODD_RAW))
    fields = [*_body_fields(operation), "unknown"]
    body = dict(right or {})
    for _ in range(data.draw(st.integers(0, 2))):
        body[data.draw(st.sampled_from(fields))] = data.draw(odd_value)
    text = json.dumps(body)
    if data.draw(st.integers(0, 5)) == 0 and text != "{}":
        text = text[:-1] + ", " + text[1:]  # every key twice
    return text.encode()


def _headers(data: st.DataObject, operation: str) -> dict[str, bytes]:
    headers = {"Origin": ORIGIN.encode()} | {
        name: value.encode() for name, value in EXPECTED[operation].headers.items()
    }
    for name in _parameters(operation, "header"):
        if data.draw(st.booleans()):
            odd = data.draw(odd_text)[:1000].encode("utf-8", "surrogatepass")
            headers[name] = bytes(byte for byte in odd if byte not in b"\r\n\0").strip()
    return headers


@pytest.mark.parametrize(("operation", "method", "path"), ASKED, ids=[one[0] for one in ASKED])
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_no_question_breaks_anything(here: Matrix, operation: str, method: str, path: str, data: st.DataObject) -> None:
    """Whoever asks, of whatever thing, with whatever parameters and body."""
    may = sorted(EXPECTED[operation].who)
    identity = data.draw(st.sampled_from((*may, *may, *IDENTITIES)))
    url = _path(data, here, operation, path, identity) + _query(data, operation)
    content = _body(data, here, operation)
    expected = EXPECTED[operation]
    kind = expected.content_type if expected.content is not None else "application/json"
    headers = _headers(data, operation) | ({"Content-Type": kind.encode()} if content is not None else {})
    client = here.world.client(here.secret(identity))
    answer = client.request(method, url, content=content, headers=headers)
    about = f"{identity}: {method} {url[:300]} {headers} {(content or b'')[:300]!r}: {answer.text[:400]}"
    assert answer.status_code < 500 or operation == "readyz", about
    if answer.status_code >= 400 and operation != "readyz":
        assert answer.headers["content-type"] == "application/problem+json", about
    assert answer.status_code != 400, about  # what is wrong can be named
    if answer.status_code == 422:
        _check_pointers(operation, answer.json(), about)


def _check_pointers(operation: str, problem: dict[str, Any], about: str) -> None:
    """Each is the name of a parameter or leads to a field of the body."""
    assert problem.get("errors"), about
    parameters = {name.lower() for place in ("path", "query", "header") for name in _parameters(operation, place)}
    fields = {*_body_fields(operation), "unknown", "a", ""}
    for error in problem["errors"]:
        pointer = error["pointer"]
        if pointer.startswith("/"):
            assert pointer.split("/")[1] in fields, about
        else:
            assert pointer in parameters | {"path", "query"}, about


def test_no_cursor_breaks_the_feed(world: World, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never was is refused; after one of the future everything is to be fetched anew."""
    monkeypatch.setattr(feed_module, "CATCH_UP_LOOKS", 5)
    secret = world.login("operator")
    for text in ODD_TEXTS:
        if 0 < len(text) < 500:
            with Sse(served, secret, f"/api/v1/feed?after={_encoded(text)}") as sse:
                if sse.answer.status != 200:
                    assert sse.answer.status == 422, text
                    assert sse.problem()["errors"][0]["pointer"] in ("after", "query"), text
                    continue
                hello = sse.next()
                assert hello is not None, text
                assert hello.kind == "hello", text
                if not hello.body["resumed"]:
                    assert (sse.next() or hello).kind == "resync", text
