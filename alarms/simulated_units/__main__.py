"""`python -m alarms.simulated_units --host H --port P --units FILE.json`: a town of alarm units."""

import argparse
import signal
import sys
from pathlib import Path

from alarms.simulated_units.fleet import Fleet, read_units
from models.clock import SystemClock
from models.errors import BadInput


def main() -> int:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m alarms.simulated_units", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--units", type=Path, required=True, help='JSON: a list of {"id": ..., "secret": ...}')
    parser.add_argument("--heartbeat-s", type=float, default=10.0, help="each unit gives a sign of life so often")
    parser.add_argument("--seed", type=int, default=7, help="the same seed lives the same day")
    said = parser.parse_args()
    try:
        units = read_units(said.units)
    except BadInput as bad:
        parser.error(str(bad))
    fleet = Fleet(said.host, said.port, units, SystemClock(), heartbeat_s=said.heartbeat_s, seed=said.seed)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: fleet.stop())
    fleet.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
