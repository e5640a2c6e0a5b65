"""The RTSP client against our own camera server: every transport, every authentication, every ordered fault."""

import datetime as dt
import ipaddress
import ssl
from itertools import islice
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingest.camera_server import CameraServer, ServerOptions
from ingest.failures import LinkFailure
from ingest.rtsp import AccessUnit, RtspClient
from models.camera import LinkState, Transport
from tests.ingest.conftest import PASSWORD, dial
from tests.support.rtsp import clip


def play(client: RtspClient, count: int = 20) -> list[AccessUnit]:
    """Open, take some pictures, close."""
    try:
        client.open(5)
        return list(islice((unit for unit in client.units() if unit is not None), count))
    finally:
        client.close()


@pytest.mark.parametrize("name", ["h264", "h265", "b_frames"])
@pytest.mark.parametrize("transport", list(Transport))
def test_pictures_arrive(cameras: CameraServer, name: str, transport: Transport) -> None:
    """From the first key frame on, in order, nothing damaged."""
    units = play(dial(cameras.source(name, transport=transport)))
    assert units[0].key
    assert units[0].sets.complete
    assert not any(unit.damaged for unit in units)


@pytest.mark.parametrize(
    "options",
    [
        ServerOptions(),
        ServerOptions(username="u", password=PASSWORD, algorithm="SHA-256"),
        ServerOptions(username="u", password=PASSWORD, basic=True),
    ],
    ids=["open", "sha-256", "basic"],
)
def test_authentication(options: ServerOptions) -> None:
    """None, the newer digest with qop, and both offered at once."""
    with CameraServer({"h264": clip()}, options) as server:
        assert play(dial(server.source("h264")), 3)[0].key


def test_wrong_password_is_tried_once_per_challenge(cameras: CameraServer) -> None:
    """Refused twice is refused: a lock-out is not provoked."""
    with pytest.raises(LinkFailure, match="wrong user name or password") as failure:
        dial(cameras.source("h264"), "wrong").open(5)
    assert failure.value.state is LinkState.AUTH_FAILED


def test_unknown_stream(cameras: CameraServer) -> None:
    """404 is told apart from a dead camera."""
    with pytest.raises(LinkFailure, match="no such stream") as failure:
        dial(cameras.source("nowhere")).open(5)
    assert failure.value.state is LinkState.NOT_FOUND


def test_refused_connection() -> None:
    """Nothing listens there."""
    with CameraServer({"h264": clip()}) as server:
        source = server.source("h264")
    with pytest.raises(LinkFailure, match="connection refused"):
        dial(source).open(5)


def test_stalled_stream_gives_its_reader_time_to_look(cameras: CameraServer) -> None:
    """The connection stays open, nothing comes: None instead of a blocked thread."""
    client = dial(cameras.source("h264", stall=0.2))
    client.open(5)
    assert any(unit is None for unit in islice(client.units(), 40))
    client.close()


def test_reset_is_a_failure(cameras: CameraServer) -> None:
    """A camera that dies ends the stream with a reason, never with a plain end."""
    client = dial(cameras.source("h264", die=0.2))
    client.open(5)
    with pytest.raises(LinkFailure, match=r"ended the stream|connection lost"):
        list(client.units())
    client.close()


@pytest.mark.parametrize("transport", list(Transport))
def test_loss_is_seen_and_counted(cameras: CameraServer, transport: Transport) -> None:
    """A tenth of the packets missing: some pictures are marked, the rest goes on."""
    client = dial(cameras.source("h264", transport=transport, loss=0.1))
    client.open(5)
    units = list(islice((unit for unit in client.units() if unit is not None), 60))
    client.close()
    assert client.packets_lost > 0
    assert any(unit.damaged for unit in units)


def test_corrupt_packets_do_not_end_the_stream(cameras: CameraServer) -> None:
    """Wrong bytes are the decoder's business."""
    assert len(play(dial(cameras.source("h264", corrupt=0.3)), 40)) == 40


def test_stop_from_another_thread_ends_a_playing_client(cameras: CameraServer) -> None:
    """`stop` before and during play."""
    client = dial(cameras.source("h264"))
    client.open(5)
    pictures = client.units()
    next(pictures)
    client.stop()
    with pytest.raises(LinkFailure, match="stopped"):
        list(pictures)
    client.close()


def test_idle_camera_sessions_are_kept_alive() -> None:
    """A server that hangs up after a second of silence from us goes on: we ask in time."""
    with CameraServer({"h264": clip()}, ServerOptions(idle_timeout_s=1.0)) as server:
        assert len(play(dial(server.source("h264")), 30)) == 30
        assert len(play(dial(server.source("h264", transport=Transport.UDP)), 30)) == 30


def _certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    both = folder / "camera.pem"
    both.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


def test_rtsps_with_a_self_made_certificate(tmp_path: Path) -> None:
    """Cameras make their certificates themselves: encrypted, identity not proven."""
    options = ServerOptions(username="u", password=PASSWORD, tls=_certificate(tmp_path))
    with CameraServer({"h264": clip()}, options) as server:
        assert play(dial(server.source("h264")), 5)[0].key
