"""`alertwall demo`: the product itself, with cameras and alarm units that are programs of their own."""

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from alertwall import footage, homes, logs, preflight, ready, reload, tether
from alertwall.child import TREE, PartSpec, Stage
from alertwall.demo_state import CAMERA_USERNAME, HOST, DemoState, publish_url, shown_url
from alertwall.running import Running
from alertwall.state_folder import InUse, Refused, StateFolder, write_private
from configs import demo_site
from configs import site as sites
from configs.demo_site import PUSHED
from configs.site import Site
from models.clock import SystemClock
from models.store import logins, users
from models.store.pool import Store
from models.user import User

DETECTOR = "nanodet"
WITHOUT_WEIGHTS = "moving-object"
PAIRING_LIVES = timedelta(hours=24)
PASSWORD_VARIABLE = "ALERTWALL_CAMERA_PASSWORD"  # noqa: S105  (a variable's name)
TOKEN_VARIABLE = "ALERTWALL_PUBLISH_TOKEN"  # noqa: S105

log = logging.getLogger(__name__)


def run(home: Path, *, port: int, reload_on_change: bool = False) -> int:
    """Prepare what is missing, run until a signal says stop."""
    try:
        with StateFolder(home):
            check(home, port)
            demo = prepare(home, port)
        return Demo(demo, port, reload_on_change=reload_on_change).run()
    except InUse:
        raise Refused(f"a demo runs already: {shown_url(home) or home}; stop it first (Ctrl-C)") from None


def check(home: Path, port: int) -> None:
    """Refuse before anything is downloaded or made."""
    preflight.check_disk("ALERTWALL_HOME", home)
    try:
        preflight.check_port("port", HOST, port)
    except Refused as taken:
        raise Refused(f"{taken}; choose another one, such as `make demo PORT={port + 1}`") from None


@dataclass(frozen=True, slots=True)
class Prepared:
    state: DemoState
    site: Site
    site_file: Path
    loops: dict[str, Path]
    units_file: Path


def prepare(home: Path, port: int) -> Prepared:
    """Make footage, weights, secrets and the site file, each only when it is missing."""
    loops = footage.loops(home / "footage")
    if not all(path.exists() for path in loops.values()):
        print("making footage for three cameras ...", flush=True)
        _run_own("-m", "alertwall.footage", str(home / "footage"))
    detector = DETECTOR if weights_there(home / "weights-ready") else WITHOUT_WEIGHTS
    state = DemoState.read(home)
    said = demo_site.said(home, state.secrets, api_port=port, detector=detector)
    said["analytics"]["weights_dir"] = str(homes.weights_home())
    site_file = home / "site.json"
    write_private(site_file, json.dumps(said, indent=2, ensure_ascii=False))
    units_file = home / "units.json"
    write_private(units_file, json.dumps([{"id": id, "secret": secret} for id, secret in state.kept["units"].items()]))
    return Prepared(state, sites.load(site_file), site_file, loops, units_file)


def weights_there(mark: Path) -> bool:
    """Have the detector's weights, fetching them at the first start; False, said plainly, when that fails."""
    folder = homes.weights_home()
    if mark.exists() and mark.read_text("utf-8") == str(folder) and any(folder.glob(f"{DETECTOR}*")):
        return True
    if _run_own("-m", "alertwall", "models", "get", DETECTOR, quiet_output=True):
        mark.write_text(str(folder), "utf-8")
        return True
    print(
        f"The weights of the detector {DETECTOR} could not be had. The demo goes on without them: it detects moving"
        f" objects only.\nLater, with a network: `make demo` again.",
        file=sys.stderr,
        flush=True,
    )
    return False


def _run_own(*words: str, quiet_output: bool = False) -> bool:
    """Run one of our own modules to its end, in a process of its own: its memory ends with it, and it with us."""
    output = subprocess.DEVNULL if quiet_output else None
    tethered = [sys.executable, "-IS", tether.__file__, str(os.getpid()), str(int(signal.SIGTERM))]
    done = subprocess.run([*tethered, sys.executable, *words], cwd=TREE, stdout=output, check=False)  # noqa: S603
    return done.returncode == 0


class Demo:
    """The demo from its prepared files to the last process's end."""

    def __init__(self, prepared: Prepared, port: int, *, reload_on_change: bool) -> None:
        self._prepared, self._reload = prepared, reload_on_change
        self._url = f"http://{HOST}:{port}"
        self._clock = SystemClock()

    def run(self) -> int:
        """Run it as any site."""
        site = self._prepared.site
        logs.set_up("supervisor", site.state_dir, console_level=logging.WARNING)
        print(f"starting; what each part says is in {site.state_dir / 'logs'}", flush=True)
        running = Running(
            site,
            self._prepared.site_file,
            console_level=logging.WARNING,
            more=self._outside_world(),
            on_database=self._make_accounts,
            on_started=self._announce,
        )
        if self._reload:
            reload.watch(TREE, running.restart_own_parts)
        return running.run()

    def _outside_world(self) -> list[PartSpec]:
        kept = self._prepared.state.kept
        dialled = {name: path for name, path in self._prepared.loops.items() if name != PUSHED}
        files = [word for name, path in dialled.items() for word in ("--file", f"{path}:{name}")]
        cameras = [*files, "--port", str(kept["camera_port"]), "--user", CAMERA_USERNAME]
        pushed = ["--url", publish_url(self._url), "--file", str(self._prepared.loops[PUSHED])]
        units = ["--host", HOST, "--port", str(kept["broker_port"]), "--units", str(self._prepared.units_file)]
        return [
            PartSpec(
                name="cameras",
                argv=(sys.executable, "-m", "ingest.camera_server", *cameras, "--password-env", PASSWORD_VARIABLE),
                env={PASSWORD_VARIABLE: kept["camera_password"]},
                stage=Stage.DEMO,
                stop_within_s=1.0,
            ),
            PartSpec(
                name=PUSHED,
                argv=(sys.executable, "-m", "ingest.whip_publisher", *pushed, "--token-env", TOKEN_VARIABLE),
                env={TOKEN_VARIABLE: kept["publish_token"]},
                stage=Stage.DEMO,
                stop_within_s=1.0,
            ),
            PartSpec(
                name="units",
                argv=(sys.executable, "-m", "alarms.simulated_units", *units),
                stage=Stage.DEMO,
                stop_within_s=1.0,
            ),
        ]

    def _make_accounts(self, store: Store) -> None:
        """One account for each role; a password that is no longer known is replaced."""
        with store.transaction() as conn:
            for account in self._prepared.state.accounts:
                user = User(
                    username=account.username,
                    display_name=account.username.capitalize(),
                    role=account.role,
                    areas=(account.area,),
                )
                if users.get(conn, account.username) is None:
                    users.create(conn, user, users.hash_password(account.password))
                elif self._prepared.state.new_passwords:
                    users.update(conn, user, password_hash=users.hash_password(account.password))

    def _announce(self, store: Store) -> None:
        def show() -> None:
            pairing = {}
            with store.transaction() as conn:
                for patrol in self._prepared.site.patrols:
                    code = logins.issue_once(
                        conn, "patrol_pairing", self._clock.utc_now(), subject=patrol, lives=PAIRING_LIVES
                    )
                    pairing[patrol] = f"{self._url}/patrol#{code}"
            cameras = list(self._prepared.site.cameras)
            self._prepared.state.show(self._url, cameras=cameras, pairing=pairing)
            print(f"accounts, one for each role: {self._prepared.state.folder / 'demo.json'}", flush=True)

        ready.announce(self._url, show)
