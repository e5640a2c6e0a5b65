"""Recorded footage, cut once into the RTP payloads that every client gets (RFC 6184, RFC 7798)."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.video.stream import VideoStream

from ingest.h26x import Codec, is_parameter_set, nal_type, split_start_codes
from models.errors import BadInput

PAYLOAD_MAX_BYTES = 1400
TICKS_PER_S = 90_000
_CODECS = {"h264": Codec.H264, "hevc": Codec.H265}
_H264_FU_A, _H265_FU = 28, 49


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


def payloads(nal: bytes, codec: Codec) -> Iterator[bytes]:
    """Cut a NAL unit into a single payload or fragmentation units."""
    if len(nal) <= PAYLOAD_MAX_BYTES:
        yield nal
        return
    kind = nal_type(codec, nal[0])
    if codec is Codec.H264:
        indicator, body = bytes([(nal[0] & 0xE0) | _H264_FU_A]), nal[1:]
    else:
        indicator, body = bytes([(nal[0] & 0x81) | (_H265_FU << 1), nal[1]]), nal[2:]
    step = PAYLOAD_MAX_BYTES - len(indicator) - 1
    for at in range(0, len(body), step):
        start = 0x80 if at == 0 else 0
        end = 0x40 if at + step >= len(body) else 0
        yield indicator + bytes([start | end | kind]) + body[at : at + step]


def _format_parameters(codec: Codec, sets: list[bytes]) -> str:
    text = [base64.b64encode(nal).decode() for nal in sets]
    if codec is Codec.H265:
        names = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}
        return ";".join(f"{names[nal_type(codec, nal[0])]}={b64}" for nal, b64 in zip(sets, text, strict=True))
    profile = next(nal for nal in sets if nal_type(codec, nal[0]) == 7)[1:4].hex().upper()
    return f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={','.join(text)}"


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
    return Footage(path, codec, duration_s, _format_parameters(codec, sets), shifted)
