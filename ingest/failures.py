"""Why a camera's link is down, in words for people and in the state that decides when to try again."""

from models.camera import LinkState
from models.errors import LinkDown


class LinkFailure(LinkDown):
    """``state`` is BACKOFF, or AUTH_FAILED or NOT_FOUND, which are tried again slowly."""

    def __init__(self, peer: str, reason: str, *, state: LinkState = LinkState.BACKOFF) -> None:
        super().__init__(peer, reason)
        self.state = state


class TransportRefused(LinkFailure):
    """The camera is there and has the stream, but does not send it over this transport."""
