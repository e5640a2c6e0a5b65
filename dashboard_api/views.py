"""Who looked through which camera: a row of the audit trail for each look, one a minute while it lasts."""

import threading

from models.clock import Clock
from models.store import audit
from models.store.pool import Store
from models.user import Login

AGAIN_AFTER_S = 60.0
REMEMBERED_MAX = 10_000


class ViewLog:
    """Writes audit rows of looking; a picture that is fetched every second is one look a minute."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._last_s: dict[tuple[str, str, str], float] = {}

    def note(self, login: Login, action: str, object: str, area: str, *, ip: str, **detail: str) -> None:
        """Write a row unless the same person did the same within a minute."""
        self.note_of(login.username, action, object, area, ip=ip, **detail)

    def note_of(self, actor: str, action: str, object: str, area: str, *, ip: str, **detail: str) -> None:
        """Write a row of what ``actor`` did, once a minute."""
        key = (actor, action, object + "".join(detail.values()))
        now_s = self._clock.monotonic_s()
        with self._lock:
            if now_s - self._last_s.get(key, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
                return
        with self._store.transaction() as conn:
            audit.append(conn, actor=actor, action=action, object=object, area=area, detail={"ip": ip, **detail})
        with self._lock:  # only now: a look that could not be written down is not known yet
            if len(self._last_s) >= REMEMBERED_MAX:
                self._last_s.clear()
            self._last_s[key] = now_s
