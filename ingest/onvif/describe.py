"""What an ONVIF camera says of itself before it is registered: ready to be put into a form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.address import Network
from ingest.failures import LinkFailure
from ingest.onvif.device import EVENTS, PTZ, Device, usable_token
from ingest.onvif.xml import Node, plain
from models.camera import CameraSource, LinkState
from models.clock import Clock, SystemClock
from models.errors import BadInput

WITHIN_S = 12.0
SUB_WIDTH_MIN_PX = 300
"""A smaller picture shows a detector nothing."""
CODECS = {"H264": "h264", "H265": "h265", "JPEG": "mjpeg", "MPEG4": "mpeg4", "MPV4-ES": "mpeg4"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One of its streams; without a ``source`` there is no address that could be dialled."""

    token: str
    name: str
    codec: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    gop_frames: int | None = None
    source: CameraSource | None = None

    @property
    def pixels(self) -> int:
        return (self.width_px or 0) * (self.height_px or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """``main`` and ``sub`` are places in ``profiles``. With a ``problem``, what was found before it is still given."""

    problem: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    clock_skew_s: float | None = None
    profiles: tuple[Profile, ...] = ()
    main: int | None = None
    sub: int | None = None
    snapshot: bool = False
    events: bool = False
    ptz: bool = False


def describe(
    host: str,
    port: int,
    *,
    username: str = "",
    password: str = "",
    allowed_networks: Sequence[Network],
    clock: Clock | None = None,
    within_s: float = WITHIN_S,
) -> Description:
    """Ask a camera about itself; never raises for what it does."""
    found = Description()
    try:
        device = Device(
            host,
            port,
            username=username,
            password=password,
            allowed_networks=allowed_networks,
            clock=clock or SystemClock(),
            within_s=within_s,
        )
        skew = device.measure_clock()
        found = replace(found, clock_skew_s=round(skew.total_seconds(), 1) if skew is not None else None)
        said = device.information()
        found = replace(found, manufacturer=said.manufacturer, model=said.model, firmware=said.firmware)
        services = device.services()
        found = replace(found, events=EVENTS in services, ptz=PTZ in services)
        profiles = [profile_of(node) for node in device.profiles()]
        profiles = [_with_source(device, one) for one in profiles if usable_token(one.token)]
        main, sub = choose(profiles)
        found = replace(found, profiles=tuple(profiles), main=main, sub=sub)
        if main is None:
            return replace(found, problem="no profile with an RTSP address")
        return replace(found, snapshot=_has_snapshot(device, profiles[main].token))
    except LinkFailure as failure:
        return replace(found, problem=failure.reason)
    except BadInput as refused:
        return replace(found, problem=str(refused))
    except OSError as error:
        return replace(found, problem=error.strerror or "out of sockets")


def choose(profiles: Sequence[Profile]) -> tuple[int | None, int | None]:
    """Return the main profile (most pixels) and a smaller one on the same port for analytics, if there is one."""
    playable = [
        index for index, one in enumerate(profiles) if one.source is not None and one.codec in ("h264", "h265", None)
    ]
    if not playable:
        return None, None
    main = max(playable, key=lambda index: profiles[index].pixels)
    others = [
        index
        for index in playable
        if 0 < profiles[index].pixels < profiles[main].pixels and _joins(profiles[index], profiles[main])
    ]
    wide = [index for index in others if (profiles[index].width_px or 0) >= SUB_WIDTH_MIN_PX]
    return main, min(wide or others, key=lambda index: profiles[index].pixels, default=None)


def _joins(sub: Profile, main: Profile) -> bool:
    if sub.source is None or main.source is None:
        return False
    return (sub.source.scheme, sub.source.port) == (main.source.scheme, main.source.port)


def profile_of(node: Node) -> Profile:
    """Read a profile of either media service."""
    encoder = node.find("VideoEncoderConfiguration") or node.find("Configurations", "VideoEncoder") or Node("")
    gop = encoder.attributes.get("GovLength") or encoder.text_of("H264", "GovLength") or encoder.text_of("GovLength")
    rate = encoder.text_of("RateControl", "FrameRateLimit")
    encoding = encoder.text_of("Encoding").upper()
    return Profile(
        token=node.attributes.get("token", ""),
        name=plain(node.text_of("Name")),
        codec=CODECS.get(encoding, plain(encoding.lower(), most=16)) or None,
        width_px=_number(encoder.text_of("Resolution", "Width")),
        height_px=_number(encoder.text_of("Resolution", "Height")),
        fps=float(fps) if (fps := _number(rate.partition(".")[0])) is not None else None,
        gop_frames=_number(gop),
    )


def _with_source(device: Device, profile: Profile) -> Profile:
    try:
        return replace(profile, source=device.stream(profile.token))
    except LinkFailure as failure:
        if failure.state is LinkState.AUTH_FAILED:
            raise
        return profile


def _has_snapshot(device: Device, token: str) -> bool:
    try:
        return bool(device.snapshot(token))
    except LinkFailure:
        return False


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None
