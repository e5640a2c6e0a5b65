"""What ONVIF cameras send, altered at random: read or refused, never anything else, and never for long."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.onvif.describe import choose, profile_of
from ingest.onvif.discovery import read
from ingest.onvif.topics import KEPT_DATA, KEPT_SOURCE, CameraSaid, Reader, instant
from ingest.onvif.xml import BadXml, Node, parse, plain
from tests.support.onvif_words import PROFILES_1, PROFILES_2, enveloped, match, notification

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WHOLE = [
    enveloped(PROFILES_1).encode(),
    enveloped(PROFILES_2).encode(),
    match("q", "http://10.1.1.1:80/x"),
    enveloped(
        notification(
            "RuleEngine/CellMotionDetector/Motion", {"IsMotion": "true"}, {"Rule": "a"}, "Changed", "2026-01-01"
        )
    ).encode(),
    enveloped(notification("VideoSource/SignalLoss", {"State": "1"}, {"Source": "a"}, "Initialized", "x")).encode(),
]
PIECES = [
    b"<",
    b">",
    b"&",
    b"&#0;",
    b"]]>",
    b"<!--",
    b"<![CDATA[",
    b"<!DOCTYPE x>",
    b"<!ENTITY a 'b'>",
    b"\0",
    b"\xff",
    b"true",
]


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    text = draw(st.sampled_from(WHOLE))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        gone = draw(st.integers(0, 20))
        text = text[:at] + draw(st.sampled_from(PIECES) | st.binary(max_size=8)) + text[at + gone :]
    return text


@settings(max_examples=400, derandomize=True, database=None)
@given(altered())
def test_altered_answers(text: bytes) -> None:
    read(text, "q", "10.1.1.1")
    try:
        root = parse(text)
    except BadXml:
        return
    profiles = [profile_of(node) for node in root.walk("Profiles")]
    main, sub = choose(profiles)
    assert (main, sub) == (None, None)  # none of them was given an address
    for said in Reader().read(root, NOW, timedelta(seconds=3)):
        check(said)


def check(said: CameraSaid) -> None:
    """Only what is listed, and short."""
    assert abs(said.time - NOW) <= timedelta(minutes=1)
    assert set(said.attrs["source"]) <= KEPT_SOURCE
    assert set(said.attrs["data"]) <= KEPT_DATA
    assert all(len(value) <= 64 for value in (*said.attrs["source"].values(), *said.attrs["data"].values()))


@settings(max_examples=300, derandomize=True, database=None)
@given(st.text(max_size=40))
def test_odd_texts(text: str) -> None:
    instant(text)
    assert plain(text).isprintable()
    node = Node("Profiles", attributes={"token": text})
    node.children = [Node("VideoEncoderConfiguration", children=[Node("Encoding", text=text)])]
    profile_of(node)
