"""``python -m ingest.camera_server --file A.mp4:gate --port 8554 --user admin --password-env CAMERA_PASSWORD``."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from ingest.camera_server.server import CameraServer, ServerOptions
from models.errors import AlertwallError


def _file(text: str) -> tuple[str, Path]:
    path, colon, name = text.rpartition(":")
    if not colon or not path or not name or "/" in name or "@" in name:
        raise argparse.ArgumentTypeError(f"{text!r} is not FILE:NAME")
    return name, Path(path)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ingest.camera_server", description="Loop video files as live RTSP cameras.")
    parser.add_argument("--file", metavar="FILE:NAME", type=_file, action="append", required=True, dest="files")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--user", default="")
    parser.add_argument("--password-env", metavar="VARIABLE", help="take the password from this environment variable")
    parser.add_argument("--password-stdin", action="store_true", help="take the password from the first line of input")
    parser.add_argument("--basic", action="store_true", help="also allow basic authentication")
    parser.add_argument("--idle-timeout-s", type=float, default=60.0)
    return parser.parse_args(argv)


def _password(arguments: argparse.Namespace) -> str:
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return os.environ.get(arguments.password_env, "") if arguments.password_env else ""


async def _serve(server: CameraServer) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve(
        lambda: print(json.dumps({"port": server.port, "names": server.names}), flush=True)  # noqa: T201 - promised
    )


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    options = ServerOptions(
        host=arguments.host,
        port=arguments.port,
        username=arguments.user,
        password=_password(arguments),
        basic=arguments.basic,
        idle_timeout_s=arguments.idle_timeout_s,
    )
    if bool(options.username) != bool(options.password):
        sys.stderr.write("camera_server: a user needs a password and a password a user\n")
        return 2
    try:
        asyncio.run(_serve(CameraServer(dict(arguments.files), options)))
    except (AlertwallError, OSError) as error:
        sys.stderr.write(f"camera_server: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
