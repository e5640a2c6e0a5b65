"""Proving a user name and password to a camera: digest when both know it, else basic; RTSP and HTTP alike."""

import secrets
from base64 import b64encode

from ingest import digest
from ingest.failures import LinkFailure
from models.camera import LinkState

CHALLENGES_MAX = 2
"""More answers of 401 than this are a wrong password, whatever the camera asks next."""


class Proof:
    """What one connection knows about how its camera wants to be convinced."""

    def __init__(self, peer: str, username: str, password: str) -> None:
        self._peer, self._username, self._password = peer, username, password
        self._challenge: tuple[str, dict[str, str]] | None = None
        self._nonce_count = 0

    def take(self, offers: list[str]) -> None:
        """Take the ``WWW-Authenticate`` lines of a 401; `LinkFailure` when no other answer is possible."""
        if not self._username:
            raise LinkFailure(self._peer, "user name and password needed", state=LinkState.AUTH_FAILED)
        offered = [
            (kind.lower(), digest.parameters(rest))
            for kind, _, rest in (value.strip().partition(" ") for value in offers)
        ]
        digests = [values for kind, values in offered if kind == "digest" and _known(values)]
        if digests:
            # the strongest that both know
            best = max(digests, key=lambda values: values.get("algorithm", "MD5").upper() == "SHA-256")
            if self._challenge and self._challenge[1].get("nonce") == best.get("nonce"):
                raise self.wrong()
            self._challenge, self._nonce_count = ("digest", best), 0
        elif any(kind == "basic" for kind, _ in offered) and not self._challenge:
            self._challenge = ("basic", {})
        else:
            raise self.wrong()

    def wrong(self) -> LinkFailure:
        return LinkFailure(self._peer, "wrong user name or password", state=LinkState.AUTH_FAILED)

    def header(self, method: str, uri: str) -> str:
        """Return the ``Authorization`` line's value; empty while nobody has asked for it."""
        if self._challenge is None:
            return ""
        kind, values = self._challenge
        if kind == "basic":
            return "Basic " + b64encode(f"{self._username}:{self._password}".encode()).decode()
        self._nonce_count += 1
        count, own = f"{self._nonce_count:08x}", secrets.token_hex(8)
        proof = digest.response(
            values,
            method=method,
            uri=uri,
            username=self._username,
            password=self._password,
            nc=count,
            cnonce=own,
        )
        text = (
            f'Digest username="{self._username}", realm="{_quoted(values.get("realm", ""))}", '
            f'nonce="{_quoted(values.get("nonce", ""))}", uri="{uri}", response="{proof}"'
        )
        if "algorithm" in values:
            text += f", algorithm={values['algorithm'].upper()}"
        if "opaque" in values:
            text += f', opaque="{_quoted(values["opaque"])}"'
        if "auth" in values.get("qop", "").replace(" ", "").split(","):
            text += f', qop=auth, nc={count}, cnonce="{own}"'
        return text


def _known(values: dict[str, str]) -> bool:
    return values.get("algorithm", "MD5").upper() in digest.ALGORITHMS


def _quoted(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
