"""Who may push a camera's pictures: a token bound to that one camera, of which only the hash is kept."""

from datetime import datetime
from typing import Any

from psycopg import Connection

from models.camera import Camera, Scheme
from models.errors import NotFound
from models.store import cameras
from models.store.logins import digest


def set_token(conn: Connection[Any], camera_id: str, token: str, at: datetime) -> None:
    """Let ``token`` publish for this camera from now on; the one before it ends."""
    done = conn.execute(
        "UPDATE camera SET publish_hash = %s, publish_since = %s WHERE id = %s AND retired_at IS NULL",
        (digest(token), at, camera_id),
    )
    if not done.rowcount:
        raise NotFound("camera", camera_id)


def find(conn: Connection[Any], camera_id: str, token: str) -> Camera | None:
    """Return the camera when ``token`` may publish for it; None when not, whatever the reason."""
    row = conn.execute(
        "SELECT 1 FROM camera WHERE id = %s AND publish_hash = %s AND scheme = %s AND retired_at IS NULL",
        (camera_id, digest(token), Scheme.WHIP),
    ).fetchone()
    return cameras.get(conn, camera_id) if row is not None else None
