"""A supervisor over plain stand-in parts, as a process of its own: `python -m tests.alertwall.supervised FOLDER`."""

import json
import logging
import sys
from pathlib import Path

from alertwall import logs
from alertwall.child import Child, Part, PartSpec, Stage
from alertwall.logs import PartLog
from alertwall.supervisor import Signals, Supervisor
from alertwall.warden import Warden

SLEEPER = "import time; print('asleep', flush=True); time.sleep(600)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
time.sleep(600)
"""
PARTS = {"sleeper": (SLEEPER, Stage.APP), "stubborn": (STUBBORN, Stage.APP), "parent": (PARENT, Stage.BROKER)}


def main(folder: Path) -> None:
    logs.set_up("supervisor", folder)
    specs = [
        PartSpec(name=name, argv=(sys.executable, "-c", text), stage=stage, stop_within_s=0.5)
        for name, (text, stage) in PARTS.items()
    ]
    warden = Warden(folder)
    parts = [Child(spec, PartLog(spec.name, folder, logging.INFO)) for spec in specs]
    all_parts: list[Part] = [warden, *parts]
    signals = Signals()
    supervisor = Supervisor(all_parts, signals, note=warden.note)

    def tell() -> None:
        (folder / "pids.tmp").write_text(json.dumps({part.name: part.pid for part in all_parts}))
        (folder / "pids.tmp").replace(folder / "pids.json")

    supervisor.start()
    supervisor.run(tell)
    supervisor.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
