"""The wall's files: what vite built into static/, and index.html for every address that is a page of the wall."""

import mimetypes
from pathlib import Path, PurePosixPath

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from dashboard_api import problems

STATIC = Path(__file__).parent / "static"
NOT_PAGES = ("/api/", "/assets/")
FOREVER = "public, max-age=31536000, immutable"
"""Files below assets/ carry a digest of their content in their name."""
ASK_AGAIN = "no-cache"
NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>alertwall</title>
<body><h1>The wall is not built</h1>
<p>The API is up; its pages are missing. Build them, then load this page again:</p>
<pre>make wall</pre></body></html>"""

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")


class Pages:
    """ASGI application for whatever no route took."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD") or path == "/api" or path.startswith("/api/"):
            raise HTTPException(404)
        response = await run_in_threadpool(self._find, path)
        await response(scope, receive, send)

    def _find(self, path: str) -> Response:
        index = self._folder / "index.html"
        if not index.is_file():
            return HTMLResponse(NOT_BUILT, status_code=503)
        file = self._file(path)
        if file is not None:
            lasting = path.startswith("/assets/")
            return FileResponse(file, headers={"Cache-Control": FOREVER if lasting else ASK_AGAIN})
        if path.startswith(NOT_PAGES) or PurePosixPath(path).suffix:
            return problems.problem(404, "there is no such file", instance=path)
        return FileResponse(index, headers={"Cache-Control": ASK_AGAIN})

    def _file(self, path: str) -> Path | None:
        """Return the file at ``path`` if it truly lies in the folder."""
        if "\\" in path or path.endswith("/"):
            return None
        try:
            found = (self._folder / path.lstrip("/")).resolve()
            return found if found.is_relative_to(self._folder) and found.is_file() else None
        except OSError:  # a name that the file system cannot hold
            return None
