"""Everybody at once: triage, operators, dispatchers, patrols and the clock, on the same few incidents."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from alarms import desk, dispatch, triage
from configs.parts import AlarmsConfig
from models.clock import SystemClock
from models.errors import Conflict, NotFound
from models.event import EventKind, SourceKind
from models.incident import Disposition
from models.patrol import AssignmentState
from models.store import audit, events, incidents, patrols
from models.store.pool import Store
from models.user import Role
from tests.alarms.people import AREA, add_camera, add_patrol, add_unit, add_users, event

THREADS = 8
TURNS = 40
UNITS = 6
PATROLS = ["p1", "p2", "p3"]
MOMENTS = AlarmsConfig(join_within_s=600)


class Shift:
    """One of several people and machines; what it does is drawn by its own dice."""

    def __init__(self, store: Store, number: int) -> None:
        self._store, self._clock, self._dice = store, SystemClock(), random.Random(number)
        role = Role.DISPATCHER if number % 2 else Role.OPERATOR
        (self._login,) = add_users(store, f"p{number}", role=role)
        self.outcomes: Counter[str] = Counter()

    def run(self) -> None:
        """Take turns; only a conflict is a legitimate refusal."""
        acts: list[Callable[[], object]] = [
            self._triage,
            self._triage,
            lambda: desk.claim(self._store, self._clock, self._incident(), self._login),
            lambda: desk.release(self._store, self._clock, self._incident(), self._login),
            lambda: desk.comment(self._store, self._clock, self._incident(), self._login, "hm"),
            lambda: desk.close(self._store, self._clock, self._incident(), self._login, Disposition.FALSE),
            lambda: dispatch.assign(
                self._store, self._clock, self._incident(), self._patrol(), "", self._login, answer_within_s=0.02
            ),
            self._answer,
            self._arrive,
            lambda: dispatch.time_out_due(self._store, self._clock),
        ]
        for _ in range(TURNS):
            act = self._dice.randrange(len(acts))
            try:
                acts[act]()
            except (Conflict, NotFound) as lost:
                self.outcomes[type(lost).__name__] += 1
            else:
                self.outcomes["done"] += 1

    def _triage(self) -> None:
        at, unit = self._clock.utc_now(), f"U{self._dice.randrange(UNITS)}"
        kinds = [EventKind.BURGLARY, EventKind.PANIC, EventKind.BATTERY_LOW, EventKind.RESTORE]
        batch = [event(self._dice.choice(kinds), SourceKind.UNIT, unit, at, by=self._login.username)]
        batch.append(event(EventKind.INTRUSION, SourceKind.CAMERA, f"c{unit}", at, by=self._login.username))
        with self._store.transaction() as conn:
            events.write(conn, batch, triage=False)
            triage.take(conn, self._clock, batch, MOMENTS)

    def _incident(self) -> int:
        with self._store.transaction() as conn:
            open_ones = conn.execute("SELECT id FROM incident ORDER BY state = 'closed', id DESC LIMIT 4").fetchall()
        return int(self._dice.choice(open_ones)[0]) if open_ones else 0

    def _patrol(self) -> str:
        return self._dice.choice(PATROLS)

    def _errand(self) -> tuple[int, str]:
        patrol_id = self._patrol()
        with self._store.transaction() as conn:
            (errand,) = patrols.of_patrol(conn, patrol_id, open_only=True) or (None,)
        if errand is None:
            raise NotFound("assignment", patrol_id)
        return errand.id, patrol_id

    def _answer(self) -> None:
        errand, patrol_id = self._errand()
        dispatch.answer(self._store, self._clock, errand, patrol_id, accept=self._dice.random() < 0.8, reason="no")

    def _arrive(self) -> None:
        errand, patrol_id = self._errand()
        new = self._dice.choice([AssignmentState.ON_SCENE, AssignmentState.CLEAR])
        dispatch.step(self._store, self._clock, errand, patrol_id, new)


def test_everybody_at_once(store: Store) -> None:
    """No deadlock, no half step: what is left fits together, and the trail is whole."""
    for number in range(UNITS):
        add_camera(store, f"cU{number}")
        add_unit(store, f"U{number}", cameras=(f"cU{number}",))
    for patrol_id in PATROLS:
        add_patrol(store, patrol_id)
    with Store(store.dsn, max_size=THREADS, timeout_s=30) as shared, ThreadPoolExecutor(THREADS) as pool:
        shifts = [Shift(shared, number) for number in range(THREADS)]
        for done in [pool.submit(shift.run) for shift in shifts]:
            done.result()
    assert sum(shift.outcomes["done"] for shift in shifts) > THREADS * TURNS / 4
    with store.transaction() as conn:
        assert audit.verify(conn) is None
        for incident in incidents.listing(conn, [AREA], limit=500)[0]:
            open_ones = [one for one in patrols.of_incident(conn, incident.id) if one.ended_at is None]
            assert not (incident.state == "closed" and open_ones)
        for patrol_id in PATROLS:
            patrol = patrols.get(conn, patrol_id)
            assert patrol is not None
            busy = bool(patrols.of_patrol(conn, patrol_id, open_only=True))
            assert (patrol.state == "available") is not busy
        row = conn.execute(
            """SELECT count(*) FROM incident i WHERE event_count <>
               (SELECT count(*) FROM incident_event e WHERE e.incident_id = i.id)"""
        ).fetchone()
        assert row == (0,), "every event counted on an incident is on it"
