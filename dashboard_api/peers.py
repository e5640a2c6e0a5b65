"""WebRTC viewers: their pictures go from the worker to the browser, past us, so we remember where to have them cut."""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass

from dashboard_api import lanes
from dashboard_api.policy import Access
from dashboard_api.watch import LoginWatch, Watched
from dashboard_api.workers import Workers
from models.errors import AlertwallError

REMEMBERED_MAX = 5000
PER_USER_MAX = 64
"""Browsers that vanish say no farewell: past these the oldest are ended, since nobody would watch them any more."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """One viewer: whose it is, of which camera, at which worker."""

    id: str
    camera_id: str
    url: str
    access: Access


class Peers:
    """Has a viewer's worker end it when the login ends. Belongs to the event loop."""

    def __init__(self, workers: Workers, watch: LoginWatch) -> None:
        self._workers, self._watch = workers, watch
        self._peers: OrderedDict[str, tuple[Peer, Watched]] = OrderedDict()
        self._ending: set[asyncio.Task[None]] = set()

    def remember(self, peer: Peer) -> None:
        """Watch the login of a viewer that has just been answered."""
        watched = self._watch.keep(peer.access, lambda: self._cut(peer.id))
        self._peers[peer.id] = peer, watched
        username = peer.access.login.username
        of_user = [one.id for one, _ in self._peers.values() if one.access.login.username == username]
        if len(of_user) > PER_USER_MAX:
            self._cut(of_user[0])
        if len(self._peers) > REMEMBERED_MAX:
            self._cut(next(iter(self._peers)))

    def get(self, peer_id: str) -> Peer | None:
        """Return a viewer that this process has answered."""
        found = self._peers.get(peer_id)
        return found[0] if found is not None else None

    def forget(self, peer_id: str) -> None:
        """Watch it no longer: it has ended."""
        found = self._peers.pop(peer_id, None)
        if found is not None:
            self._watch.drop(found[1])

    def _cut(self, peer_id: str) -> None:
        peer = self.get(peer_id)
        self.forget(peer_id)
        if peer is not None:
            task = asyncio.get_running_loop().create_task(self._end(peer), name="peer-end")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self, peer: Peer) -> None:
        try:
            await lanes.PICTURES.run(self._workers.ask, [peer.url], "DELETE", f"/whep/{peer.id}")
        except AlertwallError as down:
            log.warning("a viewer whose login ended could not be cut: %s", down)
