"""From a camera's RTP timestamps to our own time: our monotonic clock is the truth, the camera gives the spacing."""

from bisect import bisect_right, insort

from ingest.packet import TICKS_PER_S

REANCHOR_TICKS = TICKS_PER_S
"""A camera that is off by more than a second has set its clock or started anew."""
SLACK_TICKS = TICKS_PER_S // 20
SLEW_TICKS = 9
"""Beyond 50 ms, 0.1 ms a picture follows a camera clock that is up to 2,500 ppm wrong without a visible step."""
REORDER_MAX = 4


class Timeline:
    """Unwraps 32-bit timestamps and anchors them to the receive clock."""

    def __init__(self) -> None:
        self.reanchored_total = 0
        self._last: int | None = None
        self._offset = 0

    def present_90k(self, ticks: int, now_s: float) -> int:
        """Return the presentation time of a picture that was received at ``now_s``."""
        received = round(now_s * TICKS_PER_S)
        if self._last is None:
            self._last, self._offset = ticks, received - ticks
            return received
        step = (ticks - self._last) & 0xFFFFFFFF
        unwrapped = self._last + (step - (1 << 32) if step & 0x80000000 else step)
        self._last = max(self._last, unwrapped)
        error = received - (unwrapped + self._offset)
        if abs(error) > REANCHOR_TICKS:
            self.reanchored_total += 1
            self._last = unwrapped
            self._offset += error
        elif abs(error) > SLACK_TICKS:
            self._offset += SLEW_TICKS if error > 0 else -SLEW_TICKS
        return unwrapped + self._offset


class DecodeOrder:
    """Gives decode times where only presentation times are sent (RTP has no others).

    Without B-frames the two are equal. Each time a picture is shown before an earlier one, the depth of
    reordering becomes known; the decode time is then the smallest of the last ``depth`` + 1 presentation times.
    """

    def __init__(self) -> None:
        self._recent: list[int] = []
        self._depth = 0
        self._last: int | None = None

    def decode_90k(self, present_90k: int) -> int:
        recent = self._recent
        if recent and (present_90k - recent[-1] > REANCHOR_TICKS or recent[0] - present_90k > REANCHOR_TICKS):
            recent.clear()  # the timeline jumped
        later = len(recent) - bisect_right(recent, present_90k)
        self._depth = min(max(self._depth, later), REORDER_MAX)
        insort(recent, present_90k)
        del recent[: -(REORDER_MAX + 1)]
        decode = recent[-min(self._depth + 1, len(recent))]
        if self._last is not None and decode <= self._last:
            decode = self._last + 1  # until the depth is known, and after a jump back
        self._last = decode
        return decode
