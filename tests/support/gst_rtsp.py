"""GStreamer's RTSP server as a peer that is not ours; runs with the system's Python, where Debian puts its bindings.

`GstCamera` starts this very file in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

SYSTEM_PYTHON = "/usr/bin/python3"
START_WITHIN_S = 15


def missing() -> str:
    """Return why GStreamer's server cannot be had here; empty when it can."""
    if not Path(SYSTEM_PYTHON).exists():
        return f"{SYSTEM_PYTHON} is missing"
    test = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    tried = subprocess.run([SYSTEM_PYTHON, "-c", test], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else "GStreamer's RTSP server (gir1.2-gst-rtsp-server-1.0) is missing"


class GstCamera:
    """Serves ``/live`` on a port of its own, with digest authentication when a user is named."""

    def __init__(self, clip: Path, *, username: str = "", password: str = "") -> None:
        self._clip, self.username, self._password = clip, username, password
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        environment = os.environ | {"GST_USER": self.username, "GST_PASSWORD": self._password}
        command = [SYSTEM_PYTHON, __file__, str(self._clip)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()


def serve(clip: str) -> None:
    """Serve until killed; prints the port."""
    import gi  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - only the system's Python has it

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import (  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415
        GLib,
        Gst,
        GstRtspServer,
    )

    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory.new()
    payloader = "rtph264pay name=pay0 pt=96 config-interval=1"
    factory.set_launch(f"( filesrc location={clip} ! qtdemux ! h264parse ! {payloader} )")
    factory.set_shared(True)
    user, password = os.environ["GST_USER"], os.environ["GST_PASSWORD"]
    if user:
        auth = GstRtspServer.RTSPAuth.new()
        token = GstRtspServer.RTSPToken.new()
        token.set_string("media.factory.role", "viewer")
        auth.set_supported_methods(2)  # digest alone
        auth.add_digest(user, password, token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions.new()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)  # noqa: T201 - the caller reads it
    GLib.MainLoop().run()


if __name__ == "__main__":
    serve(sys.argv[1])
