"""AES of SIA DC-09: CBC with a zero vector, the key given in hex, the text padded in front and written as hex.

The standard's zero vector hides nothing from somebody who can guess the beginning; random padding makes up for it, and
the timestamp inside keeps an old frame from being sent again.
"""

import re
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY_HEX_LENGTHS = (32, 48, 64)
BLOCK_BYTES = 16
_KEY = re.compile(r"[0-9A-F]+")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{32})+")
_PADDING = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class WrongKey(Exception):
    """The ciphertext is none, or was made with another key."""


def check_key(text: str) -> str:
    """Return a key as upper-case hex; `ValueError` unless it has 128, 192 or 256 bits."""
    key = text.strip().upper()
    if len(key) not in KEY_HEX_LENGTHS or not _KEY.fullmatch(key):
        raise ValueError("needs 32, 48 or 64 hex digits")
    return key


def encrypt(key: bytes, text: str) -> str:
    """Return ``text``, padded in front up to its first '|', as upper-case hex of the ciphertext."""
    body = f"|{text}".encode("latin-1", "replace")
    padding = "".join(secrets.choice(_PADDING) for _ in range(-len(body) % BLOCK_BYTES)).encode()
    encryptor = _cipher(key).encryptor()
    return (encryptor.update(padding + body) + encryptor.finalize()).hex().upper()


def decrypt(key: bytes, ciphertext: bytes) -> str:
    """Return the text behind the padding; `WrongKey` when there is none."""
    if not _HEX.fullmatch(ciphertext):
        raise WrongKey("the ciphertext is not whole blocks in hex")
    decryptor = _cipher(key).decryptor()
    plain = (decryptor.update(bytes.fromhex(ciphertext.decode("ascii"))) + decryptor.finalize()).decode("latin-1")
    padding, bar, text = plain.partition("|")
    if not bar or len(padding) >= 2 * BLOCK_BYTES or "]" not in text:
        raise WrongKey("the ciphertext does not open with this account's key")
    return text


def _cipher(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(bytes(BLOCK_BYTES)))
