"""A PullPoint subscription: made, pulled from with a long poll, renewed, ended."""

from datetime import timedelta
from xml.sax.saxutils import escape, quoteattr

from ingest.failures import LinkFailure
from ingest.onvif.channel import Place
from ingest.onvif.device import EVENTS, Device
from ingest.onvif.soap import CALL_TIMEOUT_S, WSA, addressing
from ingest.onvif.topics import instant
from ingest.onvif.xml import Node

NOTIFICATIONS = "http://docs.oasis-open.org/wsn/b-2"
LIFETIME_S = 300.0
LIFETIME_MIN_S = 20.0
RENEW_BEFORE_S = 60.0
MESSAGES_MAX = 64
PULL_ANSWER_MAX_BYTES = 256 << 10
REFERENCES_MAX = 8


class PullPoint:
    """One subscription on one camera."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._place: Place | None = None
        self._to = ""
        self._references = ""
        self.lives_s = LIFETIME_S

    def create(self) -> None:
        """Subscribe to all topics: filters are what cameras understand least."""
        service = self._device.services().get(EVENTS)
        if service is None:
            raise LinkFailure(self._device.host, "no event service")
        said = self._device.soap.call(
            service,
            f'<CreatePullPointSubscription xmlns="{EVENTS}"><InitialTerminationTime>PT{LIFETIME_S:.0f}S'
            "</InitialTerminationTime></CreatePullPointSubscription>",
            header=addressing(f"{EVENTS}/EventPortType/CreatePullPointSubscriptionRequest"),
        )
        reference = said.find("SubscriptionReference") or Node("")
        self._to = reference.text_of("Address")[:1024]
        self._place = self._device.place(self._to)
        if self._place is None:
            raise LinkFailure(self._device.host, "a subscription without an address")
        given = reference.find("ReferenceParameters") or Node("")
        self._references = "".join(_echo(one) for one in given.children[:REFERENCES_MAX])
        self._take_lifetime(said)

    def pull(self, wait_s: float) -> Node:
        """Return the answer, which comes when there is news or after ``wait_s``."""
        body = (
            f'<PullMessages xmlns="{EVENTS}"><Timeout>PT{wait_s:.0f}S</Timeout>'
            f"<MessageLimit>{MESSAGES_MAX}</MessageLimit></PullMessages>"
        )
        said = self._call(f"{EVENTS}/PullPointSubscription/PullMessagesRequest", body, wait_s + CALL_TIMEOUT_S)
        self._take_clock(said)
        return said

    def renew(self) -> None:
        """Ask for another while."""
        body = f'<Renew xmlns="{NOTIFICATIONS}"><TerminationTime>PT{LIFETIME_S:.0f}S</TerminationTime></Renew>'
        said = self._call("http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/RenewRequest", body, CALL_TIMEOUT_S)
        self._take_lifetime(said)

    def unsubscribe(self, timeout_s: float) -> None:
        """End the subscription; a camera has few of them."""
        action = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/UnsubscribeRequest"
        self._call(action, f'<Unsubscribe xmlns="{NOTIFICATIONS}"/>', timeout_s)

    def _call(self, action: str, body: str, timeout_s: float) -> Node:
        if self._place is None:
            raise LinkFailure(self._device.host, "no subscription")
        return self._device.soap.call(
            self._place,
            body,
            header=addressing(action, self._to) + self._references,
            timeout_s=timeout_s,
            limit_bytes=PULL_ANSWER_MAX_BYTES,
        )

    def _take_lifetime(self, said: Node) -> None:
        """Believe what the camera granted, within reason."""
        now, ends = instant(said.text_of("CurrentTime")), instant(said.text_of("TerminationTime"))
        granted_s = (ends - now).total_seconds() if now is not None and ends is not None else LIFETIME_S
        self.lives_s = min(max(granted_s, LIFETIME_MIN_S), LIFETIME_S)

    def _take_clock(self, said: Node) -> None:
        now = instant(said.text_of("CurrentTime"))
        if now is not None:
            skew = now - self._device.soap.clock.utc_now()
            # the answer says whole seconds: a jump is news, a second is not
            if abs(skew - self._device.soap.skew) > timedelta(seconds=2):
                self._device.soap.take_clock(skew)


def _echo(node: Node) -> str:
    """Return a reference parameter as a header; what is in it is the camera's own business."""
    inner = escape(node.text.strip()) + "".join(_echo(child) for child in node.children[:REFERENCES_MAX])
    if not node.name.replace("-", "").replace("_", "").isalnum() or not node.name.isascii():
        return ""
    return (
        f"<r:{node.name} xmlns:r={quoteattr(node.namespace)} xmlns:wsa={quoteattr(WSA)} "
        f'wsa:IsReferenceParameter="true">{inner}</r:{node.name}>'
    )
