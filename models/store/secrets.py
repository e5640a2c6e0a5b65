"""Passwords of cameras at rest: AES-256-GCM, bound to their row, the key in a file outside the database."""

import contextlib
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.errors import ConfigError

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_BYTES = 4


class SecretBox:
    """Encrypts short texts. A ciphertext moved to another row does not decrypt there."""

    def __init__(self, key_file: Path) -> None:
        key = _load_or_create(key_file)
        self._cipher = AESGCM(key)
        self._key_id = hashlib.sha256(b"alertwall key id" + key).digest()[:KEY_ID_BYTES]

    def encrypt(self, plain: str, *, bound_to: str) -> bytes:
        """Return key id, nonce and ciphertext of ``plain``; ``bound_to`` names its row and column."""
        nonce = os.urandom(NONCE_BYTES)
        return self._key_id + nonce + self._cipher.encrypt(nonce, plain.encode(), self._bound(bound_to))

    def decrypt(self, sealed: bytes, *, bound_to: str) -> str:
        """Return the text; `ConfigError` when the key is another one or the bytes are not this row's."""
        sealed = bytes(sealed)
        if sealed[:KEY_ID_BYTES] != self._key_id:
            raise ConfigError("secret_key_file", "is not the key that encrypted this password")
        nonce, body = sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES], sealed[KEY_ID_BYTES + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, self._bound(bound_to)).decode()
        except InvalidTag:
            raise ConfigError("secret_key_file", f"a stored password is not the one of {bound_to}") from None

    def _bound(self, bound_to: str) -> bytes:
        return f"{bound_to}:{self._key_id.hex()}".encode()


def _load_or_create(path: Path) -> bytes:
    if not path.exists():
        part = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key holds
            os.link(part, path)
        part.unlink()
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ConfigError("secret_key_file", f"needs {KEY_BYTES} bytes, {path.name} has {len(key)}")
    return key
