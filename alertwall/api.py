"""`alertwall api`: serve the wall and its API until told to stop."""

import asyncio
import logging
import socket
import threading
import types

import uvicorn
from fastapi import FastAPI

from configs.site import Site
from dashboard_api.app import create_app
from dashboard_api.connections import BoundedConnection, listen
from dashboard_api.context import Context
from models.clock import Clock, SystemClock
from models.errors import StoreDown
from models.store import logins, parts, users
from models.store.pool import Store

PART_KIND = "api"
POOL_MAX = 16
GRACE_S = 3
FAREWELL_S = 1.0
PRUNE_EVERY_BEATS = 3600
WS_MAX_BYTES = 64 * 1024
HEAD_MAX_BYTES = 32 * 1024
EXIT_NO_PORT = 1

log = logging.getLogger(__name__)


class ApiServer(uvicorn.Server):
    """Ends open feeds and live pictures first: they would outlast any grace."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self._context = context

    def handle_exit(self, sig: int, frame: types.FrameType | None) -> None:  # noqa: ARG002
        """Begin to end on a signal; a second one ends at once. `run` returns, the signal is not raised again."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._context.hub.closing = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what streams, then the rest."""
        self._context.watch.cut_all()
        self._context.hub.end_viewers()
        asyncio.get_running_loop().call_later(FAREWELL_S, self._drop_stuck)
        await super().shutdown(sockets)

    def _drop_stuck(self) -> None:
        """Let go of those whose last words nobody takes."""
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if transport is not None and transport.is_closing():
                transport.abort()


def run(site: Site, *, part_id: str = "api-1", port: int | None = None, clock: Clock | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    clock = clock or SystemClock()
    store = Store(site.dsn, min_size=2, max_size=POOL_MAX, timeout_s=2.0, application=f"alertwall {part_id}")
    try:
        store.open(wait_s=5)
    except StoreDown as down:
        log.warning("serving without a database until there is one: %s", down)
    port = site.api.port if port is None else port
    try:
        listening = listen(site.api.host, port)
    except OSError as taken:
        log.critical("cannot listen on %s, port %d: %s", site.api.host, port, taken.strerror)
        store.close()
        return EXIT_NO_PORT
    app = create_app(site, store, clock=clock)
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(store, clock, part_id, over), name="api-beat", daemon=True)
    beating.start()
    try:
        server(app, site).run([listening])
    finally:
        over.set()
        beating.join(timeout=2)
        listening.close()
        store.close()
    return 0


def server(app: FastAPI, site: Site) -> ApiServer:
    """Return the HTTP server of ``app``; it runs on a socket of `listen`."""
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(site.api.trusted_proxies),
        forwarded_allow_ips=list(site.api.trusted_proxies),
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=30,
        ws_max_size=WS_MAX_BYTES,
        ws_per_message_deflate=False,
        h11_max_incomplete_event_size=HEAD_MAX_BYTES,
    )
    return ApiServer(config, app.state.context)


def _beat(store: Store, clock: Clock, part_id: str, over: threading.Event) -> None:
    started_at = clock.utc_now()
    beats = 0
    while True:
        try:
            with store.transaction() as conn:
                now = clock.utc_now()
                parts.beat(conn, id=part_id, kind=PART_KIND, now=now, started_at=started_at)
                if beats % PRUNE_EVERY_BEATS == 0:
                    logins.prune(conn, now)
                    users.prune_tries(conn, now)
            beats += 1
        except StoreDown:
            log.debug("no beat: the database is away")
        if over.wait(parts.BEAT_EVERY_S):
            return
