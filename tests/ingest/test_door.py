"""Pictures that are encoded once at the door: sizes, ranges of brightness, key frames by the clock."""

import cv2
import numpy as np
import pytest

from ingest.door import AREA_MAX_PX, BROKEN_IN_A_ROW_MAX, ENCODED_SIDE_MAX_PX, Door, PictureRefused, Sparing, jpeg_size
from ingest.gate import DecodeGate
from ingest.packet import TICKS_PER_S, Packet
from ingest.rtsp import AccessUnit
from models.frame import DecodeMode, Frame
from tests.support.clock import FakeClock


def jpeg(width_px: int, height_px: int, *, grey: int = 255, flags: tuple[int, ...] = (), colour: bool = True) -> bytes:
    shape = (height_px, width_px, 3) if colour else (height_px, width_px)
    done, encoded = cv2.imencode(".jpg", np.full(shape, grey, np.uint8), list(flags))
    assert done
    return encoded.tobytes()


def shown(unit: AccessUnit | None) -> Frame:
    """Decode a key frame as analytics would get it."""
    assert unit is not None
    frames: list[Frame] = []
    clock = FakeClock()
    gate = DecodeGate("door", on_frame=frames.append, mode=lambda: DecodeMode.QUIET)
    gate.put(Packet(1, 0, 0, clock.utc_now(), clock.monotonic_s(), unit.key, unit.data, unit.sets))
    return frames[0]


@pytest.mark.parametrize("size", [(1280, 720), (321, 241), (16, 16), (640, 16), (1920, 1080)])
def test_sizes_become_even(size: tuple[int, int]) -> None:
    """4:2:0 has no odd ones; nothing else changes."""
    assert jpeg_size(jpeg(*size)) == size
    frame = shown(Door().jpeg(jpeg(*size), 0))
    assert frame.size_px == (size[0] // 2 * 2, size[1] // 2 * 2)


def test_kinds_of_jpeg_and_their_brightness() -> None:
    """Progressive, grey, 4:4:4; white of the full range becomes white of the limited one, black black."""
    for picture in (
        jpeg(320, 240),
        jpeg(320, 240, flags=(cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        jpeg(320, 240, colour=False),
        jpeg(320, 240, flags=(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)),
    ):
        assert abs(int(shown(Door().jpeg(picture, 0)).y.mean()) - 235) <= 1
    assert abs(int(shown(Door().jpeg(jpeg(320, 240, grey=0), 0)).y.mean()) - 16) <= 1


def test_large_pictures_are_made_smaller_and_too_large_ones_refused() -> None:
    """Up to the limit they are looked at; what is shown ends where browsers do."""
    frame = shown(Door().jpeg(jpeg(6000, 1500), 0))
    assert frame.size_px == (ENCODED_SIDE_MAX_PX, 960)
    with pytest.raises(PictureRefused, match="8208 x 16"):
        Door().jpeg(jpeg(8208, 16), 0)
    with pytest.raises(PictureRefused, match="megapixels"):
        jpeg_size(jpeg(8000, AREA_MAX_PX // 8000 + 8, colour=False))


@pytest.mark.parametrize("fps", [1, 10])
def test_key_frames_come_by_the_clock(fps: int) -> None:
    """Every two seconds, however many pictures there are; the parameter sets stay one object."""
    door, picture = Door(), jpeg(320, 240)
    units = [door.jpeg(picture, index * TICKS_PER_S // fps) for index in range(fps * 6 + 1)]
    keys = [index / fps for index, unit in enumerate(units) if unit is not None and unit.key]
    assert keys == [0, 2, 4, 6]
    assert len({id(unit.sets) for unit in units if unit is not None}) == 1


def test_a_new_size_begins_a_new_stream() -> None:
    """With a key frame and sets of its own; time never stands still."""
    door = Door()
    first, second = door.jpeg(jpeg(320, 240), 5), door.jpeg(jpeg(640, 480), 5)
    assert first is not None
    assert second is not None
    assert second.key
    assert second.sets.picture.width_px == 640
    assert second.ticks == 6


def test_broken_pictures_are_counted_and_end_it_when_there_is_nothing_else() -> None:
    """Cut off in the middle of the scan: a few do not matter."""
    door, whole = Door(), jpeg(320, 240)
    broken = whole[: whole.index(b"\xff\xda")]
    for _ in range(3):
        assert door.jpeg(broken, 0) is None
    assert door.jpeg(whole, 1) is not None
    assert door.broken_total == 3
    for _ in range(BROKEN_IN_A_ROW_MAX - 1):
        assert door.jpeg(broken, 2) is None
    with pytest.raises(PictureRefused, match="cannot be decoded"):
        door.jpeg(broken, 2)


def test_at_most_ten_a_second_are_kept() -> None:
    """Of 25 a second ten; of ten that come unevenly all."""
    fast, uneven = Sparing(), Sparing()
    assert sum(fast.keeps(index / 25) for index in range(250)) in (100, 101)
    assert all(uneven.keeps(index / 10 + (0.04 if index % 2 else 0)) for index in range(100))
