"""Frames of DC-09 are found however a stream is cut, and nothing that is sent breaks the search."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.dc09 import crypto
from alarms.dc09.frame import (
    FRAME_MAX_BYTES,
    BadForm,
    Broken,
    Fault,
    Framer,
    Raw,
    crc16,
    read_content,
    read_header,
    write_frame,
)

BODY = '"SIA-DCS"0001R1L1#1234[#1234|Nri1/BA05][I"Hall"]_10:20:30,11-24-2026'
GOOD = write_frame(BODY)
KEYS = ("0123456789ABCDEF" * 2, "0123456789ABCDEF" * 3, "0123456789ABCDEF" * 4)


def read(*pieces: bytes) -> list[Raw | Broken]:
    """Return what a framer makes of ``pieces``."""
    framer = Framer()
    return [found for piece in pieces for found in framer.feed(piece)]


def test_crc_is_the_standards() -> None:
    """The published check value of CRC-16/ARC."""
    assert crc16(b"123456789") == 0xBB3D


@pytest.mark.parametrize("binary", [False, True])
def test_a_frame_is_found_wherever_it_is_cut(binary: bool) -> None:
    """One frame in two segments, at every byte; with the CRC in hex and in two bytes."""
    frame = write_frame(BODY, binary_crc=binary)
    for at in range(len(frame) + 1):
        assert read(frame[:at], frame[at:]) == [Raw(BODY.encode(), binary_crc=binary)]


def test_two_frames_in_one_segment_with_junk_around() -> None:
    """Both are found; what stands before an LF is passed over."""
    assert read(b"\x00junk\r" + GOOD + GOOD) == [Raw(BODY.encode())] * 2


@pytest.mark.parametrize("number", range(512))
def test_every_binary_crc_is_read(number: int) -> None:
    """Also one with an LF, CR or quote among its bytes."""
    body = f'"NULL"{number:04d}L0#1234[]'
    assert read(write_frame(body, binary_crc=True)) == [Raw(body.encode(), binary_crc=True)]


def test_broken_frames_are_named_and_the_next_is_read() -> None:
    """Bad CRC, too long and too short a length: the good neighbour behind them is found."""
    longer = GOOD[:5] + f"{len(BODY) + 3:04X}".encode() + GOOD[9:]
    shorter = GOOD[:5] + f"{len(BODY) - 3:04X}".encode() + GOOD[9:]
    for bad, fault in (
        (GOOD.replace(b"BA05", b"BA06"), Fault.BAD_CRC),
        (longer, Fault.BAD_LENGTH),
        (shorter, Fault.BAD_LENGTH),
        (b"\nno frame at all\r", Fault.BAD_FORM),
    ):
        broken, good = read(bad + GOOD)
        assert isinstance(broken, Broken)
        assert broken.fault is fault
        assert good == Raw(BODY.encode())


def test_a_line_without_end_is_given_up() -> None:
    """100 KB without CR keep no more than one frame's worth."""
    found = read(*[b"\n" + b"x" * 1000] + [b"x" * 1000] * 100)
    assert {one.fault for one in found if isinstance(one, Broken)} == {Fault.TOO_LONG}
    assert len(GOOD) < FRAME_MAX_BYTES


def test_header_and_content() -> None:
    """All parts, and their absence."""
    header = read_header(Raw(BODY.encode()))
    assert (header.id, header.sequence, header.receiver, header.line, header.account) == (
        "SIA-DCS",
        "0001",
        "1",
        "1",
        "1234",
    )
    content = read_content(header.rest)
    assert (content.data, content.extensions) == ("#1234|Nri1/BA05", (("I", '"Hall"'),))
    assert content.time == datetime(2026, 11, 24, 10, 20, 30, tzinfo=UTC)
    assert read_content("]").time is None
    for bad in ("", "data", "]_25:00:00,11-24-2026", "]_10:00:00,02-30-2026", "][A"):
        with pytest.raises(BadForm):
            read_content(bad)


def test_link_test_of_before_the_standard() -> None:
    """It has no CRC and names the account."""
    (raw,) = read(b"SR0001L0001    006969XX    [ID00000000]\r")
    assert isinstance(raw, Raw)
    assert (read_header(raw).id, read_header(raw).account) == ("NULL", "006969")


@pytest.mark.parametrize("key", KEYS)
def test_encryption_both_ways(key: str) -> None:
    """Keys of 128, 192 and 256 bits; another key, or what is no ciphertext, does not open."""
    text = "#1234|Nri1/BA05]_10:20:30,11-24-2026"
    sealed = crypto.encrypt(bytes.fromhex(crypto.check_key(key.lower())), text)
    assert crypto.decrypt(bytes.fromhex(key), sealed.encode()) == text
    for wrong in (b"", b"AB", b"zz" * 16, sealed.encode()[:-2]):
        with pytest.raises(crypto.WrongKey):
            crypto.decrypt(bytes.fromhex(key), wrong)
    with pytest.raises(crypto.WrongKey):
        crypto.decrypt(bytes.fromhex(key)[::-1], sealed.encode())


@given(
    st.lists(st.one_of(st.binary(max_size=200), st.sampled_from([GOOD, b"\n", b"\r", b"SR", GOOD[:20]])), max_size=20)
)
def test_anything_is_survived_in_bounded_time(pieces: list[bytes]) -> None:
    """Whatever is sent, the framer and the readers raise nothing but `BadForm`, and a good frame later is found."""
    framer = Framer()
    started = time.monotonic()
    for piece in pieces:
        for found in framer.feed(piece):
            if isinstance(found, Raw):
                try:
                    read_content(read_header(found).rest)
                except BadForm:
                    continue
    assert time.monotonic() - started < 2
    late = list(framer.feed(b"\r" * 2 + b"x" * FRAME_MAX_BYTES + b"\r" + GOOD + GOOD + GOOD))
    assert Raw(BODY.encode()) in late
