"""An ONVIF device written for the tests: real HTTP with a digest or a WS-UsernameToken check, events, discovery."""

import base64
import hashlib
import re
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from ingest import digest
from ingest.onvif.xml import Node, parse
from tests.support.onvif_words import (
    CREATED,
    FAULT,
    INFORMATION,
    JPEG,
    PRESETS,
    PROFILES_1,
    PROFILES_2,
    answered,
    capabilities,
    enveloped,
    instant,
    match,
    notification,
    services,
    system_time,
)

REALM = "cameras"
CREATED_WITHIN = timedelta(seconds=5)
Raw = Callable[[socket.socket], None]


@dataclass
class Options:
    """``auth``: none, token or digest. ``instead``: what is done for an operation in place of an answer."""

    auth: str = "token"
    username: str = "viewer"
    password: str = "open sesame"
    ahead: timedelta = timedelta()
    media2: bool = True
    ptz: bool = True
    events: bool = True
    capabilities_only: bool = False
    xaddr_host: str = ""
    stream_uri: str = "rtsp://user:pass@{host}:{rtsp}/{token}?a=1"
    rtsp_port: int = 8554
    instead: dict[str, Raw] = field(default_factory=dict)


class OnvifDevice:
    """Listens on a free loopback port; ``asked`` holds the operations in order."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.asked: list[str] = []
        self.refused = 0
        self.bodies: list[bytes] = []
        self.turned_to: list[str] = []
        self.subscriptions: set[str] = set()
        self._waiting: list[str] = []
        self._changed = threading.Condition()
        self._closed = False
        self._nonces: set[str] = set()
        self.nonce = secrets.token_hex(8)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"device": self}))
        self._server.daemon_threads = False
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def say(self, topic: str, data: dict[str, str], **more: str) -> None:
        """Have an event pulled: ``operation``, ``at`` and source items by name."""
        operation, at = more.pop("operation", "Changed"), more.pop("at", instant(self.now()))
        with self._changed:
            self._waiting.append(notification(topic, data, more, operation, at))
            self._changed.notify_all()

    def say_raw(self, text: str) -> None:
        with self._changed:
            self._waiting.append(text)
            self._changed.notify_all()

    def reboot(self) -> None:
        """Forget all subscriptions."""
        with self._changed:
            self.subscriptions.clear()
            self._changed.notify_all()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.options.ahead

    # what it answers

    def answer(self, operation: str, body: Node, header: Node, path: str) -> str:
        options = self.options
        newer = path.endswith("media2")
        subscribed = partial(self._subscribed, operation, header, body)
        answers: dict[str, Callable[[], str]] = {
            "GetSystemDateAndTime": lambda: system_time(self.now()),
            "GetDeviceInformation": lambda: INFORMATION,
            "GetServices": lambda: (
                ""
                if options.capabilities_only
                else services(self._base, media2=options.media2, ptz=options.ptz, events=options.events)
            ),
            "GetCapabilities": lambda: capabilities(self._base),
            "GetProfiles": lambda: PROFILES_2 if newer else PROFILES_1,
            "GetStreamUri": lambda: self._stream_uri(next(body.walk("ProfileToken")).text, newer=newer),
            "GetSnapshotUri": lambda: answered("GetSnapshotUri", f"<r:Uri>{self._base}/snapshot.jpg</r:Uri>"),
            "GetPresets": lambda: PRESETS,
            "GotoPreset": lambda: self._turn(next(body.walk("PresetToken")).text),
            "CreatePullPointSubscription": self._subscribe,
            "PullMessages": subscribed,
            "Renew": subscribed,
            "Unsubscribe": subscribed,
        }
        return answers[operation]() if operation in answers else ""

    @property
    def _base(self) -> str:
        return f"http://{self.options.xaddr_host or '127.0.0.1'}:{self.port}"

    def _stream_uri(self, token: str, *, newer: bool) -> str:
        uri = self.options.stream_uri.format(host="127.0.0.1", rtsp=self.options.rtsp_port, token=token)
        inner = f"<r:Uri>{uri.replace('&', '&amp;')}</r:Uri>"
        return answered("GetStreamUri", inner if newer else f"<r:MediaUri>{inner}</r:MediaUri>")

    def _turn(self, preset: str) -> str:
        self.turned_to.append(preset)
        return answered("GotoPreset", "")

    def _subscribe(self) -> str:
        number = secrets.token_hex(4)
        self.subscriptions.add(number)
        end = instant(self.now() + timedelta(seconds=300))
        return CREATED.format(base=self._base, id=number, now=instant(self.now()), end=end)

    def _subscribed(self, operation: str, header: Node, body: Node) -> str:
        number = next((one.text for one in header.walk("SubscriptionId")), "")
        if number not in self.subscriptions:
            return ""
        if operation == "Unsubscribe":
            self.subscriptions.discard(number)
            return "<r:UnsubscribeResponse/>"
        times = f"<r:CurrentTime>{instant(self.now())}</r:CurrentTime>"
        times += f"<r:TerminationTime>{instant(self.now() + timedelta(seconds=300))}</r:TerminationTime>"
        if operation == "Renew":
            return f"<r:RenewResponse>{times}</r:RenewResponse>"
        wait_s = float(next(one.text for one in body.walk("Timeout"))[2:-1])
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed or number not in self.subscriptions, wait_s)
            if number not in self.subscriptions:
                return ""
            said, self._waiting = "".join(self._waiting), []
        return f"<r:PullMessagesResponse>{times}{said}</r:PullMessagesResponse>"

    # who may ask

    def admits(self, handler: BaseHTTPRequestHandler, operation: str, header: Node) -> bool:
        if self.options.auth == "none" or operation == "GetSystemDateAndTime":
            return True
        return self._by_digest(handler) if self.options.auth == "digest" else self._by_token(header)

    def _by_digest(self, handler: BaseHTTPRequestHandler) -> bool:
        said = digest.parameters(handler.headers.get("Authorization", "").removeprefix("Digest "))
        challenge = {"realm": REALM, "nonce": self.nonce, "qop": "auth", "algorithm": "SHA-256"}
        wanted = digest.response(
            challenge,
            method=handler.command,
            uri=handler.path,
            username=self.options.username,
            password=self.options.password,
            nc=said.get("nc", ""),
            cnonce=said.get("cnonce", ""),
        )
        return (said.get("username"), said.get("response")) == (self.options.username, wanted)

    def _by_token(self, header: Node) -> bool:
        token = header.find("Security", "UsernameToken")
        if token is None or token.text_of("Username") != self.options.username:
            return False
        nonce, created = token.text_of("Nonce"), token.text_of("Created")
        fresh = abs(datetime.fromisoformat(created) - self.now()) <= CREATED_WITHIN and nonce not in self._nonces
        self._nonces.add(nonce)
        secret = base64.b64decode(nonce) + created.encode() + self.options.password.encode()
        return fresh and token.text_of("Password") == base64.b64encode(hashlib.sha1(secret).digest()).decode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    device: OnvifDevice

    def do_POST(self) -> None:
        device, text = self.device, self.rfile.read(int(self.headers["Content-Length"]))
        device.bodies.append(text)
        envelope = parse(text)
        header, body = envelope.find("Header") or Node(""), envelope.find("Body") or Node("")
        operation = body.children[0].name
        device.asked.append(operation)
        if operation in device.options.instead:
            self._raw(device.options.instead[operation])
        elif not device.admits(self, operation, header):
            self._refuse()
        else:
            said = device.answer(operation, body, header, self.path)
            self._send(200 if said else 400, enveloped(said or FAULT.format(code="ter:ActionNotSupported")).encode())

    def do_GET(self) -> None:
        device = self.device
        device.asked.append(f"GET {self.path}")
        if "snapshot" in device.options.instead:
            self._raw(device.options.instead["snapshot"])
        elif device.options.auth == "digest" and not device.admits(self, "", Node("")):
            self._refuse()
        else:
            self._send(200, JPEG, "image/jpeg")

    def _raw(self, act: Raw) -> None:
        self.close_connection = True
        try:
            act(self.connection)
        except OSError:
            return  # the other side had enough

    def _refuse(self) -> None:
        self.device.refused += 1
        if self.device.options.auth != "digest":
            self._send(400, enveloped(FAULT.format(code="ter:NotAuthorized")).encode())
            return
        self.send_response(401)
        digest_ = f'Digest realm="{REALM}", qop="auth", algorithm=SHA-256, nonce="{self.device.nonce}"'
        for challenge in ('Basic realm="cameras"', digest_):
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: int, body: bytes, kind: str = "application/soap+xml") -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def saying(head: str, body: bytes = b"") -> Raw:
    """Answer with these bytes."""
    return lambda connection: connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)


class DiscoveryResponder:
    """Answers probes on a UDP port of its own with what ``answers`` makes of the question's id."""

    def __init__(self, answers: Callable[[str], list[bytes]] | None = None, *, group: str | None = None) -> None:
        self._answers = answers or (lambda question: [match(question, "http://127.0.0.1:8000/onvif/device_service")])
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1" if group is None else "", 0))
        if group is not None:
            joined = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        self._socket.settimeout(0.05)
        self.port: int = self._socket.getsockname()[1]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                question, asker = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            found = re.search(rb"urn:uuid:[0-9a-f-]+", question)
            for answer in self._answers(found[0].decode() if found else ""):
                self._socket.sendto(answer, asker)
