"""A real Chromium for end-to-end tests: found or missed loudly, seats that are signed in, a line that can be cut."""

import contextlib
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import pytest

from tests.support.demo_process import DemoProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, ViewportSize

REQUIRE_ALL = "ALERTWALL_REQUIRE_ALL"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    "--use-fake-device-for-media-stream",  # lent only to a seat with the permission "camera"
]
WALL_PX: "ViewportSize" = {"width": 1600, "height": 900}
PHONE_PX: "ViewportSize" = {"width": 390, "height": 844}
WAIT_MS = 20_000


def missing(what: str) -> None:
    """Skip by name, or fail where nothing may be skipped."""
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{what} ({REQUIRE_ALL}=1 lets nothing be skipped)")
    pytest.skip(what)


def chromium_path() -> str | None:
    """Return the system's Chromium; None leaves the choice to Playwright's own."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def chromium() -> Iterator["Browser"]:
    """Start the browser, or say why these tests cannot run."""
    try:
        from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 (its absence is an answer)
    except ImportError:
        missing("the package playwright is missing")
        raise
    with sync_playwright() as player:
        try:
            browser = player.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        except Error as error:
            missing(f"Chromium cannot be started: {str(error).splitlines()[0]}")
            raise
        try:
            yield browser
        finally:
            browser.close()


class Seat:
    """One person's browser: a context of its own, signed in, whose faults are kept."""

    def __init__(self, browser: "Browser", url: str, **options: Any) -> None:
        self.url = url
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(**{"viewport": WALL_PX, "locale": "en-GB", **options})
        self.context.set_default_timeout(WAIT_MS)
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(f"page: {error}"))
        self.page.on("response", self._answered)

    def _answered(self, response: "Response") -> None:
        if response.status >= 500 and response.status != 503:
            self.faults.append(f"{response.status} {response.url}")

    def sign_in(self, account: dict[str, str]) -> "Seat":
        self.page.goto(self.url)
        self.at("login-username").fill(account["username"])
        self.at("login-password").fill(account["password"])
        self.at("login-submit").click()
        self.at("user-menu").wait_for()
        return self

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def at(self, name: str, **states: str) -> "Locator":
        """Return what carries this test id and, where given, these data attributes: `at("tile", state="up")`."""
        wanted = "".join(f'[data-{key}="{value}"]' for key, value in states.items())
        return self.page.locator(f'[data-testid="{name}"]{wanted}')

    def incident(self, number: int, **states: str) -> "Locator":
        return self.at("incident-pane", incident=str(number), **states)

    def open_incident(self, number: int) -> None:
        self.go(f"/?incident={number}")
        self.incident(number).wait_for()

    def plays(self, name: str, seconds: float = 1.0) -> float:
        """Wait until this video has pictures and has moved on by ``seconds``; return its place."""
        video = self.at(name).locator("video").element_handle()
        self.page.wait_for_function("v => v.readyState >= 2 && v.videoWidth > 0", arg=video)
        begun = float(self.page.evaluate("v => v.currentTime", video))
        self.page.wait_for_function(
            "([v, from, by]) => v.currentTime >= from + by || (v.loop && v.currentTime < from && v.currentTime > 0)",
            arg=[video, begun, seconds],
        )
        return float(self.page.evaluate("v => v.currentTime", video))


class Seats:
    """The browsers of one test; all are closed at its end, and none may have met a fault."""

    def __init__(self, browser: "Browser", demo: DemoProcess) -> None:
        self._browser, self._demo = browser, demo
        self._taken: list[Seat] = []

    def take(self, role: str | None, *, url: str | None = None, **options: Any) -> Seat:
        """Open a browser for the account of ``role``; None is somebody not signed in."""
        told = self._demo.told()
        seat = Seat(self._browser, url or told["url"], **options)
        self._taken.append(seat)
        if role is not None:
            seat.sign_in(next(user for user in told["users"] if user["role"] == role))
        return seat

    def leave(self) -> list[str]:
        """Close all of them and return the faults they met."""
        for seat in self._taken:
            seat.context.close()
        return [fault for seat in self._taken for fault in seat.faults]


class Line:
    """A loopback line to a server that can go silent, as a network does, or be cut, as a server does."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._refusing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, name="line", daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._open.set()
        self._accepting.join(5)

    def silence(self) -> None:
        """Let nothing pass in either direction, and end nothing."""
        self._open.clear()

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        with self._lock:
            self._refusing = True
            taken = list(self._sockets)
        for one in taken:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        with self._lock:
            self._refusing = False
        self._open.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                refusing = self._refusing
            try:
                far = None if refusing else socket.create_connection(self._target, timeout=5)
            except OSError:
                far = None
            if far is None:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._sockets |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), name="line-way", daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._open.wait()
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            if source in self._sockets:
                self._sockets -= {source}
        source.close()
