"""Run iotcore as a process of its own: `python -m alarms.demo_broker FILE.toml`. For demos without mosquitto.

It speaks MQTT 3.1.1 only, checks no identities and forgets everything when it ends.
"""

import logging
import signal
import sys

from iotcore import IotCoreBroker


def main(config_path: str) -> None:
    """Serve until a signal ends the process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # its spans reach Python's logging as an error for every packet
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    IotCoreBroker(config_path=config_path).run_forever()


if __name__ == "__main__":
    main(sys.argv[1])
