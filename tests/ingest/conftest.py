"""Cameras for the tests of this room."""

from collections.abc import Iterator

import pytest

from ingest.address import networks
from ingest.camera_server import CameraServer, ServerOptions
from ingest.rtsp import RtspClient
from models.camera import CameraSource
from tests.support.rtsp import clip

LOOPBACK = networks(["127.0.0.0/8"])
PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def cameras() -> Iterator[CameraServer]:
    """One camera server with digest authentication for all tests of a module."""
    options = ServerOptions(username="viewer", password=PASSWORD)
    names = ("h264", "h265", "b_frames", "large")
    with CameraServer({name: clip(name) for name in names}, options) as server:
        yield server


def dial(source: CameraSource, password: str = PASSWORD) -> RtspClient:
    """Return a client for a camera on this machine."""
    return RtspClient(source, password, (source.host, source.port))
