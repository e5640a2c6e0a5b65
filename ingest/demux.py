"""Files and pieces of files (MP4, Matroska, AVI, MPEG-TS) to access units, at the pace at which they were filmed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import av
from av.bitstream import BitStreamFilterContext
from av.container.input import InputContainer
from av.error import FFmpegError
from av.packet import Packet as AvPacket
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ingest.door import AREA_MAX_PX, check_size, open_picture_decoder
from ingest.h26x import Codec, ParameterSets, is_key_nal, is_parameter_set, join_lengths, nal_type, split_start_codes
from ingest.packet import TICKS_PER_S
from ingest.rtsp import AccessUnit

JUMP_TICKS = 2 * TICKS_PER_S
"""A longer step between two pictures, or one back, is a cut: the next picture follows at once."""
LATE_S = 0.5
STEP_DEFAULT_TICKS = TICKS_PER_S // 25
_CODECS = {"h264": (Codec.H264, "h264_mp4toannexb"), "hevc": (Codec.H265, "hevc_mp4toannexb")}
_LEFT_OUT = {Codec.H264: frozenset({9, 12}), Codec.H265: frozenset({35, 38})}
_OPEN = {"probesize": str(1 << 20), "analyzeduration": "500000", "fpsprobesize": "0", "max_pixels": str(AREA_MAX_PX)}


class NotPlayable(ValueError):
    """Says what it is instead."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One picture with its times in 1/90000 s: encoded as it came, or decoded when it has to go through the door."""

    decode_90k: int
    present_90k: int
    unit: AccessUnit | None = None
    frame: VideoFrame | None = None


class UnitMaker:
    """Keeps the parameter sets from one piece of a stream to the next, so that they stay one object."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self._sets = ParameterSets(codec)

    def unit(self, stream: bytes) -> AccessUnit | None:
        """Take an access unit with start codes; None when it holds no picture."""
        nals = []
        for nal in split_start_codes(stream):
            if is_parameter_set(self.codec, nal[0]):
                self._sets = self._sets.updated(nal)
            elif nal_type(self.codec, nal[0]) not in _LEFT_OUT[self.codec]:
                nals.append(nal)
        if not any(_is_slice(self.codec, nal[0]) for nal in nals):
            return None
        key = any(is_key_nal(self.codec, nal[0]) for nal in nals)
        return AccessUnit(0, key, join_lengths(nals), self._sets, damaged=False)


def _is_slice(codec: Codec, first_byte: int) -> bool:
    kind = nal_type(codec, first_byte)
    return 1 <= kind <= 5 if codec is Codec.H264 else kind < 32


class Container:
    """One opened file of a named format; no other format is guessed, since some lead to other files and hosts.

    The container closes the file.
    """

    def __init__(self, file: BinaryIO, format_name: str) -> None:
        try:
            opened = av.open(file, "r", format=format_name, options=dict(_OPEN))
        except (FFmpegError, ValueError) as error:
            raise NotPlayable(f"cannot be read ({error.strerror if isinstance(error, OSError) else error})") from None
        assert isinstance(opened, InputContainer)
        self._opened, self._file = opened, file
        try:
            self._stream = self._video()
        except NotPlayable:
            opened.close()
            raise

    def _video(self) -> VideoStream:
        if not self._opened.streams.video:
            raise NotPlayable("has no video")
        stream = self._opened.streams.video[0]
        self.codec_name = stream.codec_context.name
        if stream.codec_context.width or stream.codec_context.height:
            try:
                check_size(stream.codec_context.width, stream.codec_context.height)
            except ValueError as refused:
                raise NotPlayable(f"has {refused}") from None
        return stream

    @property
    def codec(self) -> Codec | None:
        """H.264 or H.265, which pass as they are; None for what must be encoded."""
        known = _CODECS.get(self.codec_name)
        return known[0] if known else None

    def close(self) -> None:
        self._opened.close()
        self._file.close()

    def pieces(self, maker: UnitMaker | None) -> Iterator[Piece]:
        """Yield the pictures in decode order up to the end or the first thing that cannot be read."""
        try:
            yield from self._passed(maker) if maker is not None else self._decoded()
        except (FFmpegError, ValueError):
            return  # cut off or broken: what came before is good

    def _passed(self, maker: UnitMaker) -> Iterator[Piece]:
        to_start_codes = BitStreamFilterContext(_CODECS[self.codec_name][1], self._stream)
        for packet in self._opened.demux(self._stream):
            if packet.size == 0:
                continue
            for whole in to_start_codes.filter(packet):
                times = _times(whole)
                unit = maker.unit(bytes(whole))
                if times is not None and unit is not None:
                    yield Piece(*times, unit=unit)

    def _decoded(self) -> Iterator[Piece]:
        context = self._stream.codec_context
        decoder = open_picture_decoder(self.codec_name, context.extradata)
        for packet in self._opened.demux(self._stream):
            times = _times(packet)
            try:
                frames = decoder.decode(packet if packet.size else None)
            except (FFmpegError, ValueError):
                continue
            for frame in frames:
                at = times[0] if times else 0
                if frame.pts is not None and packet.time_base:
                    at = round(frame.pts * packet.time_base * TICKS_PER_S)
                yield Piece(at, at, frame=frame)


def _times(packet: AvPacket[VideoStream]) -> tuple[int, int] | None:
    present = packet.pts if packet.pts is not None else packet.dts
    decode = packet.dts if packet.dts is not None else packet.pts
    if present is None or decode is None or not packet.time_base:
        return None
    ticks = packet.time_base * TICKS_PER_S
    return round(decode * ticks), round(max(present, decode) * ticks)


class Pacer:
    """Says when each picture is due, so that a file runs as a camera would."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._due_s = 0.0
        self._step_s = STEP_DEFAULT_TICKS / TICKS_PER_S

    def due_s(self, decode_90k: int) -> float:
        """Return when (monotonic, s) the picture after the last one asked for is due."""
        now_s = time.monotonic()
        if self._last is None:
            self._due_s = now_s
        else:
            step = decode_90k - self._last
            if 0 < step <= JUMP_TICKS:
                self._step_s = step / TICKS_PER_S
            self._due_s += self._step_s
            if now_s - self._due_s > LATE_S:
                self._due_s = now_s
        self._last = decode_90k
        return self._due_s


def at(unit: AccessUnit, due_s: float, piece: Piece) -> AccessUnit:
    """Return ``unit`` on our own clock: loops and cuts then leave no jump in its time."""
    ticks = round(due_s * TICKS_PER_S) + piece.present_90k - piece.decode_90k
    return replace(unit, ticks=ticks & 0xFFFFFFFF)
