"""RTSP from the client's side: requests, session description, RTP to access units.

Our own client and not libavformat's, because the latter follows a camera's redirect to any host and costs
about twice as much per stream (ingest/README.md).
"""

from ingest.rtsp.client import RtspClient
from ingest.rtsp.units import AccessUnit

__all__ = ["AccessUnit", "RtspClient"]
