"""Live fan-out: what a browser's MSE would be fed, played by libavformat; slow viewers; joining late."""

import asyncio
import io
import json
from collections.abc import Sequence
from itertools import pairwise

import av

from ingest.live import QUEUE_MAX_S, LiveFanout, Viewer, compress, mse_messages
from ingest.packet import Packet
from tests.support.clock import FakeClock
from tests.support.rtsp import clip, packets_of


async def watch(fanout: LiveFanout, coming: Sequence[Packet]) -> list[str | bytes]:
    """Join, let the packets come, end; return all messages."""
    viewer = fanout.join()
    for packet in coming:
        fanout.put(packet)
    fanout.end("over")
    messages = [message async for message in mse_messages(viewer)]
    fanout.leave(viewer)
    return messages


def play(messages: Sequence[str | bytes]) -> tuple[list[float], int]:
    """Return the decode times and the number of pictures of the binary messages."""
    stream = io.BytesIO(b"".join(message for message in messages if isinstance(message, bytes)))
    with av.open(stream, "r") as container:
        times, pictures = [], 0
        for packet in container.demux(container.streams.video[0]):
            if packet.dts is not None:
                times.append(float(packet.dts * packet.time_base))
            pictures += len(packet.decode())
    return times, pictures


def test_a_viewer_starts_at_once_and_is_live() -> None:
    """It joins ten packets after a key frame: those come as one fragment that takes no time, then one each."""
    packets = packets_of(clip(), clock=FakeClock())
    fanout = LiveFanout()
    for packet in packets[:22]:
        fanout.put(packet)
    messages = asyncio.run(watch(fanout, packets[22:]))
    described = json.loads(str(messages[0]))
    assert described["mime"].startswith('video/mp4; codecs="avc1.42')
    assert (described["width_px"], described["height_px"]) == (320, 240)
    assert isinstance(messages[1], bytes)
    assert messages[1][4:8] == b"ftyp"
    times, pictures = play(messages)
    assert pictures == len(times) == 10 + len(packets[22:])
    assert times[9] < 0.02, "the backlog is behind us in 20 ms"
    assert all(abs(later - one - 0.04) < 0.001 for one, later in pairwise(times[9:]))
    assert json.loads(str(messages[-1])) == {"problem": "over"}


def test_a_viewer_before_the_first_key_frame_waits_for_it() -> None:
    """Nothing undecodable is sent."""
    packets = packets_of(clip(), clock=FakeClock())
    messages = asyncio.run(watch(LiveFanout(), packets[3:30]))
    _, pictures = play(messages)
    assert pictures == 30 - 12


def test_b_frames_of_the_backlog_keep_their_order() -> None:
    """Compressed times sort like the real ones."""
    packets = packets_of(clip("b_frames"), clock=FakeClock())[:12]
    times, _ = compress(packets)
    by_present = sorted(range(12), key=lambda index: packets[index].present_90k)
    assert sorted(range(12), key=lambda index: times[index][1]) == by_present
    messages = asyncio.run(watch(LiveFanout(), packets))
    assert play(messages)[1] >= 10


def test_a_slow_viewer_drops_to_the_next_key_frame_and_harms_nobody() -> None:
    """It loses pictures, which are counted; what it then gets starts with a key frame."""
    packets = packets_of(clip(), clock=FakeClock(), loops=3)

    async def run() -> tuple[Viewer, list[Packet]]:
        fanout = LiveFanout()
        slow, fast = fanout.join(), fanout.join()
        seen: list[Packet] = []
        for packet in packets:
            fanout.put(packet)
            await asyncio.sleep(0)
            while fast.waiting:
                taken = await fast.next()
                assert taken is not None
                seen.append(taken)
        return slow, seen

    slow, seen = asyncio.run(run())
    assert seen == packets
    assert slow.packets_lost > 0
    assert slow.waiting <= (QUEUE_MAX_S + 1) * 25
    first = asyncio.run(slow.next())
    assert first is not None
    assert first.key


def test_nothing_is_done_for_a_camera_without_viewers() -> None:
    """The last one to leave lets go of the loop."""

    async def run() -> None:
        fanout = LiveFanout()
        viewer = fanout.join()
        assert fanout.viewers == 1
        fanout.leave(viewer)
        assert fanout.viewers == 0
        assert fanout._loop is None

    asyncio.run(run())


def test_a_reconnected_camera_goes_on_without_a_hole() -> None:
    """A minute of silence is no minute of buffer; changed parameter sets bring a new description."""
    clock = FakeClock()
    before = packets_of(clip(), clock=clock)[:12]
    clock.advance(60)
    after = packets_of(clip(), clock=clock, first_seq=100)[:12]
    other = packets_of(clip("large"), clock=clock, first_seq=200)[:12]
    fanout = LiveFanout()

    async def run() -> list[str | bytes]:
        viewer = fanout.join()
        watching = asyncio.create_task(_collect(viewer), name="viewer")
        for packet in (*before, *after, *other):
            fanout.put(packet)
            await asyncio.sleep(0)
        fanout.end("over")
        return await watching

    messages = asyncio.run(run())
    texts = [json.loads(message) for message in messages if isinstance(message, str)]
    assert [text.get("width_px") for text in texts] == [320, 640, None]
    first = messages[: messages.index(next(m for m in messages[1:] if isinstance(m, str)))]
    assert play(first)[0][-1] < 1


async def _collect(viewer: Viewer) -> list[str | bytes]:
    return [message async for message in mse_messages(viewer)]


def test_h265_is_said_plainly() -> None:
    """Chromium plays no hvc1."""
    messages = asyncio.run(watch(LiveFanout(), packets_of(clip("h265"), clock=FakeClock())[:20]))
    assert "H.265" in json.loads(str(messages[0]))["problem"]
    assert len(messages) == 1
