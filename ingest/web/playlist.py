"""HLS playlists (RFC 8216), read strictly: what is not understood safely is refused in words."""

import re
from collections import deque
from dataclasses import dataclass

PLAYLIST_MAX_BYTES = 1 << 20
LINE_MAX_CHARS = 4096
SEGMENTS_KEPT = 64
"""Of the end of a playlist; a long window is nothing that a live camera is asked for."""
VARIANTS_MAX = 64
HEIGHT_MAX_PX = 1080
DURATION_MAX_S = 60.0
PLAYLIST_TYPES = frozenset(
    {"application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"}
)
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')
_RANGES = "its HLS cuts one file into ranges, which is not supported"
_VIDEO_CODECS = ("avc1", "avc3", "hvc1", "hev1")


class PlaylistRefused(ValueError):
    """Says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several renditions; height 0 and no codecs: not said."""

    uri: str
    bandwidth_bps: int
    height_px: int
    codecs: tuple[str, ...]

    @property
    def playable(self) -> bool:
        video = not self.codecs or any(codec.startswith(_VIDEO_CODECS) for codec in self.codecs)
        return video and self.height_px <= HEIGHT_MAX_PX


@dataclass(frozen=True, slots=True)
class Segment:
    sequence: int
    uri: str
    duration_s: float
    map_uri: str | None


@dataclass(frozen=True, slots=True)
class Media:
    """The newest segments of one rendition."""

    target_s: float
    segments: tuple[Segment, ...]
    ended: bool


def parse(raw: bytes) -> tuple[Variant, ...] | Media:
    """Read a master playlist (its variants) or a media playlist."""
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise PlaylistRefused("its playlist is not text") from None
    lines = [line.strip() for line in text.splitlines()]
    if not lines or lines[0] != "#EXTM3U":
        raise PlaylistRefused("its playlist does not begin with #EXTM3U")
    if any(len(line) > LINE_MAX_CHARS for line in lines):
        raise PlaylistRefused("its playlist has endless lines")
    _refuse_encryption(lines)
    if any(line.startswith("#EXT-X-STREAM-INF:") for line in lines):
        return _variants(lines)
    return _media(lines)


def best(variants: tuple[Variant, ...]) -> Variant:
    """Return the largest that can be recorded and shown as it is."""
    playable = [variant for variant in variants if variant.playable]
    if not playable:
        raise PlaylistRefused(f"its playlist has nothing in H.264 or H.265 up to {HEIGHT_MAX_PX} lines")
    return max(playable, key=lambda variant: (variant.height_px, variant.bandwidth_bps))


def _attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(line.partition(":")[2])}


def _refuse_encryption(lines: list[str]) -> None:
    for line in lines:
        if line.startswith(("#EXT-X-KEY:", "#EXT-X-SESSION-KEY:")) and _attributes(line).get("METHOD") != "NONE":
            raise PlaylistRefused("its HLS is encrypted, which is not supported")


def _variants(lines: list[str]) -> tuple[Variant, ...]:
    found: list[Variant] = []
    said: dict[str, str] | None = None
    for line in lines:
        if line.startswith("#EXT-X-STREAM-INF:"):
            said = _attributes(line)
        elif line and not line.startswith("#") and said is not None:
            height = said.get("RESOLUTION", "").lower().partition("x")[2]
            codecs = tuple(codec.strip() for codec in said.get("CODECS", "").split(",") if codec.strip())
            found.append(Variant(line, _whole(said.get("BANDWIDTH", "0")), _whole(height or "0"), codecs))
            said = None
            if len(found) > VARIANTS_MAX:
                raise PlaylistRefused(f"its playlist has more than {VARIANTS_MAX} variants")
    return tuple(found)


class _MediaReader:
    """Goes through a media playlist line by line."""

    def __init__(self) -> None:
        self.kept: deque[Segment] = deque(maxlen=SEGMENTS_KEPT)
        self.target_s, self.ended = 0.0, False
        self._sequence = 0
        self._duration_s: float | None = None
        self._map_uri: str | None = None
        self._missing = False

    def tag(self, name: str, rest: str) -> None:
        if name == "#EXT-X-TARGETDURATION":
            self.target_s = _seconds(rest)
        elif name == "#EXT-X-MEDIA-SEQUENCE":
            self._sequence = _whole(rest)
        elif name == "#EXTINF":
            self._duration_s = _seconds(rest.partition(",")[0])
        elif name == "#EXT-X-MAP":
            self._map(_attributes(":" + rest))
        elif name == "#EXT-X-BYTERANGE":
            raise PlaylistRefused(_RANGES)
        self._missing = self._missing or name == "#EXT-X-GAP"
        self.ended = self.ended or name == "#EXT-X-ENDLIST"

    def _map(self, said: dict[str, str]) -> None:
        if "BYTERANGE" in said:
            raise PlaylistRefused(_RANGES)
        self._map_uri = said.get("URI") or None

    def uri(self, uri: str) -> None:
        if self._duration_s is None:
            raise PlaylistRefused("its playlist has a segment without a duration")
        if not self._missing:
            self.kept.append(Segment(self._sequence, uri, self._duration_s, self._map_uri))
        self._sequence, self._duration_s, self._missing = self._sequence + 1, None, False


def _media(lines: list[str]) -> Media:
    reader = _MediaReader()
    for line in lines:
        if line.startswith("#"):
            name, _, rest = line.partition(":")
            reader.tag(name, rest)
        elif line:
            reader.uri(line)
    if not reader.target_s:
        raise PlaylistRefused("its playlist has no target duration")
    return Media(reader.target_s, tuple(reader.kept), reader.ended)


def _whole(text: str) -> int:
    text = text.strip()
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise PlaylistRefused("its playlist has a number that is none")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text.strip())
    except ValueError:
        value = -1.0
    if not 0 <= value <= DURATION_MAX_S:
        raise PlaylistRefused(f"its playlist has a duration that is not within {DURATION_MAX_S:.0f} s")
    return value
