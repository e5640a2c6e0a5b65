"""Wait until the wall can be used, and say so once."""

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from configs.site import Site

ASKED_EVERY_S = 0.2
SAY_WHAT_IS_MISSING_AFTER_S = 30.0
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  (compared, not bound)

log = logging.getLogger(__name__)


def url_of(site: Site) -> str:
    """Return the wall's address as this machine reaches it."""
    host = ANY_ADDRESS.get(site.api.host, site.api.host)
    return f"http://{host if ':' not in host or host.startswith('[') else f'[{host}]'}:{site.api.port}"


def readiness(url: str) -> dict[str, Any]:
    """Return what /readyz says; an empty dict while nobody answers."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310  (our own http address)
            said = json.load(answer)
    except urllib.error.HTTPError as refused:
        try:
            said = json.load(refused)
        except ValueError:
            return {}
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def announce(url: str, on_ready: Callable[[], None] = lambda: None) -> None:
    """Print the address as soon as /readyz is ready, in a thread of its own."""

    def watch() -> None:
        started_s = time.monotonic()
        said_missing = False
        while not (said := readiness(url)).get("ready"):
            if not said_missing and time.monotonic() - started_s > SAY_WHAT_IS_MISSING_AFTER_S:
                log.warning("not ready yet: %s", ", ".join(missing(said)) or "the API does not answer")
                said_missing = True
            time.sleep(ASKED_EVERY_S)
        on_ready()
        print(f"alertwall is ready: {url}", flush=True)

    threading.Thread(target=watch, name="ready", daemon=True).start()


def missing(said: dict[str, Any]) -> list[str]:
    """Return the parts that are not up, in words."""
    return [f"{part.get('id')} {part.get('state')}" for part in said.get("parts", []) if part.get("state") != "up"]
