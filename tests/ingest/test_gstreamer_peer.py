"""GStreamer's RTSP server: a camera that we did not write."""

import os
from collections.abc import Iterator
from itertools import islice

import pytest

from ingest.failures import LinkFailure
from models.camera import CameraSource, LinkState, Scheme, Transport
from tests.ingest.conftest import PASSWORD, dial
from tests.support.gst_rtsp import GstCamera, missing
from tests.support.rtsp import clip


@pytest.fixture(scope="module", params=["", "viewer"], ids=["open", "digest"])
def camera(request: pytest.FixtureRequest) -> Iterator[GstCamera]:
    """A server process, once without and once with digest authentication."""
    absent = missing()
    if absent:
        if os.environ.get("ALERTWALL_REQUIRE_ALL") == "1":
            pytest.fail(absent)
        pytest.skip(absent)
    with GstCamera(clip(), username=request.param, password=PASSWORD) as server:
        yield server


def source(camera: GstCamera, transport: Transport, path: str = "/live") -> CameraSource:
    return CameraSource(
        scheme=Scheme.RTSP,
        host="127.0.0.1",
        port=camera.port,
        path=path,
        transport=transport,
        username=camera.username,
    )


@pytest.mark.parametrize("transport", list(Transport))
def test_its_pictures_arrive(camera: GstCamera, transport: Transport) -> None:
    """A live second of video, whole."""
    client = dial(source(camera, transport))
    client.open(5)
    units = list(islice((unit for unit in client.units() if unit is not None), 25))
    client.close()
    assert units[0].sets.complete
    assert any(unit.key for unit in units)
    assert client.packets_lost == 0


def test_its_refusals_are_understood(camera: GstCamera) -> None:
    """Unknown path; wrong password where one is needed."""
    with pytest.raises(LinkFailure) as failure:
        dial(source(camera, Transport.TCP, "/nowhere")).open(5)
    assert failure.value.state is LinkState.NOT_FOUND
    if camera.username:
        with pytest.raises(LinkFailure) as failure:
            dial(source(camera, Transport.TCP), "wrong").open(5)
        assert failure.value.state is LinkState.AUTH_FAILED
