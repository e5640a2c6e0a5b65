"""Privacy masks: nothing of what is behind them leaves the door."""

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from ingest.clients import StreamClient
from ingest.failures import LinkFailure
from ingest.gate import open_decoder
from ingest.h26x import Codec, ParameterSets, is_key_nal, is_parameter_set, join_lengths, split_start_codes
from ingest.masking import MaskingClient, Polygon, covered, masked, masking
from ingest.rtsp import AccessUnit
from models.camera import CameraSource, Scheme
from models.frame import Frame

SIZE = WIDTH, HEIGHT = 320, 240
LEFT_HALF: Polygon = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
STEP = 3600


@dataclass
class Film:
    """A client that gives the same film each time."""

    film: list[AccessUnit | None]
    peer: str = "film"
    packets_lost: int = 3
    note: str = "over TCP"
    calls: list[str] = field(default_factory=list)

    def open(self, timeout_s: float) -> None:
        self.calls.append(f"open {timeout_s:g}")

    def units(self) -> Iterator[AccessUnit | None]:
        yield from self.film
        raise LinkFailure(self.peer, "the film is over")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


def film(
    pictures: int = 30, *, bframes: int = 0, codec: str = "libx264", size: tuple[int, int] = SIZE
) -> list[AccessUnit]:
    """Return a white square that walks from left to right over grey, encoded."""
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, 90_000), Fraction(25, 1)
    encoder.gop_size, encoder.max_b_frames = 10, bframes
    encoder.options = {"preset": "ultrafast"}
    if codec == "libx265":
        encoder.options |= {"x265-params": "log-level=none:repeat-headers=1"}
    kind = Codec.H265 if "265" in codec else Codec.H264
    sets, units = ParameterSets(kind), []
    packets = []
    for number in range(pictures):
        grey = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
        at = number * (size[0] - 40) // max(pictures - 1, 1)
        grey[100:140, at : at + 40] = 235
        picture = VideoFrame.from_ndarray(grey, format="yuv420p")
        picture.pts, picture.time_base = number * STEP, Fraction(1, 90_000)
        packets += encoder.encode(picture)
    for packet in [*packets, *encoder.encode(None)]:
        nals = []
        for nal in split_start_codes(bytes(packet)):
            if is_parameter_set(kind, nal[0]):
                sets = sets.updated(nal)
            else:
                nals.append(nal)
        key = any(is_key_nal(kind, nal[0]) for nal in nals)
        assert packet.pts is not None
        units.append(AccessUnit(packet.pts & 0xFFFFFFFF, key, join_lengths(nals), sets, damaged=False))
    return units


def seen(client: StreamClient) -> list[tuple[AccessUnit, np.ndarray]]:
    """Return each unit with the Y plane a viewer gets of it."""
    shown: list[tuple[AccessUnit, np.ndarray]] = []
    decoder, sets = None, None
    units = client.units()
    while True:
        try:
            unit = next(units)
        except LinkFailure:
            return shown
        if unit is None:
            continue
        if unit.sets is not sets:
            sets, decoder = unit.sets, open_decoder(unit.sets)
        assert decoder is not None
        shown += [(unit, picture.to_ndarray(format="gray")) for picture in decoder.decode(av.Packet(unit.data))]


