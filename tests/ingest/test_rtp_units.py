"""From RTP packets to access units: fragments, aggregates, losses, order."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.camera_server.footage import Footage, load
from ingest.h26x import Codec, ParameterSets, is_parameter_set, split_lengths
from ingest.rtsp.datagrams import WINDOW_MAX, Reorder
from ingest.rtsp.sdp import VideoMedia
from ingest.rtsp.units import UnitBuilder
from ingest.rtsp_server.rtp import PAYLOAD_TYPE, RtpStamper
from tests.support.rtsp import clip


def builder(codec: Codec = Codec.H264) -> UnitBuilder:
    return UnitBuilder(VideoMedia(codec, PAYLOAD_TYPE, "", ParameterSets(codec)))


def push(into: UnitBuilder, packet: bytes) -> None:
    # the client hands in a view into its buffer: the packet never stands alone
    into.push(memoryview(b"....." + packet + b"....."), 5, 5 + len(packet))


def packet(payload: bytes, *, seq: int, ticks: int = 0, marker: bool = False) -> bytes:
    return struct.pack(">BBHII", 0x80, PAYLOAD_TYPE | (0x80 if marker else 0), seq, ticks, 7) + payload


def sent(footage: Footage) -> list[list[bytes]]:
    stamper = RtpStamper()
    return [stamper.packets(unit.payloads, unit.pts_90k) for unit in footage.units]


@pytest.mark.parametrize("name", ["h264", "h265", "b_frames", "large"])
def test_every_picture_arrives_whole(name: str) -> None:
    """What the server cuts, the client joins: the same slices, parameter sets beside them."""
    footage = load(clip(name))
    into = builder(footage.codec)
    for packets in sent(footage):
        for one in packets:
            push(into, one)
    units = list(into.ready)
    assert len(units) == len(footage.units)
    assert [unit.key for unit in units] == [unit.key for unit in footage.units]
    assert not any(unit.damaged for unit in units)
    assert units[0].sets.complete
    assert not any(is_parameter_set(footage.codec, nal[0]) for unit in units for nal in split_lengths(unit.data))


def test_fragments_in_the_middle_take_the_short_way() -> None:
    """A slice of 100 kB comes out bit by bit as it went in."""
    nal = b"\x65" + random.Random(1).randbytes(100_000)
    footage_payloads = tuple(_payloads(nal))
    into = builder()
    for one in RtpStamper().packets(footage_payloads, 0):
        push(into, one)
    assert list(split_lengths(into.ready[0].data)) == [nal]


def _payloads(nal: bytes) -> list[bytes]:
    from ingest.rtsp_server.rtp import payloads  # noqa: PLC0415 - one use

    return list(payloads(nal, Codec.H264))


def test_aggregates_are_taken_apart() -> None:
    """STAP-A (RFC 6184 5.7.1): SPS, PPS and a slice in one packet."""
    nals = [b"\x67\x42\xc0\x0d\xda\x05\x07\xe8\x40\x00", b"\x68\xce\x0f\xc8", b"\x65abc"]
    body = b"\x78" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)
    into = builder()
    push(into, packet(body, seq=1, marker=True))
    unit = into.ready[0]
    assert unit.key
    assert list(split_lengths(unit.data)) == [b"\x65abc"]
    assert unit.sets.pps == (nals[1],)


def test_parameter_sets_with_a_marker_of_their_own_wait_for_the_picture() -> None:
    """Several makers send SPS and PPS as a picture of its own, marker bit set."""
    into = builder()
    push(into, packet(b"\x68\xce\x0f\xc8", seq=1, ticks=5, marker=True))
    assert not into.ready
    push(into, packet(b"\x65abc", seq=2, ticks=5, marker=True))
    assert into.ready[0].sets.pps


def test_lost_start_of_a_fragment_damages_the_picture_alone() -> None:
    """The next picture is whole again; the loss is counted."""
    into = builder()
    fragments = RtpStamper().packets(tuple(_payloads(b"\x65" + bytes(5000))), 0)
    for one in [*fragments[:1], *fragments[2:]]:
        push(into, one)
    assert into.packets_lost == 1
    seq = struct.unpack(">H", fragments[-1][2:4])[0]
    push(into, packet(b"\x41abc", seq=(seq + 1) & 0xFFFF, ticks=9000, marker=True))
    assert [unit.damaged for unit in into.ready] == [False]
    assert into.units_lost == 1


def test_missing_marker_ends_with_the_next_timestamp() -> None:
    """RFC 6184 5.1 allows to rely on the timestamp."""
    into = builder()
    push(into, packet(b"\x65abc", seq=1, ticks=0))
    push(into, packet(b"\x41abc", seq=2, ticks=3600))
    assert [unit.ticks for unit in into.ready] == [0]


def test_an_endless_picture_is_dropped() -> None:
    """Fragments without an end do not grow memory."""
    into = builder()
    push(into, packet(b"\x7c\x85" + bytes(1400), seq=0))
    for seq in range(1, 7000):
        push(into, packet(b"\x7c\x05" + bytes(1400), seq=seq))
    push(into, packet(b"\x7c\x45" + bytes(10), seq=7000, marker=True))
    assert not into.ready
    assert into._fragment is None


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=64), max_size=20), st.sampled_from(list(Codec)))
def test_no_bytes_break_it(packets: list[bytes], codec: Codec) -> None:
    """Any bytes at all: no exception."""
    into = builder(codec)
    for index, junk in enumerate(packets):
        push(into, junk)
        push(into, packet(junk, seq=index, marker=bool(index % 2)))


@given(st.permutations(range(12)), st.integers(0, 0xFFFF))
def test_reordered_packets_come_out_in_order(order: list[int], first: int) -> None:
    """UDP may overtake; numbers wrap at 65,535. The first is known to come first."""
    packets = [packet(b"x", seq=(first + index) & 0xFFFF) for index in range(13)]
    reorder = Reorder()
    out = list(reorder.push(packets[0]))
    for index in order:
        out += reorder.push(packets[index + 1])
    assert out == packets


def test_a_missing_packet_is_waited_for_only_so_long() -> None:
    """After a window of later packets it is given up, and the rest comes in order."""
    reorder = Reorder()
    out = list(reorder.push(packet(b"x", seq=0)))
    for seq in range(2, WINDOW_MAX + 4):
        out += reorder.push(packet(b"x", seq=seq))
    assert [int.from_bytes(one[2:4], "big") for one in out] == [0, *range(2, WINDOW_MAX + 4)]


def test_twice_the_same_packet_counts_once() -> None:
    """Duplicates and very late packets are dropped."""
    reorder = Reorder()
    first, second = packet(b"x", seq=1), packet(b"x", seq=2)
    out = [one for given in (first, second, first, second) for one in reorder.push(given)]
    assert out == [first, second]
