"""Recorded footage, cut once into the RTP payloads that every client gets (RFC 6184, RFC 7798)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.video.stream import VideoStream

from ingest.h26x import Codec, is_parameter_set, split_start_codes
from ingest.rtsp_server.rtp import format_parameters, payloads
from models.errors import BadInput

TICKS_PER_S = 90_000
_CODECS = {"h264": Codec.H264, "hevc": Codec.H265}


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One picture: when it is sent, its presentation time, and its RTP payloads."""

    due_s: float
    pts_90k: int
    key: bool
    payloads: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Footage:
    """One file, ready to be sent in a loop of ``duration_s``."""

    path: Path
    codec: Codec
    duration_s: float
    format_parameters: str
    units: tuple[AccessUnit, ...]


def annex_b(stream: VideoStream, name: str) -> Iterator["av.Packet[VideoStream]"]:
    """Yield the packets of a stream with start codes, parameter sets before key frames."""
    to_start_codes = BitStreamFilterContext(f"{name}_mp4toannexb", stream)
    for packet in stream.container.demux(stream):  # type: ignore[attr-defined]
        yield from to_start_codes.filter(packet if packet.size else None)


def load(path: Path) -> Footage:
    """Read a file's video; `BadInput` when it holds none that RTSP clients here can use."""
    try:
        with av.open(str(path)) as container:
            return _load(path, container.streams.video[0])
    except (FFmpegError, OSError, IndexError) as error:
        raise BadInput("file", f"a video file; {path.name} cannot be read ({error})") from error


def _load(path: Path, stream: VideoStream) -> Footage:
    name = stream.codec_context.name
    codec = _CODECS.get(name)
    if codec is None:
        raise BadInput("file", f"H.264 or H.265; {path.name} is {name}")
    units: list[AccessUnit] = []
    sets: list[bytes] = []
    for packet in annex_b(stream, name):
        if not packet.size or packet.pts is None or packet.dts is None or not (units or packet.is_keyframe):
            continue
        nals = split_start_codes(bytes(packet))
        sets += [nal for nal in nals if is_parameter_set(codec, nal[0]) and nal not in sets]
        cut = tuple(payload for nal in nals for payload in payloads(nal, codec))
        due_s = float(packet.dts * packet.time_base)
        units.append(AccessUnit(due_s, round(packet.pts * packet.time_base * TICKS_PER_S), packet.is_keyframe, cut))
    if len(units) < 2:
        raise BadInput("file", f"at least two frames; {path.name} has {len(units)}")
    first_s = units[0].due_s
    duration_s = (units[-1].due_s - first_s) * len(units) / (len(units) - 1)
    shifted = tuple(AccessUnit(unit.due_s - first_s, unit.pts_90k, unit.key, unit.payloads) for unit in units)
    return Footage(path, codec, duration_s, format_parameters(codec, sets), shifted)
