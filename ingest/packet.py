"""One encoded picture of one camera, as recorder, viewers and decoder get it."""

from dataclasses import dataclass
from datetime import datetime

from ingest.h26x import ParameterSets

TICKS_PER_S = 90_000


@dataclass(frozen=True, slots=True)
class Packet:
    """``present_90k`` and ``decode_90k`` run on the worker's monotonic clock with the camera's spacing.

    ``data`` holds length-prefixed NAL units; the parameter sets stand beside it in ``sets``, which is the
    same object until the camera changes them. ``damaged``: some of the picture was lost on the way.
    """

    seq: int
    present_90k: int
    decode_90k: int
    received_at: datetime
    monotonic_s: float
    key: bool
    data: bytes
    sets: ParameterSets
    damaged: bool = False
