"""What one API process holds: the site, the store, and the parts that outlive a request."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from configs.site import Site
from models.clock import Clock
from models.store.pool import Store
from models.store.secrets import SecretBox

if TYPE_CHECKING:
    from dashboard_api.feed import FeedHub
    from dashboard_api.peers import Peers
    from dashboard_api.views import ViewLog
    from dashboard_api.watch import LoginWatch
    from dashboard_api.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Given to every endpoint as `Here`."""

    site: Site
    store: Store
    clock: Clock
    box: SecretBox
    workers: "Workers"
    hub: "FeedHub"
    watch: "LoginWatch"
    views: "ViewLog"
    peers: "Peers"

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers reach us over TLS, so that cookies may insist on it."""
        return (self.site.api.public_origin or "").startswith("https://")


async def _context(connection: HTTPConnection) -> Context:
    return context_of(connection)


def context_of(connection: HTTPConnection) -> Context:
    """Return the context of the application that serves ``connection``."""
    context = connection.app.state.context
    assert isinstance(context, Context)
    return context


Here = Annotated[Context, Depends(_context)]
"""An endpoint's parameter: the context."""
