"""The card that an engineer keeps of a camera: each figure beside what was expected of it."""

from dataclasses import dataclass

from ingest.onvif.describe import Description
from ingest.probe import ProbeResult

WIDTH_MIN_PX, HEIGHT_MIN_PX = 640, 360
FPS_MIN, FPS_MAX = 5.0, 60.0
KEYFRAME_INTERVAL_MAX_S = 4.0
CLOCK_SKEW_MAX_S = 5.0
CODECS = ("h264", "h265")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``ok`` is None where nothing could be looked at, so that nothing failed either."""

    name: str
    ok: bool | None
    found: str
    expected: str


def card(seen: ProbeResult, described: Description | None) -> tuple[Check, ...]:
    """Return all checks; ``described`` is None for a camera without ONVIF."""
    pictures = (
        Check(name="reachable", ok=seen.ok, found=seen.problem or "yes", expected="it sends pictures"),
        _check("codec", seen.codec in CODECS, seen.codec, " or ".join(CODECS)),
        _check(
            "resolution",
            (seen.width_px or 0) >= WIDTH_MIN_PX and (seen.height_px or 0) >= HEIGHT_MIN_PX,
            f"{seen.width_px}x{seen.height_px}" if seen.width_px else None,
            f"at least {WIDTH_MIN_PX}x{HEIGHT_MIN_PX}",
        ),
        _check("fps", FPS_MIN <= (seen.fps or 0) <= FPS_MAX, seen.fps, f"{FPS_MIN:.0f} to {FPS_MAX:.0f}"),
        _check(
            "keyframe_interval_s",
            (seen.keyframe_interval_s or 0) <= KEYFRAME_INTERVAL_MAX_S,
            seen.keyframe_interval_s,
            f"at most {KEYFRAME_INTERVAL_MAX_S:.0f}",
            missing=False if seen.ok else None,
        ),
        _check("picture", bool(seen.snapshot), "yes" if seen.snapshot else None, "a picture that can be decoded"),
    )
    if described is None:
        return pictures
    skew_s = described.clock_skew_s
    return (
        *pictures,
        Check(name="onvif", ok=not described.problem, found=described.problem or "yes", expected="it describes itself"),
        _check(
            "clock_skew_s", abs(skew_s or 0) <= CLOCK_SKEW_MAX_S, skew_s, f"at most {CLOCK_SKEW_MAX_S:.0f} either way"
        ),
        _check("snapshot", described.snapshot, "yes" if described.snapshot else None, "a JPEG by HTTP"),
    )


def passed(checks: tuple[Check, ...]) -> bool:
    """Tell whether nothing failed."""
    return all(check.ok is not False for check in checks)


def _check(name: str, ok: bool, found: object, expected: str, *, missing: bool | None = False) -> Check:
    if found is None:
        return Check(name=name, ok=missing, found="nothing", expected=expected)
    return Check(name=name, ok=ok, found=f"{found:g}" if isinstance(found, float) else str(found), expected=expected)
