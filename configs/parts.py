"""The sections of a site file that set alertwall's own parts."""

import ipaddress
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from configs.section import AnyPort, FilePath, Seconds, Secret, Section

PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
BROKER_PORTS = {"mqtt": 1883, "mqtts": 8883}


class DatabaseConfig(Section):
    """Where alertwall remembers."""

    dsn: Secret | None = Field(default=None, description="A PostgreSQL or TimescaleDB; none: the embedded one.")
    bin_dir: FilePath | None = Field(default=None, description="Embedded only: programs other than the wheel's.")


class BrokerConfig(Section):
    """Where alarm units speak."""

    url: str | None = Field(default=None, description="mqtt://host:port or mqtts://...; none: the embedded one.")
    username: str = Field(default="", max_length=255, description="Of a named broker.")
    password: Secret = Field(default="", description="Of a named broker.")
    embedded_host: str = Field(default="127.0.0.1", description="Embedded only: the address it listens on.")
    embedded_port: AnyPort = Field(default=1883, description="Embedded only; 0: any free one.")
    tls_ca: FilePath | None = Field(default=None, description="Authorities to trust for mqtts; none: the system's.")

    @field_validator("url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in BROKER_PORTS or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"needs mqtt://host:port or mqtts://host:port, has '{value}'")
        if parts.username or parts.password:
            raise ValueError("needs an address alone; username and password are keys of their own")
        return value


class ApiConfig(Section):
    """The wall's address."""

    host: str = Field(default="127.0.0.1", min_length=1, description="The address it listens on.")
    port: AnyPort = Field(default=8780, description="0: any free one.")
    public_origin: str | None = Field(default=None, description="As browsers see it: https://wall.example.")
    trusted_proxies: tuple[str, ...] = Field(default=(), description="Networks whose X-Forwarded-For is believed.")

    @field_validator("public_origin")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or parts.fragment:
            raise ValueError(f"needs scheme://host without a path, has '{value}'")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _check_networks(value)


class IngestConfig(Section):
    """How cameras are reached and recorded."""

    allowed_networks: tuple[str, ...] = Field(
        default=PRIVATE_NETWORKS, description="Only cameras whose address lies here are dialled."
    )
    segment_s: Seconds = Field(default=6, description="Length of one recorded file.")
    ring_s: Seconds = Field(default=10, description="Kept in memory for clips and late viewers.")
    open_timeout_s: Seconds = Field(default=5, description="A camera must answer within.")
    read_timeout_s: Seconds = Field(default=5, description="A camera without a picture for so long is silent.")
    max_concurrent_opens: int = Field(default=8, ge=1, le=256, description="Cameras dialled at the same time.")
    audio: bool = Field(default=False, description="Sound is not recorded yet: only false.")
    replay_folders: tuple[FilePath, ...] = Field(
        default=(), description="Only files in here are played as cameras (scheme file); none: no file is."
    )

    restream_port: AnyPort = Field(
        default=0, description="Cameras as rtsp://host:port/<id>; a second worker takes the next port. 0: no re-stream."
    )
    restream_host: str = Field(
        default="127.0.0.1", description="The address the re-stream listens on; others than loopback need TLS in front."
    )

    @field_validator("allowed_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _check_networks(value)

    @field_validator("restream_host")
    @classmethod
    def _restream_host(cls, value: str) -> str:
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise ValueError(f"needs an IP address, has '{value}'") from None

    @field_validator("audio")
    @classmethod
    def _silent(cls, value: bool) -> bool:
        if value:
            raise ValueError("needs false: sound is not recorded yet")
        return value


class AnalyticsConfig(Section):
    """From picture to event."""

    detector: str = Field(default="nanodet", min_length=1, description="A sidecar's name, or moving-object.")
    weights_dir: FilePath | None = Field(default=None, description="none: weights in the state folder.")
    device: str = Field(default="CPU", description="CPU, GPU, CUDA: as the detector's backend names it.")
    precision: str = Field(default="auto", pattern="^(auto|f32|f16|bf16|int8)$", description="auto, f32, f16, ...")
    detect_fps: float = Field(default=5, gt=0, le=60, description="Pictures of one camera looked at per second.")
    threads: int = Field(default=1, ge=1, le=256, description="Of the detector, in each worker.")


class AlarmsConfig(Section):
    """From message and event to incident and patrol."""

    join_within_s: Seconds = Field(default=120, description="Events so close in time may join one incident ...")
    join_within_m: float = Field(default=150, gt=0, le=10000, description="... when they are so close in place.")
    rejoin_within_s: Seconds = Field(
        default=600, description="Alarms of one source, returned and come again so soon, stay one unclaimed incident."
    )
    answer_within_s: Seconds = Field(default=60, description="A patrol that has not answered by then timed out.")
    mass_offline_share: float = Field(default=0.05, gt=0, le=1, description="So many units of an area ...")
    mass_offline_within_s: Seconds = Field(default=10, description="... lost so fast are one incident, not many.")
    rate_per_s: float = Field(default=10, gt=0, le=10000, description="Messages of one unit, in the long run.")
    rate_burst: int = Field(default=100, ge=1, le=100000, description="Messages of one unit at once.")


class RetentionConfig(Section):
    """How long things are kept."""

    events_days: int = Field(default=90, ge=1, le=3650, description="Events, incidents and messages.")
    media_days: int = Field(default=30, ge=1, le=3650, description="Recordings and snapshots, at most.")
    min_free_gb: float = Field(
        default=2, ge=0, le=100000, description="Below it the oldest recordings go; below half of it none is made."
    )


class BrokerLink(Section):
    """How core reaches the broker, whichever it is."""

    host: str
    port: int
    username: str = ""
    password: Secret = ""
    tls: bool = False
    tls_ca: FilePath | None = None
    embedded: bool = False

    @model_validator(mode="after")
    def _known_port(self) -> Self:
        if self.port == 0:
            raise ValueError("needs a port")
        return self


def _check_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for text in value:
        try:
            ipaddress.ip_network(text)
        except ValueError as refused:
            raise ValueError(f"needs networks such as 192.168.0.0/16, has '{text}'") from refused
    return value
