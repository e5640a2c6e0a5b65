"""Parameter sets and NAL units, compared with what libavcodec makes of the same streams."""

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st

from ingest import h26x
from ingest.camera_server.footage import load
from ingest.h26x import Codec, ParameterSets
from tests.support.clock import FakeClock
from tests.support.rtsp import clip, packets_of


@pytest.mark.parametrize(("name", "size_px"), [("h264", (320, 240)), ("h265", (320, 240)), ("large", (640, 480))])
def test_picture_size_is_read_from_the_sps(name: str, size_px: tuple[int, int]) -> None:
    """The size equals what was encoded, cropping included (240 is not a multiple of 16 in both codecs' blocks)."""
    picture = packets_of(clip(name), clock=FakeClock())[0].sets.picture
    assert (picture.width_px, picture.height_px, picture.chroma_format) == (*size_px, 1)


@pytest.mark.parametrize("name", ["h264", "h265", "b_frames"])
def test_decoder_record_opens_a_decoder(name: str) -> None:
    """Libavcodec decodes length-prefixed units with our avcC or hvcC and nothing else."""
    packets = packets_of(clip(name), clock=FakeClock())
    decoder = av.CodecContext.create({"h264": "h264", "h265": "hevc"}[packets[0].sets.codec], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = packets[0].sets.decoder_record()
    pictures = [picture for packet in packets for picture in decoder.decode(av.Packet(packet.data))]
    pictures += decoder.decode(None)
    assert len(pictures) == len(packets)


def test_codec_strings() -> None:
    """RFC 6381: profile, constraints and level of the SPS in hex; H.265 as ISO/IEC 14496-15 E.3 writes it."""
    assert packets_of(clip("h264"), clock=FakeClock())[0].sets.codec_string.startswith("avc1.42c0")
    assert packets_of(clip("h265"), clock=FakeClock())[0].sets.codec_string.startswith("hvc1.1.6.L")


def test_changed_sets_are_new_objects_and_repeated_ones_are_not() -> None:
    """Takers compare by identity: a camera repeats its sets with every key frame."""
    sets = packets_of(clip("h264"), clock=FakeClock())[0].sets
    other = packets_of(clip("large"), clock=FakeClock())[0].sets
    assert sets.updated(sets.sps) is sets
    assert sets.updated(sets.pps[0]) is sets
    assert sets.updated(other.sps).sps == other.sps
    assert sets.updated(b"\x67\x42") is sets, "a cut-off SPS changes nothing"


def test_several_picture_parameter_sets_live_side_by_side() -> None:
    """Some encoders use more than one PPS; they are told apart by their id, the same id replaces."""
    first, second, first_again = b"\x68\xce\x0f\xc8", b"\x68\x53\x80", b"\x68\xce\x0f\xc9"
    sets = ParameterSets(Codec.H264).updated(first).updated(second)
    assert sets.pps == (first, second)
    assert sets.updated(first_again).pps == (second, first_again)


def test_hostile_picture_sizes_are_refused() -> None:
    """A 16k x 16k SPS must not reach a decoder."""
    with pytest.raises(ValueError, match="picture of"):
        h26x.Picture(16384, 16384)


@given(st.binary(max_size=80))
def test_no_bytes_break_the_sps_reader(junk: bytes) -> None:
    """Any bytes either parse or raise ValueError, at once."""
    for codec, header in ((Codec.H264, b"\x67"), (Codec.H265, b"\x42\x01")):
        sets = ParameterSets(codec)
        sets.updated(header + junk)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8))
def test_length_prefix_round_trip(nals: list[bytes]) -> None:
    """Joining and splitting gives the same units."""
    assert list(h26x.split_lengths(h26x.join_lengths(nals))) == nals


def test_start_codes_round_trip() -> None:
    """Units of a real stream survive the way through Annex B."""
    nals = [payload for unit in load(clip("h264")).units[:3] for payload in unit.payloads]
    assert h26x.split_start_codes(h26x.with_start_codes(nals)) == nals
