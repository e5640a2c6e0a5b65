"""The last seconds in memory."""

from ingest.ring import PacketRing
from tests.support.clock import FakeClock
from tests.support.rtsp import clip, packets_of


def test_ring_holds_whole_gops_of_the_last_seconds() -> None:
    """One second asked, GOPs of 0.48 s: what is kept starts with a key frame and covers the second."""
    ring = PacketRing(1.0, 10 << 20)
    for packet in packets_of(clip("h264"), clock=FakeClock(), loops=2):
        ring.add(packet)
    held = ring.packets()
    assert held[0].key
    assert 90_000 <= held[-1].present_90k - held[0].present_90k < 90_000 + 2 * 12 * 3600


def test_ring_is_bounded_by_bytes() -> None:
    """A burst of large pictures pushes older GOPs out; a GOP larger than all is not kept."""
    packets = packets_of(clip("h264"), clock=FakeClock())
    ring = PacketRing(60.0, 2000)
    for packet in packets:
        ring.add(packet)
        assert ring.size_bytes <= 2000
    tiny = PacketRing(60.0, 10)
    for packet in packets:
        tiny.add(packet)
    assert tiny.packets() == []
