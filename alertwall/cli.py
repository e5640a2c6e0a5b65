"""The command `alertwall`: what it understands, and how it fails."""

import argparse
import getpass
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence, Sized
from pathlib import Path

from alertwall import homes, logs, models_cli, preflight
from alertwall.state_folder import Refused
from configs import site as sites
from configs.refusals import SiteRefused
from models.errors import AlertwallError, BadInput, ConfigError, Conflict, LinkDown, NotReady
from models.user import Role

EXIT_REFUSED = 2
EXIT_NOT_READY = 3

log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Run one command; a refusal is a plain message and an exit code, never a traceback."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except SiteRefused as refused:
        print("\n".join(map(str, refused.problems)), file=sys.stderr)
    except (ConfigError, Refused, BadInput, Conflict) as refused:
        print(f"alertwall: {refused}", file=sys.stderr)
    except (NotReady, LinkDown) as down:
        print(f"alertwall: {down}", file=sys.stderr)
        return EXIT_NOT_READY
    except AlertwallError as failed:
        print(f"alertwall: {failed}", file=sys.stderr)
        return 1
    except OSError as failed:
        print(f"alertwall: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return EXIT_REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alertwall", description="The alert wall of a district.")
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: object, text: str, *, site: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=run)
        if site:
            added.add_argument("-c", "--config", type=Path, required=True, metavar="site.toml", help="the site file")
        return added

    command("run", run, "start everything a site needs, and keep it running")
    demo = command("demo", run_demo, "start the demo: three cameras, twenty alarm units, two patrols", site=False)
    demo.add_argument("--port", type=int, default=8780, help="the wall's port (8780)")
    demo.add_argument("--reload", action="store_true", help="start parts again when their code changes")
    command("check-config", check_config, "say what is wrong with a site file")
    command("migrate", run_migrate, "bring the database to this version")
    for part in ("core", "api"):
        command(part, run_part, f"run {part} alone").set_defaults(part=part)
    worker = command("worker", run_part, "run one worker alone")
    worker.set_defaults(part="worker")
    worker.add_argument("--id", default="worker-1", help="its name; each worker of a site has its own (worker-1)")
    _user_parser(command("user", None, "accounts", site=False))
    models_cli.add_to(command("models", None, "weights of detectors", site=False))
    return parser


def _user_parser(parser: argparse.ArgumentParser) -> None:
    add = parser.add_subparsers(required=True, metavar="action").add_parser("add", help="add an account")
    add.set_defaults(command=add_user)
    add.add_argument("username")
    add.add_argument("-c", "--config", type=Path, required=True, metavar="site.toml", help="the site file")
    add.add_argument("--role", required=True, choices=[str(role) for role in Role])
    add.add_argument("--area", required=True, action="append", help="may be given more than once")
    add.add_argument("--name", help="what others read; without it: the username")
    add.add_argument("--language", default="en", choices=["en", "zh-CN"])
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def run(arguments: argparse.Namespace) -> int:
    """`alertwall run`."""
    from alertwall import ready  # noqa: PLC0415  (each command loads what it needs: a part's memory is counted)
    from alertwall.running import Running  # noqa: PLC0415

    site = sites.load(arguments.config)
    logs.set_up("supervisor", site.state_dir)
    if hint := preflight.check_detector(site):
        log.warning(hint)
    return Running(site, arguments.config, on_started=lambda _store: ready.announce(ready.url_of(site))).run()


def run_demo(arguments: argparse.Namespace) -> int:
    """`alertwall demo`."""
    from alertwall import demo  # noqa: PLC0415

    return demo.run(homes.demo_home(), port=arguments.port, reload_on_change=arguments.reload)


def run_part(arguments: argparse.Namespace) -> int:
    """`alertwall core`, `alertwall worker`, `alertwall api`."""
    site = sites.load(arguments.config)
    name = arguments.id if arguments.part == "worker" else arguments.part
    logs.set_up(name, site.state_dir)
    if logs.SUPERVISED not in os.environ:
        from alertwall import alone  # noqa: PLC0415

        alone.prepare(site)
    if arguments.part == "core":
        return _entry("alertwall.core")(site)
    if arguments.part == "worker":
        return _entry("alertwall.worker")(site, arguments.id)
    return _entry("alertwall.api")(site)


def _entry(module: str) -> Callable[..., int]:
    """Load a part only in the process that is it: a core needs no decoder, a worker no web server."""
    run: Callable[..., int] = importlib.import_module(module).run
    return run


def check_config(arguments: argparse.Namespace) -> int:
    """`alertwall check-config`."""
    site = sites.load(arguments.config)
    hint = preflight.check_detector(site)
    counts: dict[str, Sized] = {
        "areas": site.areas,
        "cameras": site.cameras,
        "units": site.units,
        "patrols": site.patrols,
    }
    said = ", ".join(f"{len(things)} {kind}" for kind, things in counts.items())
    print(f"{arguments.config}: in order ({said})")
    if hint:
        print(hint)
    return 0


def run_migrate(arguments: argparse.Namespace) -> int:
    """`alertwall migrate`."""
    from models.store.migrate import migrate  # noqa: PLC0415

    applied = migrate(sites.load(arguments.config).dsn)
    print(f"applied {', '.join(map(str, applied))}" if applied else "nothing to apply")
    return 0


def add_user(arguments: argparse.Namespace) -> int:
    """`alertwall user add`."""
    from alertwall.accounts import add  # noqa: PLC0415
    from models.store.pool import Store  # noqa: PLC0415

    site = sites.load(arguments.config)
    if arguments.password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass.getpass(f"Password of {arguments.username}: ")
        if getpass.getpass("Once more: ") != password:
            raise BadInput("password", "the same one twice")
    with Store(site.dsn, application="alertwall user") as store:
        add(
            store,
            arguments.username,
            password,
            role=Role(arguments.role),
            areas=tuple(arguments.area),
            name=arguments.name,
            language=arguments.language,
        )
    print(f"{arguments.username} may sign in as {arguments.role} of {', '.join(arguments.area)}")
    return 0
