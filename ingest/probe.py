"""A look at a camera before it is registered: whether it can be reached, what it sends, what it shows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.address import Network, check_credential
from ingest.clients import Dial, StreamClient, dial
from ingest.failures import LinkFailure
from ingest.gate import DecodeGate
from ingest.masking import Polygon, masked
from ingest.packet import TICKS_PER_S, Packet
from ingest.picture import jpeg
from ingest.rtsp import AccessUnit
from ingest.timeline import DecodeOrder, Timeline
from models.camera import CameraSource
from models.clock import Clock, SystemClock
from models.errors import BadInput
from models.frame import DecodeMode, Frame

SNAPSHOT_WIDTH_MAX_PX = 960
KEY_FRAMES_WANTED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """``problem`` is empty when ``ok``; with a ``problem``, what was found before it is still given."""

    ok: bool
    problem: str = ""
    codec: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    keyframe_interval_s: float | None = None
    snapshot: bytes = b""
    open_s: float | None = None


def probe(
    source: CameraSource,
    password: str,
    *,
    allowed_networks: Sequence[Network],
    timeout_s: float = 10.0,
    clock: Clock | None = None,
    dial: Dial = dial,
    masks: Sequence[Polygon] = (),
) -> ProbeResult:
    """Open the camera, wait for its second key frame or ``timeout_s``, and tell; never raises for what it does.

    The picture has the ``masks`` in it.
    """
    begun_s = time.monotonic()
    try:
        check_credential(password, field="password")
        client = dial(source, password, allowed_networks)
        try:
            client.open(timeout_s / 2)
            return _watch(client, begun_s, begun_s + timeout_s, clock or SystemClock(), masks)
        finally:
            client.close()
    except LinkFailure as failure:
        return ProbeResult(ok=False, problem=failure.reason)
    except BadInput as refused:
        return ProbeResult(ok=False, problem=str(refused))
    except OSError as error:
        return ProbeResult(ok=False, problem=error.strerror or "out of sockets")


def _watch(
    client: StreamClient, begun_s: float, deadline_s: float, clock: Clock, masks: Sequence[Polygon]
) -> ProbeResult:
    units: list[AccessUnit] = []
    frames: list[Frame] = []
    keys: list[int] = []
    open_s = 0.0
    timeline, order = Timeline(), DecodeOrder()
    gate = DecodeGate("probe", on_frame=frames.append, mode=lambda: DecodeMode.QUIET)
    try:
        for unit in client.units():
            if unit is not None and (units or (unit.key and unit.sets.complete)):
                now_s = clock.monotonic_s()
                open_s = open_s or time.monotonic() - begun_s
                units.append(unit)
                present = timeline.present_90k(unit.ticks, now_s)
                decode = order.decode_90k(present)
                if unit.key:
                    keys.append(decode)
                    if not frames:
                        gate.put(
                            Packet(len(units), present, decode, clock.utc_now(), now_s, True, unit.data, unit.sets)
                        )
            if len(keys) >= KEY_FRAMES_WANTED or time.monotonic() > deadline_s:
                break
    except LinkFailure as failure:
        if not frames:
            return ProbeResult(ok=False, problem=failure.reason)
    if not units:
        return ProbeResult(ok=False, problem="it answers, but sends no key frame")
    picture = units[0].sets.picture
    interval_s = (keys[1] - keys[0]) / TICKS_PER_S if len(keys) > 1 else None
    span_s = interval_s or time.monotonic() - begun_s - open_s
    problem = "" if frames else "its pictures cannot be decoded"
    return ProbeResult(
        ok=bool(frames),
        problem=problem,
        codec=units[0].sets.codec,
        width_px=picture.width_px,
        height_px=picture.height_px,
        fps=round((len(units) - 1) / span_s, 1) if span_s > 0 else None,
        keyframe_interval_s=round(interval_s, 2) if interval_s else None,
        snapshot=jpeg(masked(frames[0], masks), width_max_px=SNAPSHOT_WIDTH_MAX_PX) if frames else b"",
        open_s=round(open_s, 3),
    )
