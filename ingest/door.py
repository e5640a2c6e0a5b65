"""The door: pictures that no browser plays in MP4 (JPEG, MPEG-4 part 2, ...) become H.264, once, before anything else.

Recorder, live viewers, WebRTC, clips and analytics then see a camera like any other. Nothing is encoded per viewer.
"""

from fractions import Fraction

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import VideoReformatter

from ingest.h26x import Codec, ParameterSets, is_key_nal, is_parameter_set, join_lengths, nal_type, split_start_codes
from ingest.packet import TICKS_PER_S
from ingest.rtsp import AccessUnit

DOOR_FPS_MAX = 10.0
"""Pictures a second that are kept of a stream which has to be encoded; the rest is dropped before it is decoded."""
GOP_TICKS = 2 * TICKS_PER_S
JPEG_MAX_BYTES = 8 << 20
SIDE_MAX_PX = 8192
AREA_MAX_PX = 40_000_000
SIDE_MIN_PX = 16
ENCODED_SIDE_MAX_PX = 3840
"""Larger pictures are made smaller: decoders of browsers end about here."""
BROKEN_IN_A_ROW_MAX = 20
_LEFT_OUT = frozenset({6, 9, 12})  # SEI (x264 tells its settings), delimiter, filler
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_NO_FRAME_HEADER = frozenset({0xC4, 0xC8, 0xCC})
_OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "crf": "25",
    "forced-idr": "1",
}
_PRIMARIES = {"bt2020nc": ("bt2020", "bt2020-10")}


class PictureRefused(ValueError):
    """A picture that is not decoded at all; says why."""


