"""The wall's files: cached by digest, one page for every address, nothing from outside the folder."""

from pathlib import Path

import pytest

from dashboard_api.app import create_app
from models.store.pool import Store
from tests.dashboard_api.client import TestClient
from tests.dashboard_api.world import make_site
from tests.support.clock import FakeClock


@pytest.fixture
def client(store: Store, clock: FakeClock, tmp_path: Path) -> TestClient:
    """A built wall beside a secret."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html><title>wall</title>")
    (static / "assets" / "app-1a2b.js").write_text("let x = 1")
    (static / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("treasure")
    (static / "link.txt").symlink_to(tmp_path / "secret.txt")
    app = create_app(make_site(tmp_path / "s"), store, clock=clock, static=static)
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["/", "/incidents/42", "/patrol", "/cameras/gate/live", "/sign-in"])
def test_every_page_of_the_wall_is_its_index(client: TestClient, path: str) -> None:
    """The client's own router does the rest; the page is asked for anew each time."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert "<title>wall</title>" in answer.text
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "lent"),
    [("/publish", True), ("/publish/", True), ("/", False), ("/publish/x", False), ("/publisher", False)],
)
def test_one_page_may_ask_for_the_device_s_camera(client: TestClient, path: str, lent: bool) -> None:
    """The page that publishes, and none may ask for the microphone."""
    said = client.get(path).headers["permissions-policy"].split(", ")
    assert ("camera=(self)" in said, "camera=()" in said) == (lent, not lent)
    assert "microphone=()" in said


def test_assets_are_cached_for_ever_and_missing_ones_are_missing(client: TestClient) -> None:
    """A page of an older build must not get HTML where it asked for a script."""
    found = client.get("/assets/app-1a2b.js")
    assert found.headers["content-type"].startswith("text/javascript")
    assert "immutable" in found.headers["cache-control"]
    assert client.get("/assets/app-gone.js").status_code == 404
    assert client.get("/logo.png").status_code == 404
    assert client.get("/favicon.svg").headers["content-type"].startswith("image/svg")
    assert client.head("/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/../secret.txt", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/%2e%2e/secret.txt", "/link.txt"),
        *(
            "/..%5csecret.txt",
            "//etc/passwd",
            "/assets/%2fetc%2fpasswd",
            "/" + "a" * 4000,
            "/assets/" + "%2e%2e%2f" * 50,
        ),
        "/%ff%fe",
    ],
)
def test_nothing_outside_the_folder_is_sent(client: TestClient, path: str) -> None:
    """Neither by dots, nor encoded, nor by a link, nor by names the file system refuses."""
    answer = client.get(path)
    assert answer.status_code in (200, 404, 413)
    assert "treasure" not in answer.text
    assert "root:" not in answer.text


def test_writes_to_pages_are_not_found(client: TestClient) -> None:
    """A problem, not a page."""
    answer = client.post("/somewhere", json={})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_wall_that_is_not_built_says_how(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """The API works without it."""
    app = create_app(make_site(tmp_path / "s"), store, clock=clock, static=tmp_path / "nothing")
    answer = TestClient(app, base_url="http://127.0.0.1").get("/")
    assert answer.status_code == 503
    assert "make wall" in answer.text
