"""HTTP digest access authentication as RTSP uses it (RFC 2617, RFC 7616), for both ends."""

import hashlib
import re
from collections.abc import Mapping

_PARAMETER = re.compile(r'([a-zA-Z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')

ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256"}


def parameters(header: str) -> dict[str, str]:
    """Read ``key="value", key=value`` pairs; keys in lower case."""
    return {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(header)}


def response(
    challenge: Mapping[str, str], *, method: str, uri: str, username: str, password: str, nc: str = "", cnonce: str = ""
) -> str:
    """Return the digest that proves the password to the one who sent ``challenge``."""
    name = ALGORITHMS[challenge.get("algorithm", "MD5").upper()]

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

    secret = digest(f"{username}:{challenge.get('realm', '')}:{password}")
    request = digest(f"{method}:{uri}")
    if "auth" in challenge.get("qop", "").replace(" ", "").split(","):
        return digest(f"{secret}:{challenge.get('nonce', '')}:{nc}:{cnonce}:auth:{request}")
    return digest(f"{secret}:{challenge.get('nonce', '')}:{request}")
