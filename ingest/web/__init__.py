"""Cameras over HTTP: MJPEG, JPEG pictures that are asked for one by one, HLS.

Our own bounded connection, because a library's follows redirects, resolves again and waits as it likes.
"""

from ingest.web.client import WebClient

__all__ = ["WebClient"]
