"""Secrets at rest: bound to their row, useless without the key, the key closed to others."""

import multiprocessing
import stat
from pathlib import Path

import pytest

from models.errors import ConfigError
from models.store.secrets import SecretBox


def test_a_sealed_text_comes_back_in_its_row_alone(tmp_path: Path) -> None:
    """Moved to another row it does not decrypt, nor changed by a bit."""
    box = SecretBox(tmp_path / "secret.key")
    sealed = box.encrypt("päss", bound_to="camera:gate:password")
    assert box.decrypt(sealed, bound_to="camera:gate:password") == "päss"
    assert "päss".encode() not in sealed
    assert box.encrypt("päss", bound_to="camera:gate:password") != sealed
    with pytest.raises(ConfigError, match="camera:square:password"):
        box.decrypt(sealed, bound_to="camera:square:password")
    for at in range(len(sealed)):
        with pytest.raises(ConfigError):
            box.decrypt(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], bound_to="camera:gate:password")
    with pytest.raises(ConfigError):
        box.decrypt(b"", bound_to="camera:gate:password")


def test_the_key_is_kept_and_closed(tmp_path: Path) -> None:
    """Made once, readable by its owner alone; another key opens nothing."""
    path = tmp_path / "secret.key"
    sealed = SecretBox(path).encrypt("secret", bound_to="a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]
    assert SecretBox(path).decrypt(sealed, bound_to="a") == "secret"
    with pytest.raises(ConfigError, match="is not the key"):
        SecretBox(tmp_path / "other.key").decrypt(sealed, bound_to="a")
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="needs 32 bytes"):
        SecretBox(path)


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    """The first one's key holds for all."""
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        sealed = pool.map(_seal, [tmp_path / "secret.key"] * 3)
    box = SecretBox(tmp_path / "secret.key")
    assert [box.decrypt(one, bound_to="a") for one in sealed] == ["secret"] * 3


def _seal(path: Path) -> bytes:
    return SecretBox(path).encrypt("secret", bound_to="a")
