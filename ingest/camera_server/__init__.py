"""A real RTSP camera server: it loops recorded footage as live cameras, for the demo, the tests and the benchmarks."""

from ingest.camera_server.server import CameraServer, ServerOptions

__all__ = ["CameraServer", "ServerOptions"]
