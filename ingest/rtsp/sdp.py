"""The session description (RFC 4566): which stream is the video, and how its packets are to be read."""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import urljoin

from ingest.h26x import Codec, ParameterSets

_CODECS = {"H264": Codec.H264, "H265": Codec.H265, "HEVC": Codec.H265}
LINES_MAX = 1000
CLOCK_HZ = 90_000


class NoVideo(ValueError):
    """Nothing here that can be shown; the text says what there is instead."""


@dataclass(frozen=True, slots=True)
class VideoMedia:
    """The one stream that is set up; sound never is."""

    codec: Codec
    payload_type: int
    control: str
    sets: ParameterSets


@dataclass(slots=True)
class _Media:
    kind: str
    payload_types: list[str]
    control: str = ""
    encodings: dict[str, str] | None = None
    formats: dict[str, str] | None = None


def _sections(text: str) -> tuple[str, list[_Media]]:
    base_control, media = "", list[_Media]()
    for line in text.splitlines()[:LINES_MAX]:
        name, _, value = line.strip().partition("=")
        if name == "m":
            words = value.split()
            if len(words) >= 4:
                media.append(_Media(words[0], words[3:], encodings={}, formats={}))
        elif name == "a":
            key, _, rest = value.partition(":")
            if key == "control" and not media:
                base_control = rest.strip()
            elif media:
                _attribute(media[-1], key, rest.strip())
    return base_control, media


def _attribute(media: _Media, key: str, rest: str) -> None:
    number, _, detail = rest.partition(" ")
    if key == "control":
        media.control = rest
    elif key == "rtpmap" and media.encodings is not None:
        media.encodings[number] = detail.strip()
    elif key == "fmtp" and media.formats is not None:
        media.formats[number] = detail.strip()


def _sets(codec: Codec, format_text: str) -> ParameterSets:
    """Take the out-of-band parameter sets (RFC 6184 8.1, RFC 7798 7.1); broken ones are left out."""
    sets = ParameterSets(codec)
    for part in format_text.split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() in ("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps"):
            for text in value.split(","):
                try:
                    nal = base64.b64decode(text + "=" * (-len(text) % 4))
                except (binascii.Error, ValueError):
                    continue
                if nal:
                    sets = sets.updated(nal)
    return sets


def control_url(base: str, control: str) -> str:
    """Resolve a control attribute the way RFC 2326 C.1.1 means and cameras do: appended, not RFC 3986 merged."""
    if not control or control == "*":
        return base
    if "://" in control:
        return control
    return urljoin(base, control) if control.startswith("/") else f"{base.rstrip('/')}/{control}"


def parse(body: bytes) -> tuple[str, VideoMedia]:
    """Return the session's control attribute and its first H.264 or H.265 stream; `NoVideo` says what else it has."""
    base, sections = _sections(body.decode("utf-8", "replace"))
    seen = []
    for media in sections:
        if media.kind != "video":
            continue
        for number in media.payload_types:
            encoding = (media.encodings or {}).get(number, "")
            name, _, rate = encoding.partition("/")
            codec = _CODECS.get(name.upper())
            if codec and number.isdigit() and rate.split("/")[0] == str(CLOCK_HZ):
                sets = _sets(codec, (media.formats or {}).get(number, ""))
                return base, VideoMedia(codec, int(number), media.control, sets)
            seen.append(name or {"26": "JPEG", "32": "MPEG-2", "33": "MPEG-TS"}.get(number, f"type {number}"))
    if seen:
        raise NoVideo(f"{', '.join(seen)[:80]} is not H.264 or H.265")
    raise NoVideo("no video in the session description")