@pytest.mark.parametrize(("codec", "bframes"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_nothing_shows_behind_a_mask_and_the_rest_stays(codec: str, bframes: int) -> None:
    """The masked half is black in every picture; the other half shows what was there, in order."""
    client = MaskingClient(Film([*film(codec=codec, bframes=bframes)]), [LEFT_HALF])
    shown = seen(client)
    assert len(shown) >= 27
    assert max(int(picture[:, : WIDTH // 2].max()) for _, picture in shown) <= 24
    assert min(float(np.median(picture[:, WIDTH // 2 + 16 :])) for _, picture in shown) > 115
    assert int(shown[-1][1][100:140, WIDTH // 2 :].max()) > 200
    assert shown[0][0].key
    assert all(unit.sets.codec is Codec.H264 for unit, _ in shown)
    ticks = [unit.ticks for unit, _ in shown]
    assert ticks == sorted(ticks)
    assert {after - before for before, after in itertools.pairwise(ticks)} == {STEP}


def test_time_goes_on_over_the_wrap_of_its_clock() -> None:
    """The camera's 32-bit clock may wrap while it is masked."""
    late = [replace(unit, ticks=(unit.ticks + (1 << 32) - 5 * STEP) & 0xFFFFFFFF) for unit in film(12)]
    ticks = [unit.ticks for unit, _ in seen(MaskingClient(Film([*late]), [LEFT_HALF]))]
    assert [(after - before) % (1 << 32) for before, after in itertools.pairwise(ticks)] == [STEP] * (len(ticks) - 1)


def test_a_new_size_is_masked_too() -> None:
    """Polygons are in shares of the picture, whatever its size becomes."""
    client = MaskingClient(Film([*film(12), *film(12, size=(640, 480))]), [LEFT_HALF])
    shown = seen(client)
    assert {picture.shape for _, picture in shown} == {(240, 320), (480, 640)}
    assert max(int(picture[:, : picture.shape[1] // 2].max()) for _, picture in shown) <= 24


def test_what_cannot_be_decoded_is_not_let_through() -> None:
    """Bytes that are no pictures end the stream instead of passing unmasked."""
    good = film(1)[0]
    junk = struct.pack(">I", 40) + bytes([0x65]) + bytes(39)
    client = MaskingClient(Film([replace(good, data=junk, key=True) for _ in range(400)]), [LEFT_HALF])
    given: list[AccessUnit | None] = []
    with pytest.raises(LinkFailure):
        given.extend(client.units())
    assert set(given) == {None}
    assert client.broken_total > 0


def test_it_asks_and_says_what_the_camera_does() -> None:
    """Opening, stopping, notes and losses are the camera's own; silence is passed on."""
    inner = Film([None, *film(2), None])
    client = masking(lambda *_: inner, [LEFT_HALF])(SOURCE, "", ())
    client.open(4)
    units: list[AccessUnit | None] = []
    with pytest.raises(LinkFailure, match="over"):
        units.extend(client.units())
    client.stop()
    client.close()
    assert isinstance(client, MaskingClient)
    assert (client.peer, client.packets_lost, client.note) == ("film", 3, "over TCP")
    assert inner.calls == ["open 4", "stop", "close"]
    assert units[0] is None


SOURCE = CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=554, path="/")


def test_without_masks_nothing_stands_between() -> None:
    """A camera without masks is not decoded."""
    inner = Film([])
    assert masking(lambda *_: inner, [])(SOURCE, "", ()) is inner


def test_masks_reach_beyond_their_edges() -> None:
    """Rounding goes outwards, also where colour has half the resolution and sides are odd."""
    luma, chroma = covered([((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))], (101, 51))
    assert luma.shape == (51, 101)
    assert chroma.shape == (26, 51)
    rows, columns = np.nonzero(luma)
    assert (rows.min() <= 12, rows.max() >= 39, columns.min() <= 25, columns.max() >= 76) == (True,) * 4
    assert chroma[rows // 2, columns // 2].all()


def test_a_probe_shows_no_more() -> None:
    """One frame, as the probe of a registered camera shows it."""
    bright = np.full((48, 64), 200, np.uint8)
    colour = np.full((24, 32), 60, np.uint8)
    frame = Frame(
        camera_id="gate",
        seq=1,
        captured_at=datetime(2026, 1, 1, tzinfo=UTC),
        monotonic_s=0,
        pts_s=0,
        y=bright,
        u=colour,
        v=colour,
    )
    painted = masked(frame, [LEFT_HALF])
    assert painted.y[:, :32].max() == 16
    assert painted.u[:, :16].min() == 128
    assert painted.y[:, 40:].min() == 200
    assert masked(frame, []) is frame
