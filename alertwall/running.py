"""`alertwall run`: from a site file to running parts, and back to nothing."""

import logging
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alarms import broker
from alertwall import preflight, provision, ready, sweep
from alertwall.child import Child, Part, PartSpec, Stage
from alertwall.database_part import DatabasePart
from alertwall.keeper import Keeper
from alertwall.logs import PartLog
from alertwall.state_folder import StateFolder, make_internal_token
from alertwall.supervisor import Signals, Supervisor
from alertwall.warden import Warden
from configs.site import Site
from models.clock import SystemClock
from models.errors import StoreDown
from models.store import parts, units
from models.store.migrate import migrate
from models.store.pool import Store

DATABASE_ASKED_EVERY_S = 2.0
BROKER = "broker"

log = logging.getLogger(__name__)


class Running:
    """One site while it runs; everything is made in `run` and gone when it returns."""

    def __init__(
        self,
        site: Site,
        site_file: Path,
        *,
        console_level: int = logging.INFO,
        more: Sequence[PartSpec] = (),
        on_database: Callable[[Store], None] = lambda _store: None,
        on_started: Callable[[Store], None] = lambda _store: None,
    ) -> None:
        self._site, self._site_file, self._console_level = site, site_file.absolute(), console_level
        self._more, self._on_database, self._on_started = more, on_database, on_started
        self._clock = SystemClock()
        self._own: list[Child] = []

    def restart_own_parts(self) -> None:
        """Let core, workers and api end; the supervisor starts them again."""
        for child in self._own:
            child.ask_to_stop()

    def run(self) -> int:
        """Run until a signal says stop; `Refused` and `ConfigError` when it cannot start."""
        self._site.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with StateFolder(self._site.state_dir) as folder:
            if cleared := sweep.sweep(str(folder.path)):
                log.warning("%d processes of an earlier run were still there and were ended", cleared)
            preflight.check(self._site)
            make_internal_token(folder.path)
            signals = Signals()
            warden = Warden(folder.path)
            supervisor = Supervisor([], signals, note=warden.note, clock=self._clock)
            try:
                supervisor.add(warden)
                return self._start_and_watch(folder, supervisor, signals)
            finally:
                supervisor.stop()

    def _start_and_watch(self, folder: StateFolder, supervisor: Supervisor, signals: Signals) -> int:
        watched: dict[str, Part] = {}
        if self._site.database.dsn is None:
            database = DatabasePart(folder.path, self._site.database.bin_dir)
            database.start()  # the first start may take long or be impossible: it is not retried behind one's back
            supervisor.adopt(database)
            folder.set_runtime(dsn=database.dsn)
            watched[database.name] = database
        with Store(self._site.dsn, max_size=3, application="alertwall supervisor") as store:
            if not self._prepare_database(store, signals):
                return 0
            with store.transaction() as conn:
                accounts = units.broker_hashes(conn)
            spec = self._broker_spec(folder, accounts) if self._site.broker.url is None else None
            detail = {"kind": spec.kind, "durable": spec.durable} if spec else {"kind": "named", "durable": True}
            if spec is not None:
                argv = PartSpec(name=BROKER, argv=tuple(spec.argv), env=spec.env, stage=Stage.BROKER, stop_within_s=2)
                watched[BROKER] = self._add(supervisor, argv)
            keeper = Keeper(
                store,
                self._clock,
                self._site.broker_link,
                detail,
                watched=watched,
            )
            self._own = [self._add(supervisor, argv) for argv in self._own_parts()]
            for argv in self._more:
                self._add(supervisor, argv)
            keeper.start()
            try:
                self._on_started(store)
                supervisor.run()
            finally:
                keeper.stop()
        return 0

    def _prepare_database(self, store: Store, signals: Signals) -> bool:
        """Migrate and provision once the database answers; False when a signal came first."""
        while not signals.stops:
            try:
                if applied := migrate(self._site.dsn):
                    log.info("database: migrations %s applied", ", ".join(map(str, applied)))
                provision.provision(store, self._site)
                forget_parts(store)
                self._on_database(store)
                self._show_setup_token(store)
            except StoreDown as down:
                log.warning("the database does not answer, trying on: %s", down)
                signals.sleep(DATABASE_ASKED_EVERY_S)
            else:
                return True
        return False

    def _show_setup_token(self, store: Store) -> None:
        token = provision.setup_token(store, self._clock)
        if token is not None:
            print(
                f"No account exists yet. Open the wall and make the first one with this set-up token"
                f" (good for one use, 24 hours):\n\n    {token}\n",
                flush=True,
            )

    def _broker_spec(self, folder: StateFolder, accounts: list[tuple[str, str]]) -> broker.BrokerSpec:
        """Write the embedded broker's files and tell our own processes where it listens."""
        known: dict[str, Any] = folder.runtime().get(BROKER, {})
        host = self._site.broker.embedded_host
        port = self._site.broker.embedded_port or preflight.free_port(host, known.get("port"))
        password = known.get("password") or secrets.token_urlsafe(24)
        spec = broker.prepare(folder.path, port, accounts, password, host=host)
        link = {"host": ready.ANY_ADDRESS.get(host, host), "port": spec.port}
        folder.set_runtime(broker={**link, "username": broker.CORE_USERNAME, "password": password})
        log.info("embedded broker: %s%s", spec.kind, "" if spec.durable else " (demo broker, not durable)")
        return spec

    def _own_parts(self) -> list[PartSpec]:
        def command(*words: str) -> tuple[str, ...]:
            return (sys.executable, "-m", "alertwall", *words, "-c", str(self._site_file))

        workers = [f"worker-{number}" for number in range(1, self._site.workers + 1)]
        return [
            PartSpec(name="core", argv=command("core")),
            *(PartSpec(name=worker, argv=command("worker", "--id", worker)) for worker in workers),
            PartSpec(name="api", argv=command("api")),
        ]

    def _add(self, supervisor: Supervisor, spec: PartSpec) -> Child:
        child = Child(spec, PartLog(spec.name, self._site.state_dir, self._console_level))
        supervisor.add(child)
        return child


def forget_parts(store: Store) -> None:
    """Let only those count as up that beat from now on."""
    with store.transaction() as conn:
        for part in parts.listing(conn):
            parts.remove(conn, part.id)
