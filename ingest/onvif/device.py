"""One ONVIF camera and what we ask of it: clock, information, services, profiles, addresses, presets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import SplitResult, urlsplit
from xml.sax.saxutils import escape

from ingest.address import Network, check, check_credential, check_path
from ingest.failures import LinkFailure
from ingest.onvif.channel import Channel, Place
from ingest.onvif.soap import CALL_TIMEOUT_S, Refusal, Soap
from ingest.onvif.xml import Node, plain
from models.camera import CameraSource, LinkState, Scheme
from models.clock import Clock
from models.errors import BadInput

DEVICE_PATH = "/onvif/device_service"
DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
EVENTS = "http://www.onvif.org/ver10/events/wsdl"
PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
PROFILES_MAX = 16
PRESETS_MAX = 256
TOKEN_MAX_CHARS = 64
SNAPSHOT_MAX_BYTES = 8 << 20
HTTP_PORT, RTSP_PORT, RTSPS_PORT = 80, 554, 322


@dataclass(frozen=True, slots=True)
class Preset:
    token: str
    name: str


@dataclass(frozen=True, slots=True)
class Information:
    manufacturer: str
    model: str
    firmware: str


class Device:
    """The address is checked when this is made; nothing a camera says leads to another one."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str = "",
        password: str = "",
        allowed_networks: Sequence[Network],
        clock: Clock,
        within_s: float | None = None,
    ) -> None:
        """``within_s`` bounds all calls together; `BadInput` or `LinkFailure` when the address may not be dialled."""
        check_credential(password, field="password")
        wanted = CameraSource(scheme=Scheme.RTSP, host=host, port=port, path="/", username=username)
        address = check(wanted, allowed_networks)
        self.host, self._username, self._clock = host, username, clock
        self.channel = Channel(host, address, username=username, password=password)
        self.soap = Soap(self.channel, clock, password=password)
        self._deadline_s = None if within_s is None else clock.monotonic_s() + within_s
        self._own = Place(port, DEVICE_PATH)
        self._services: dict[str, Place] = {}

    # what it is

    def measure_clock(self) -> timedelta | None:
        """Return how far the camera's clock is ahead of ours, and date proofs by it; None when it does not say."""
        body = f'<GetSystemDateAndTime xmlns="{DEVICE}"/>'
        before = self._clock.utc_now()
        try:
            said = self._call(self._own, body, anonymous=True).find("SystemDateAndTime", "UTCDateTime")
        except LinkFailure as failure:
            if isinstance(failure, Refusal) or failure.state is LinkState.AUTH_FAILED:
                return None  # some want a password even for this
            raise
        now = _instant(said) if said else None
        if now is None:
            return None
        return self.soap.take_clock(now - (before + (self._clock.utc_now() - before) / 2))

    def ready(self) -> Self:
        """Measure its clock, so that proofs are dated by it."""
        self.measure_clock()
        return self

    def information(self) -> Information:
        """Return who made it."""
        said = self._call(self._own, f'<GetDeviceInformation xmlns="{DEVICE}"/>')
        return Information(*(plain(said.text_of(name)) for name in ("Manufacturer", "Model", "FirmwareVersion")))

    def services(self) -> dict[str, Place]:
        """Return where each service is, by its name space."""
        if self._services:
            return self._services
        try:
            ask = f'<GetServices xmlns="{DEVICE}"><IncludeCapability>false</IncludeCapability></GetServices>'
            found = {
                one.text_of("Namespace"): one.text_of("XAddr") for one in self._call(self._own, ask).walk("Service")
            }
        except Refusal:
            ask = f'<GetCapabilities xmlns="{DEVICE}"><Category>All</Category></GetCapabilities>'
            said = self._call(self._own, ask).find("Capabilities") or Node("")
            known = {"Media": MEDIA, "Events": EVENTS, "PTZ": PTZ}
            found = {namespace: said.text_of(name, "XAddr") for name, namespace in known.items()}
        self._services = {
            namespace: place for namespace, uri in found.items() if (place := self.place(uri)) is not None
        }
        return self._services

    def place(self, uri: str) -> Place | None:
        """Return where a service is by the address the camera gave; its host is never used.

        A camera that calls itself by another name is behind a translation of addresses: then its ports mean nothing.
        """
        parts = _split(uri)
        if parts is None or parts.scheme not in ("http", "https"):
            return None
        itself = parts.hostname in (self.host.lower(), self.channel.ip) and parts.scheme == "http"
        return Place((parts.port or HTTP_PORT) if itself else self._own.port, _path(parts))

    # its streams

    def profiles(self) -> list[Node]:
        """Return the media profiles as they came, by the newer media service where there is one."""
        services = self.services()
        if MEDIA2 in services:
            body = f'<GetProfiles xmlns="{MEDIA2}"><Type>All</Type></GetProfiles>'
            return list(self._call(services[MEDIA2], body).walk("Profiles"))[:PROFILES_MAX]
        if MEDIA not in services:
            raise LinkFailure(self.host, "no media service")
        return list(self._call(services[MEDIA], f'<GetProfiles xmlns="{MEDIA}"/>').walk("Profiles"))[:PROFILES_MAX]

    def stream(self, token: str) -> CameraSource:
        """Return the address of a profile's stream: the registered host, the camera's port and path, no user."""
        services = self.services()
        if MEDIA2 in services:
            body = f'<GetStreamUri xmlns="{MEDIA2}"><Protocol>RtspUnicast</Protocol>{_token(token)}</GetStreamUri>'
            uri = self._call(services[MEDIA2], body).text_of("Uri")
        else:
            setup = (
                f'<StreamSetup><Stream xmlns="{SCHEMA}">RTP-Unicast</Stream>'
                f'<Transport xmlns="{SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
            )
            body = f'<GetStreamUri xmlns="{MEDIA}">{setup}{_token(token)}</GetStreamUri>'
            uri = self._call(services[MEDIA], body).text_of("MediaUri", "Uri")
        parts = _split(uri)
        if parts is None or parts.scheme not in ("rtsp", "rtsps"):
            raise LinkFailure(self.host, "no RTSP address for this profile")
        scheme = Scheme(parts.scheme)
        port = parts.port or (RTSP_PORT if scheme is Scheme.RTSP else RTSPS_PORT)
        return CameraSource(scheme=scheme, host=self.host, port=port, path=_path(parts), username=self._username)

    def snapshot(self, token: str) -> bytes:
        """Return the picture that the camera gives by HTTP; `LinkFailure` when there is none."""
        services = self.services()
        namespace = MEDIA2 if MEDIA2 in services else MEDIA
        said = self._call(services[namespace], f'<GetSnapshotUri xmlns="{namespace}">{_token(token)}</GetSnapshotUri>')
        place = self.place(said.text_of("Uri") or said.text_of("MediaUri", "Uri"))
        if place is None:
            raise LinkFailure(self.host, "no address for snapshots")
        answer = self.channel.request("GET", place, timeout_s=self._left_s(), limit_bytes=SNAPSHOT_MAX_BYTES)
        if answer.status != 200 or not answer.body.startswith(b"\xff\xd8"):
            raise LinkFailure(self.host, f"no JPEG as a snapshot ({answer.status})")
        return answer.body

    # turning it

    def presets(self) -> list[Preset]:
        """Return the places it can be turned to."""
        place, profile = self._ptz()
        said = self._call(place, f'<GetPresets xmlns="{PTZ}">{_token(profile)}</GetPresets>')
        found = [
            Preset(
                one.attributes.get("token", ""), plain(one.text_of("Name")) or plain(one.attributes.get("token", ""))
            )
            for one in list(said.walk("Preset"))[:PRESETS_MAX]
        ]
        return [preset for preset in found if usable_token(preset.token)]

    def go_to(self, preset: str) -> None:
        """Turn it to a preset."""
        place, profile = self._ptz()
        asked = f"<PresetToken>{escape(preset)}</PresetToken>"
        self._call(place, f'<GotoPreset xmlns="{PTZ}">{_token(profile)}{asked}</GotoPreset>')

    def _ptz(self) -> tuple[Place, str]:
        place = self.services().get(PTZ)
        if place is None:
            raise LinkFailure(self.host, "it cannot be turned")
        profiles = [one for one in self.profiles() if usable_token(one.attributes.get("token", ""))]
        turning = [one for one in profiles if any(True for name in ("PTZConfiguration", "PTZ") for _ in one.walk(name))]
        if not turning and not profiles:
            raise LinkFailure(self.host, "it has no profiles")
        return place, (turning or profiles)[0].attributes["token"]

    def _call(self, place: Place, body: str, *, anonymous: bool = False) -> Node:
        return self.soap.call(place, body, anonymous=anonymous, timeout_s=self._left_s())

    def _left_s(self) -> float:
        if self._deadline_s is None:
            return CALL_TIMEOUT_S
        left_s = self._deadline_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise LinkFailure(self.host, "no answer in time")
        return min(CALL_TIMEOUT_S, left_s)


def usable_token(token: str) -> bool:
    """Tell whether a camera's token is short and printable."""
    return 0 < len(token) <= TOKEN_MAX_CHARS and token.isprintable()


def _token(profile: str) -> str:
    return f"<ProfileToken>{escape(profile)}</ProfileToken>"


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port, parts.hostname
        check_path(_path(parts))
    except (ValueError, BadInput):
        return None
    return parts if parts.port != 0 else None


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _instant(node: Node) -> datetime | None:
    def number(*path: str) -> int:
        return int(node.text_of(*path))

    try:
        year, month, day = (number("Date", part) for part in ("Year", "Month", "Day"))
        hour, minute, second = (number("Time", part) for part in ("Hour", "Minute", "Second"))
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
