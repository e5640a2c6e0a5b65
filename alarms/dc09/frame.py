"""Frames of SIA DC-09: finding them in a stream, reading one, writing one. Nothing that is sent raises out of `Framer`.

    LF  CRC (4 hex, or 2 bytes)  length (4 hex)  "ID" sequence R receiver L line #account [data][extension]... _time  CR

The CRC is CRC-16 (0xA001, reflected) over what stands between the length and CR, which the length counts.
A ``*`` before the ID says that all behind the first ``[`` is encrypted.
Panels of before the standard test their line with
``SR0001L0001    001234XX    [ID00000000]``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

LF, CR, QUOTE = 0x0A, 0x0D, 0x22
BODY_MAX_BYTES = 4095
"""The length's first digit is always 0."""
PIECE_BYTES = 4096
"""Looked at together: the work grows with the square of what waits."""
FRAME_MAX_BYTES = BODY_MAX_BYTES + 10
TIME_FORMAT = "%H:%M:%S,%m-%d-%Y"
EXTENSIONS_MAX = 16
EXTENSION_MAX_CHARS = 512

_LENGTH = re.compile(rb"0[0-9A-Fa-f]{3}")
_HEX4 = re.compile(rb"[0-9A-Fa-f]{4}")
_BODY = re.compile(
    r'"(\*?)([A-Z0-9-]{1,12})"(\d{4})(?:R([0-9A-F]{1,6}))?L([0-9A-F]{1,6})(?:#([0-9A-F]{3,16}))?\[', re.IGNORECASE
)
_REST = re.compile(r"([^\[\]]*)\]((?:\[[^\[\]]*\])*)(?:_(\d\d:\d\d:\d\d,\d\d-\d\d-\d{4}))?")
_LEGACY = re.compile(rb"SR([0-9A-Fa-f]{1,6})L([0-9A-Fa-f]{1,6})\s+([0-9A-Fa-f]{3,16})(?:XX)?\s+\[ID(\w{1,16})\]\s*")
_LEGACY_START = b"SR"


class Fault(StrEnum):
    """Why bytes are no frame."""

    BAD_CRC = "bad_crc"
    BAD_LENGTH = "bad_length"
    BAD_FORM = "bad_form"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Raw:
    """One frame as it came, CRC and length checked; ``body`` lies between the length and CR."""

    body: bytes
    legacy: bool = False
    binary_crc: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes that are no frame."""

    fault: Fault
    sample: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the first bracket, always in clear; ``rest`` is what stands behind it."""

    encrypted: bool
    id: str
    sequence: str
    receiver: str | None
    line: str
    account: str | None
    rest: str


@dataclass(frozen=True, slots=True)
class Content:
    """What stands behind the first bracket. ``time`` is None when the panel says none."""

    data: str
    extensions: tuple[tuple[str, str], ...]
    time: datetime | None


class BadForm(Exception):
    """A whole frame whose text is not as DC-09 says."""


def crc16(body: bytes) -> int:
    """Return the CRC-16 of the standard."""
    crc = 0
    for byte in body:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1  # noqa: PLW2901
        table.append(value)
    return tuple(table)


_CRC_TABLE = _crc_table()


class Framer:
    """Finds frames in a stream of bytes, however it is cut; keeps at most one frame's worth."""

    def __init__(self) -> None:
        self._kept = bytearray()

    @property
    def is_waiting(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._kept)

    def feed(self, data: bytes) -> Iterator[Raw | Broken]:
        """Yield what ``data`` completes. After `Fault.TOO_LONG` the line is not worth reading any further."""
        for at in range(0, len(data), PIECE_BYTES):
            yield from self._take(data[at : at + PIECE_BYTES])

    def _take(self, piece: bytes) -> Iterator[Raw | Broken]:
        kept = self._kept
        kept += piece
        while kept:
            if not self._skip_junk():
                return
            size, found = _first(kept)
            if found is None:
                if len(kept) > FRAME_MAX_BYTES:
                    sample = bytes(kept[:64])
                    kept.clear()
                    yield Broken(Fault.TOO_LONG, sample)
                return
            del kept[:size]
            yield found

    def _skip_junk(self) -> bool:
        """Drop what cannot begin a frame; False when nothing is left."""
        kept = self._kept
        starts = [at for at in (kept.find(b"\n"), kept.find(_LEGACY_START)) if at >= 0]
        if not starts and kept.endswith(_LEGACY_START[:1]):
            starts = [len(kept) - 1]
        del kept[: min(starts, default=len(kept))]
        while kept[:2] == b"\n\n":  # an empty line is none, and no CRC begins with one in hex
            if len(kept) >= 8 and kept[7] == QUOTE and _LENGTH.fullmatch(kept, 3, 7):
                break
            if len(kept) < 8:
                return kept.strip(b"\n") != b""
            del kept[0]
        return bool(kept)


