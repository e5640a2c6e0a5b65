"""SOAP 1.2 as ONVIF speaks it: an envelope, the proof of the password (WS-UsernameToken), a fault."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from ingest.failures import LinkFailure
from ingest.onvif.channel import ANSWER_MAX_BYTES, Channel, Place
from ingest.onvif.xml import BadXml, Node, parse, plain
from models.camera import LinkState
from models.clock import Clock

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TOKEN_PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"  # noqa: S105
MESSAGE_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0"
WSA = "http://www.w3.org/2005/08/addressing"
REFUSALS = ("NotAuthorized", "FailedAuthentication", "NotAuthenticated", "InvalidSecurity")
CALL_TIMEOUT_S = 5.0
SKEW_MAX = timedelta(days=36_500)


class Refusal(LinkFailure):
    """A fault: the camera understood, and will not."""


def envelope(body: str, header: str = "") -> bytes:
    """Return a whole message."""
    head = f"<s:Header>{header}</s:Header>" if header else ""
    text = f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{SOAP}">{head}<s:Body>{body}</s:Body>'
    return f"{text}</s:Envelope>".encode()


def username_token(username: str, password: str, created: datetime, nonce: bytes) -> str:
    """Return the header that proves ``password``: Base64(SHA-1(nonce + created + password))."""
    stamp = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    proof = hashlib.sha1(nonce + stamp.encode() + password.encode(), usedforsecurity=False).digest()
    return (
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" s:mustUnderstand="1"><wsse:UsernameToken>'
        f"<wsse:Username>{escape(username)}</wsse:Username>"
        f'<wsse:Password Type="{TOKEN_PROFILE}#PasswordDigest">{base64.b64encode(proof).decode()}</wsse:Password>'
        f'<wsse:Nonce EncodingType="{MESSAGE_SECURITY}#Base64Binary">{base64.b64encode(nonce).decode()}</wsse:Nonce>'
        f"<wsu:Created>{stamp}</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )


def addressing(action: str, to: str = "") -> str:
    """Return the WS-Addressing headers that event services ask for."""
    said = f'<wsa:Action xmlns:wsa="{WSA}" s:mustUnderstand="1">{escape(action)}</wsa:Action>'
    return said + (f'<wsa:To xmlns:wsa="{WSA}" s:mustUnderstand="1">{escape(to)}</wsa:To>' if to else "")


class Soap:
    """Calls on one camera. ``skew`` is how far its clock is ahead of ours; proofs are dated by its clock."""

    def __init__(self, channel: Channel, clock: Clock, *, password: str) -> None:
        self.channel, self.clock, self._password = channel, clock, password
        self.skew = timedelta()

    def take_clock(self, skew: timedelta) -> timedelta | None:
        """Keep how far the camera's clock is ahead, unless it is of another century."""
        if abs(skew) > SKEW_MAX:
            return None
        self.skew = skew
        return skew

    def call(
        self,
        place: Place,
        body: str,
        *,
        header: str = "",
        anonymous: bool = False,
        timeout_s: float = CALL_TIMEOUT_S,
        limit_bytes: int = ANSWER_MAX_BYTES,
    ) -> Node:
        """Return the first node of the answer's body; `LinkFailure` for a fault and whatever is not SOAP."""

        def message(proved: bool) -> bytes:
            wanted = bool(self.channel.username) and not anonymous and not proved
            return envelope(body, (self._token() if wanted else "") + header)

        answer = self.channel.request(
            "POST",
            place,
            body=message,
            content_type="application/soap+xml; charset=utf-8",
            timeout_s=timeout_s,
            limit_bytes=limit_bytes,
        )
        host = self.channel.host
        if answer.status == 401:
            raise _refused(host, given=bool(self.channel.username))
        try:
            said = parse(answer.body).find("Body")
        except BadXml as bad:
            reason = str(bad) if answer.status < 400 else f"answered {answer.status} to ONVIF"
            raise LinkFailure(host, reason) from None
        if said is None or not said.children:
            raise LinkFailure(host, f"answered {answer.status} to ONVIF, without a message")
        first = said.children[0]
        if first.name == "Fault":
            raise self._fault(first)
        return first

    def _token(self) -> str:
        created = self.clock.utc_now() + self.skew
        return username_token(self.channel.username, self._password, created, secrets.token_bytes(16))

    def _fault(self, fault: Node) -> LinkFailure:
        codes = [node.text for node in (fault.find("Code") or fault).walk("Value")]
        codes += [node.text for code in fault.walk("Subcode") for node in code.walk("Value")]
        if any(code.strip().rpartition(":")[2] in REFUSALS for code in codes):
            return _refused(self.channel.host, given=bool(self.channel.username))
        reason = plain(fault.text_of("Reason", "Text") or fault.text_of("faultstring"))
        return Refusal(self.channel.host, f"the camera refuses: {reason}" if reason else "the camera refuses")


def _refused(host: str, *, given: bool) -> LinkFailure:
    reason = "wrong user name or password" if given else "user name and password needed"
    return LinkFailure(host, reason, state=LinkState.AUTH_FAILED)