def check_size(width_px: int, height_px: int) -> None:
    """Raise `PictureRefused` unless a picture of this size may be decoded."""
    within = min(width_px, height_px) >= SIDE_MIN_PX and max(width_px, height_px) <= SIDE_MAX_PX
    if not within or width_px * height_px > AREA_MAX_PX:
        raise PictureRefused(
            f"pictures of {width_px} x {height_px} px;"
            f" {SIDE_MIN_PX} to {SIDE_MAX_PX} a side and {AREA_MAX_PX // 1_000_000} megapixels are the limits"
        )


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) from the frame header in front of the first scan (ITU-T T.81 B.2.2), in pixels."""
    if len(data) > JPEG_MAX_BYTES:
        raise PictureRefused(f"a picture of more than {JPEG_MAX_BYTES >> 20} MiB")
    if not data.startswith(b"\xff\xd8"):
        raise PictureRefused("not a JPEG picture")
    at, size = 2, (0, 0)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _NO_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xDA:
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADER:
            if size != (0, 0):
                raise PictureRefused("a JPEG picture with two sizes")
            size = int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + max(length, 2)
    if 0 in size:
        raise PictureRefused("a JPEG picture without a size")
    check_size(*size)
    return size


def open_picture_decoder(name: str, extradata: bytes | None = None) -> VideoCodecContext:
    """Return a decoder that itself refuses more pixels than the limit; one thread."""
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(AREA_MAX_PX)}
    if extradata:
        decoder.extradata = extradata
    return decoder


class Door:
    """Encodes one stream; used by the stream's own thread. A new size makes new parameter sets."""

    def __init__(self, *, colour: str = "smpte170m") -> None:
        """``colour`` is the matrix of the pictures, in x264's words; JPEG's is that of ITU-R BT.601."""
        self._colour = colour
        self.broken_total = 0
        self._broken_in_a_row = 0
        self._decoder: VideoCodecContext | None = None
        self._encoder: VideoCodecContext | None = None
        self._reformatter = VideoReformatter()  # kept: making one anew for each picture costs as much as its work
        self._size = (0, 0)
        self._sets = ParameterSets(Codec.H264)
        self._key_ticks: int | None = None
        self._last_ticks = -1

    def jpeg(self, data: bytes, ticks: int) -> AccessUnit | None:
        """Return one picture encoded, None when it is broken; `PictureRefused` ends the stream.

        ``ticks`` (1/90000 s, never wrapped) must grow.
        """
        jpeg_size(data)
        try:
            if self._decoder is None:
                self._decoder = open_picture_decoder("mjpeg")
            frames = self._decoder.decode(av.Packet(data))
        except (FFmpegError, ValueError):
            frames = []
            self._decoder = None
        if not frames:
            self.broken_total += 1
            self._broken_in_a_row += 1
            if self._broken_in_a_row >= BROKEN_IN_A_ROW_MAX:
                raise PictureRefused("its pictures cannot be decoded")
            return None
        self._broken_in_a_row = 0
        return self.frame(frames[0], ticks)

    def frame(self, frame: VideoFrame, ticks: int) -> AccessUnit | None:
        """Return one decoded picture encoded; ``ticks`` as for `jpeg`."""
        size = _encoded_size(frame.width, frame.height)
        if self._encoder is None or size != self._size:
            self._open(size)
        assert self._encoder is not None
        picture = self._reformatter.reformat(frame, *size, "yuv420p", dst_color_range="MPEG", threads=1)
        ticks = self._last_ticks = max(ticks, self._last_ticks + 1)
        key = self._key_ticks is None or ticks - self._key_ticks >= GOP_TICKS
        if key:
            self._key_ticks = ticks
        picture.pts, picture.time_base = ticks, Fraction(1, TICKS_PER_S)
        picture.pict_type = PictureType.I if key else PictureType.NONE
        packets = self._encoder.encode(picture)
        return self._unit(b"".join(bytes(packet) for packet in packets), ticks)

    def _open(self, size: tuple[int, int]) -> None:
        encoder = av.CodecContext.create("libx264", "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height = size
        encoder.pix_fmt = "yuv420p"
        encoder.time_base = Fraction(1, TICKS_PER_S)
        encoder.framerate = Fraction(round(DOOR_FPS_MAX), 1)
        encoder.thread_count = 1
        encoder.gop_size = 600  # the clock says when: a slow camera has few pictures in two seconds
        primaries, transfer = _PRIMARIES.get(self._colour, (self._colour, self._colour))
        said = f"scenecut=0:colorprim={primaries}:transfer={transfer}:colormatrix={self._colour}"
        encoder.options = _OPTIONS | {"x264-params": said}
        self._encoder, self._size, self._key_ticks = encoder, size, None
        self._sets = ParameterSets(Codec.H264)

    def _unit(self, stream: bytes, ticks: int) -> AccessUnit | None:
        nals = []
        for nal in split_start_codes(stream):
            if is_parameter_set(Codec.H264, nal[0]):
                self._sets = self._sets.updated(nal)
            elif nal_type(Codec.H264, nal[0]) not in _LEFT_OUT:
                nals.append(nal)
        if not nals:
            return None
        key = any(is_key_nal(Codec.H264, nal[0]) for nal in nals)
        return AccessUnit(ticks & 0xFFFFFFFF, key, join_lengths(nals), self._sets, damaged=False)


def _encoded_size(width_px: int, height_px: int) -> tuple[int, int]:
    """Return an even size inside the limit with the same shape."""
    check_size(width_px, height_px)
    share = min(1.0, ENCODED_SIDE_MAX_PX / max(width_px, height_px))
    return max(SIDE_MIN_PX, int(width_px * share) // 2 * 2), max(SIDE_MIN_PX, int(height_px * share) // 2 * 2)


class Sparing:
    """Says which pictures are kept, so that no more than ``most`` a second are."""

    def __init__(self, most: float = DOOR_FPS_MAX) -> None:
        self._every_s = 1 / most
        self._due_s = float("-inf")

    def keeps(self, now_s: float) -> bool:
        if now_s < self._due_s:
            return False
        self._due_s = max(self._due_s + self._every_s, now_s)
        return True