def _first(kept: bytearray) -> tuple[int, Raw | Broken | None]:  # noqa: PLR0911  (one return for each way a frame can be cut or broken)
    """Return how many bytes the first frame takes and what it is; None while it is not whole."""
    if kept.startswith(_LEGACY_START) or kept[1:3] == _LEGACY_START:
        return _first_legacy(kept)
    binary = len(kept) >= 8 and kept[7] == QUOTE and bool(_LENGTH.fullmatch(kept, 3, 7))
    if not binary and len(kept) < 10 and CR not in kept[1:]:
        return 0, None
    head = 7 if binary else 9
    if not binary and not (
        len(kept) > head and kept[head] == QUOTE and _HEX4.fullmatch(kept, 1, 5) and _LENGTH.fullmatch(kept, 5, 9)
    ):
        return _until_end(kept, Fault.BAD_FORM)
    end = head + int(kept[head - 4 : head], 16)
    early = kept.find(b"\r", head)
    if 0 <= early < end:
        return early + 1, Broken(Fault.BAD_LENGTH, bytes(kept[: early + 1]))
    if len(kept) <= end:
        return 0, None
    if kept[end] != CR:
        return _until_end(kept, Fault.BAD_LENGTH)
    body = bytes(kept[head:end])
    said = int.from_bytes(kept[1:3], "big") if binary else int(kept[1:5], 16)
    ours = crc16(body)
    if said != ours and not (binary and said == int.from_bytes(ours.to_bytes(2, "little"), "big")):
        return end + 1, Broken(Fault.BAD_CRC, bytes(kept[: end + 1]))
    return end + 1, Raw(body, binary_crc=binary)


def _first_legacy(kept: bytearray) -> tuple[int, Raw | Broken | None]:
    end = kept.find(b"\r")
    if end < 0:
        return 0, None
    line = bytes(kept[:end]).strip()
    return end + 1, Raw(line, legacy=True) if _LEGACY.fullmatch(line) else Broken(Fault.BAD_FORM, line)


def _until_end(kept: bytearray, fault: Fault) -> tuple[int, Broken | None]:
    """Pass over a broken frame: to its CR, or to the next LF, whichever comes first."""
    ends = [at + 1 for at in (kept.find(b"\r", 1),) if at > 0] + [at for at in (kept.find(b"\n", 1),) if at > 0]
    if not ends:
        return 0, None
    return min(ends), Broken(fault, bytes(kept[: min(ends)]))


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_header(raw: Raw) -> Header:
    """Return what a frame says in clear; `BadForm` when it is none of DC-09."""
    if raw.legacy:
        match = _LEGACY.fullmatch(raw.body)
        assert match is not None
        receiver, line, account, _ = (part.decode() for part in match.groups())
        return Header(
            encrypted=False, id="NULL", sequence="0000", receiver=receiver, line=line, account=account.upper(), rest="]"
        )
    text = raw.body.decode("latin-1")
    found = _BODY.match(text)
    if found is None:
        raise BadForm("header")
    star, id_, sequence, receiver_, line, account_ = found.groups()
    return Header(
        encrypted=bool(star),
        id=id_.upper(),
        sequence=sequence,
        receiver=receiver_,
        line=line,
        account=account_.upper() if account_ else None,
        rest=text[found.end() :],
    )


def read_content(text: str) -> Content:
    """Return data, extensions and time of what stands behind the first bracket; `BadForm` when it is not so."""
    found = _REST.fullmatch(text.rstrip("\x00"))
    if found is None:
        raise BadForm("content")
    data, extensions, time = found.groups()
    parts = extensions[1:-1].split("][") if extensions else []
    if len(parts) > EXTENSIONS_MAX:
        raise BadForm("too many extensions")
    named = tuple((part[0], part[1:][:EXTENSION_MAX_CHARS]) for part in parts if part)
    return Content(data=data, extensions=named, time=read_time(time) if time else None)


def read_time(text: str) -> datetime:
    """Return a timestamp; `BadForm` when no clock can show it."""
    try:
        return datetime.strptime(text.lstrip("_"), TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise BadForm(f"no possible time: {text[:32]}") from None


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_time(at: datetime) -> str:
    """Return ``_HH:MM:SS,MM-DD-YYYY`` in GMT."""
    return f"_{at.astimezone(UTC).strftime(TIME_FORMAT)}"


def write_frame(body: str, *, binary_crc: bool = False) -> bytes:
    """Return ``body`` with LF, CRC, length and CR."""
    encoded = body.encode("latin-1", "replace")
    if len(encoded) > BODY_MAX_BYTES:
        raise ValueError(f"a frame has at most {BODY_MAX_BYTES} bytes")
    crc = crc16(encoded)
    shown = crc.to_bytes(2, "big") if binary_crc else f"{crc:04X}".encode()
    return b"\n" + shown + f"{len(encoded):04X}".encode() + encoded + b"\r"
