"""Who may watch over RTSP: the owner of an API token, by the rules that live pictures have over HTTP."""

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass

from alertwall.camera_set import CameraSet
from configs.site import Site
from dashboard_api.gate import load_for
from dashboard_api.views import ViewLog
from ingest.rtsp_server.door import Pass, Refused
from ingest.rtsp_server.restream import Restream
from models.area import any_covers
from models.clock import Clock
from models.errors import NotFound, NotReady
from models.store import audit, logins
from models.store import cameras as camera_store
from models.store.pool import Store
from models.user import WATCHERS, Login

SCOPE = "cameras:read"
LOOPBACK = ("127.0.0.1", "::1")
_NUMBERED = re.compile(r"worker-([1-9][0-9]{0,2})")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proof:
    """The login that a client was let in with."""

    id_hash: bytes
    login: Login


class RestreamDoor:
    """Asks the store; called by the re-stream's own threads."""

    def __init__(self, store: Store, clock: Clock, cameras: CameraSet) -> None:
        self._store, self._clock, self._cameras = store, clock, cameras
        self._views = ViewLog(store, clock)

    def admit(self, token: str, camera_id: str, address: str) -> Pass:
        """Return the camera's pictures; `Refused` with 401, 403, 404 or, without a database, 503."""
        try:
            login, area, holder = self._allowed(token, camera_id, address)
            held = self._cameras.get(camera_id)
            if held is None:
                raise Refused(404, f"another worker has this camera: {holder}" if holder else "no worker has it yet")
            self._views.note(login, "view.rtsp", f"camera:{camera_id}", area, ip=address)
        except NotReady as away:
            log.warning("re-stream: %s", away)
            raise Refused(503, "the database is away") from None
        return Pass(camera_id, held.live, lambda: self._cameras.state(held).reason, Proof(logins.digest(token), login))

    def _allowed(self, token: str, camera_id: str, address: str) -> tuple[Login, str, str]:
        """Return who asks, the camera's area and which worker has it."""
        with self._store.transaction() as conn:
            login = logins.find(conn, token, self._clock.utc_now())
            if login is None or login.kind != "token":
                raise Refused(401, "no such token, or it has ended")
            refusal = refusal_of(login)
            if refusal is None:
                try:
                    camera = load_for(conn, login, "camera", camera_id)
                    state = camera_store.states(conn, [camera_id]).get(camera_id)
                    return login, camera.area, (state.worker_id or "") if state else ""
                except NotFound:
                    refusal = Refused(404, "no such camera")
            detail = {"why": refusal.reason, "ip": address}
            audit.append(conn, actor=login.username, action="denied", object=f"RTSP /{camera_id[:80]}", detail=detail)
        raise refusal

    def standing(self, passes: Collection[Pass]) -> list[Pass]:
        """Return those whose token stands with the same role and areas, for a camera that is still in them and here."""
        proofs = {one: one.proof for one in passes}
        hashes = {proof.id_hash for proof in proofs.values() if isinstance(proof, Proof)}
        with self._store.transaction() as conn:
            alive = logins.alive(conn, hashes, self._clock.utc_now())
        return [
            one
            for one, proof in proofs.items()
            if isinstance(proof, Proof)
            and _same(alive.get(proof.id_hash), proof.login)
            and self._sees(one, proof.login)
        ]

    def _sees(self, one: Pass, login: Login) -> bool:
        held = self._cameras.get(one.camera_id)
        return held is not None and held.live is one.live and any_covers(login.areas, held.registration.camera.area)


def refusal_of(login: Login) -> Refused | None:
    """Return why this token may watch no camera at all."""
    if login.role not in WATCHERS:
        return Refused(403, f"the role {login.role} may not do this")
    if login.scopes and SCOPE not in login.scopes:
        return Refused(403, f"this token lacks the scope {SCOPE}")
    return None


def _same(now: Login | None, then: Login) -> bool:
    return now is not None and (now.role, now.areas, now.scopes) == (then.role, then.areas, then.scopes)


def port_of(site: Site, worker_id: str) -> int:
    """Return this worker's port: the site's for the first, the next ones for the others; 0 is none."""
    numbered = _NUMBERED.fullmatch(worker_id)
    first = site.ingest.restream_port
    return first + int(numbered[1]) - 1 if first and numbered else first


def open_restream(site: Site, worker_id: str, store: Store, clock: Clock, cameras: CameraSet) -> Restream | None:
    """Return the re-stream when the site wants one; a port that cannot be had stops no recording."""
    host, port = site.ingest.restream_host, port_of(site, worker_id)
    if not port:
        return None
    if host not in LOOPBACK:
        log.warning("re-stream on %s: its tokens can be read on the way unless TLS is ended in front of it", host)
    try:
        return Restream(RestreamDoor(store, clock, cameras), host=host, port=port)
    except (OSError, OverflowError) as taken:
        log.error("no re-stream: port %d of %s: %s", port, host, taken)  # noqa: TRY400 - a state, not a bug
        return None
