"""The decode gate."""

import random
from dataclasses import replace

import numpy as np

from ingest.gate import DecodeGate
from ingest.picture import jpeg
from models.frame import DecodeMode, Frame
from tests.support.clock import FakeClock
from tests.support.rtsp import clip, packets_of


class Switch:
    mode = DecodeMode.QUIET

    def __call__(self) -> DecodeMode:
        return self.mode


def gate() -> tuple[DecodeGate, list[Frame], Switch]:
    frames: list[Frame] = []
    switch = Switch()
    return DecodeGate("gate", on_frame=frames.append, mode=switch), frames, switch


def test_quiet_gives_key_frames_at_once() -> None:
    """Also of a stream with B-frames, whose decoder would hold a picture back."""
    for name in ("h264", "h265", "b_frames"):
        into, frames, _ = gate()
        for packet in packets_of(clip(name), clock=FakeClock()):
            before = len(frames)
            into.put(packet)
            assert len(frames) - before == packet.key
        assert all(frame.key for frame in frames)


def test_active_gives_every_picture() -> None:
    """In order of presentation."""
    for name in ("h264", "b_frames"):
        into, frames, switch = gate()
        switch.mode = DecodeMode.ACTIVE
        packets = packets_of(clip(name), clock=FakeClock())
        for packet in packets:
            into.put(packet)
        assert len(packets) - 4 <= len(frames) <= len(packets)
        assert [frame.pts_s for frame in frames] == sorted(frame.pts_s for frame in frames)


def test_switching_to_active_needs_no_wait_for_a_key_frame() -> None:
    """Mid-GOP: the next packet already gives its picture, equal to that of a decoder that saw everything."""
    packets = packets_of(clip(), clock=FakeClock())
    full, all_frames, full_switch = gate()
    full_switch.mode = DecodeMode.ACTIVE
    into, frames, switch = gate()
    for index, packet in enumerate(packets[:12]):
        full.put(packet)
        switch.mode = DecodeMode.ACTIVE if index >= 7 else DecodeMode.QUIET
        into.put(packet)
    assert len(frames) == 1 + 5
    assert np.array_equal(frames[1].y, all_frames[7].y)
    switch.mode = DecodeMode.QUIET
    into.put(packets[12])
    into.put(packets[13])
    assert frames[-1].pts_s == packets[12].present_90k / 90_000


def test_planes_have_the_pictures_size() -> None:
    """Line padding is not part of them; nobody may write to them."""
    into, frames, _ = gate()
    into.put(packets_of(clip("large"), clock=FakeClock())[0])
    frame = frames[0]
    assert frame.y.shape == (480, 640)
    assert frame.u.shape == frame.v.shape == (240, 320)
    assert not frame.y.flags.writeable
    assert int(frame.y[170, 10]) > 200, "the bright square of the clip"
    assert into.latest is frame


def test_frames_outlive_the_decoder() -> None:
    """A frame that analytics holds is not overwritten by later ones."""
    into, frames, switch = gate()
    switch.mode = DecodeMode.ACTIVE
    packets = packets_of(clip(), clock=FakeClock())
    into.put(packets[0])
    first = frames[0].y.copy()
    for packet in packets[1:]:
        into.put(packet)
    assert np.array_equal(frames[0].y, first)


def test_damage_is_counted_and_survived() -> None:
    """Half of each picture missing: errors are counted or concealed, never raised."""
    into, _, switch = gate()
    switch.mode = DecodeMode.ACTIVE
    from dataclasses import replace  # noqa: PLC0415 - one use

    for packet in packets_of(clip(), clock=FakeClock()):
        half = packet.data[: len(packet.data) // 2]
        into.put(replace(packet, data=half if not packet.key else packet.data))
    for packet in packets_of(clip(), clock=FakeClock()):
        into.put(packet)
    assert into.frames_total > 0


def test_a_frozen_picture_is_noticed() -> None:
    """Key frames that are equal to the bit."""
    into, _, _ = gate()
    packets = packets_of(clip(), clock=FakeClock())
    from dataclasses import replace  # noqa: PLC0415 - one use

    for second in range(5):
        into.put(replace(packets[0], monotonic_s=1000.0 + second))
    assert into.same_since_s == 1001.0
    into.put(packets[12])
    assert into.same_since_s is None


def test_snapshots_are_jpeg() -> None:
    """With the colours where they belong: the square is bright."""
    import cv2  # noqa: PLC0415 - one use

    into, frames, _ = gate()
    into.put(packets_of(clip("large"), clock=FakeClock())[0])
    picture = cv2.imdecode(np.frombuffer(jpeg(frames[0], width_max_px=320), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (240, 320, 3)
    assert int(picture[90, 10].min()) > 200


def test_wrong_bytes_are_noticed() -> None:
    """Packets that came whole but scratched; a clean stream is never called so, and a new link starts anew."""
    into, _, switch = gate()
    dice = random.Random(7)
    packets = packets_of(clip(), clock=FakeClock(), loops=2)
    for packet in packets:
        into.put(packet)
    told = [into.broken]
    switch.mode = DecodeMode.ACTIVE
    for packet in packets:
        scratched = bytes(byte if dice.random() < 0.99 or at < 8 else 0x5A for at, byte in enumerate(packet.data))
        into.put(replace(packet, data=scratched))
    told.append(into.broken)
    into.reset()
    assert [*told, into.broken] == [False, True, False]
