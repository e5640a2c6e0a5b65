"""RTSP from the server's side: what a camera for tests and the re-stream of real cameras share, and the re-stream."""
