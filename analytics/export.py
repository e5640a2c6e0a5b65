"""Weights made from weights: for another runtime by ultralytics (an optional extra, AGPL-3.0), or of 8 bits."""

import importlib
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics import selftest, sidecar
from analytics.detectors.opening import weights_of
from analytics.detectors.ultralytics_backend import load
from analytics.hub import EXTRA
from analytics.letterbox import Letterbox
from analytics.planner import Planner
from analytics.precisions import quantised
from analytics.sidecar import Sidecar
from analytics.weights import FETCHED, keep
from models.errors import AlertwallError, BadInput, ConfigError

FORMATS = {"onnx": ".onnx", "openvino": ".xml", "engine": ".engine"}
PICTURES_MAX = 300
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
WORDS = ", ".join(sorted(SUFFIXES))
ENGINE_BATCH_MAX = 32


class ExportFailed(AlertwallError):
    """The tool that was to make the weights did not."""


@dataclass(frozen=True, slots=True)
class Made:
    """``name`` is that of the new sidecar; empty where the old one serves."""

    path: Path
    name: str = ""


def export(name: str, weights_dir: Path, *, to: str, pictures: Path | None = None) -> Made:
    """Make weights of format ``to`` (onnx, openvino, engine, int8) from those called ``name``, beside them."""
    wanted = sidecar.find(name, weights_dir)
    weights = weights_of(wanted, weights_dir)
    if to == "int8":
        return _quantise(wanted, weights, pictures)
    if weights.suffix != ".pt":
        raise BadInput("--to", f"int8 for {weights.name}; {to} is made from ultralytics' .pt files")
    if pictures is not None:
        raise BadInput("--pictures", "nothing unless --to is int8")
    with tempfile.TemporaryDirectory(prefix=FETCHED, dir=weights_dir) as folder:
        copy = shutil.copy(weights, folder)
        made, family = _by_ultralytics(wanted, Path(copy), to)
        path = weights_dir / f"{weights.stem}{FORMATS[to]}"
        if to == "openvino":
            made.with_suffix(".bin").replace(path.with_suffix(".bin"))
            # its digest is that of both files: the second lies where it belongs already
            shutil.copy(path.with_suffix(".bin"), made.with_suffix(".bin"))
        keep(made, path, source=f"{weights.name} sha256 {sidecar.digest(weights)}")
    return Made(path, _describe(wanted, path, to, family))


def _by_ultralytics(wanted: Sidecar, weights: Path, to: str) -> tuple[Path, str]:
    """Return what ultralytics made beside ``weights``, and the family of its outputs."""
    try:
        ultralytics = load()
    except ImportError as missing:
        expected = f"{wanted.name} needs the package ultralytics, licence AGPL-3.0: {EXTRA}"
        raise ConfigError("models export", expected) from missing
    ways: dict[str, Any] = {"format": to, "imgsz": wanted.input.long_px, "dynamic": True, "verbose": False}
    if to == "engine":
        ways |= {"batch": ENGINE_BATCH_MAX, "half": True, "device": 0}
    try:
        network = ultralytics.YOLO(str(weights))
        made = Path(str(network.export(**ways)))
    except Exception as failed:  # its errors have no common base
        raise ExportFailed(f"ultralytics cannot make {to} of {weights.name}: {failed}") from failed
    if made.is_dir():
        made = next(made.glob("*.xml"), made)
    if not made.is_file():
        raise ExportFailed(f"ultralytics made no {to} of {weights.name}")
    head = network.model.model[-1]
    return made, "end2end" if getattr(head, "end2end", False) else wanted.family


def _describe(wanted: Sidecar, path: Path, to: str, family: str) -> str:
    """Write the sidecar of what was made; return its name."""
    name = f"{wanted.name}-{to}"
    said = wanted.model_dump(mode="json", exclude_defaults=True)
    said |= {"name": name, "title": f"{wanted.title} ({to})", "family": family, "file": path.name, "backend": "auto"}
    said["source"] = {"url": wanted.source.url}
    said["input"] |= {"any_size": to != "engine"}
    said.pop("sha256", None)
    path.with_name(f"{name}.toml").write_text("\n".join(_toml(said)) + "\n", "utf-8")
    return name


def _toml(said: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the lines of a table: its values first, then its tables."""
    tables = {key: value for key, value in said.items() if isinstance(value, dict)}
    rows = {
        key: value for key, value in said.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    for key, value in said.items():
        if key not in tables and key not in rows:
            yield f"{key} = {json.dumps(value)}"
    for key, table in tables.items():
        yield f"\n[{path}{key}]"
        yield from _toml(table, f"{path}{key}.")
    for key, entries in rows.items():
        for entry in entries:
            yield f"\n[[{path}{key}]]"
            yield from _toml(entry, f"{path}{key}.")


def _quantise(wanted: Sidecar, weights: Path, folder: Path | None) -> Made:
    """Make the 8-bit twin of an ONNX file, calibrated with the pictures of a folder."""
    if weights.suffix != ".onnx":
        raise BadInput("--to", f"onnx first, then int8 of that: {weights.name} is no ONNX file")
    if importlib.util.find_spec("onnxruntime") is None:
        raise ConfigError("models export", "int8 needs the package onnxruntime: pip install 'alertwall[onnxruntime]'")
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES) if folder else []
    if not paths:
        raise BadInput("--pictures", f"a folder with some twenty pictures of your own cameras ({WORDS})")
    paths = paths[:PICTURES_MAX]
    quantise = importlib.import_module("analytics.quantise")
    path = quantised(weights)
    with tempfile.TemporaryDirectory(prefix=FETCHED, dir=weights.parent) as made_for_us:
        made = Path(made_for_us) / path.name
        try:
            quantise.static(weights, made, (tensor for one in paths for tensor in _tensors(wanted, one)))
        except Exception as failed:  # ONNX Runtime's errors have no common base
            raise ExportFailed(f"{weights.name} cannot be made 8 bits wide: {failed}") from failed
        keep(made, path, source=f"{weights.name} sha256 {sidecar.digest(weights)}")
    return Made(path)


def _tensors(wanted: Sidecar, picture: Path) -> Iterator[NDArray[np.float32]]:
    """Yield (1, 3, height, width) of a picture as the network is fed with it, normalised."""
    frame = selftest.frame_of(picture)
    letterbox = Letterbox(colour=wanted.input.colour)
    mean, std = (np.array(values, np.float32) for values in (wanted.input.mean, wanted.input.std))
    for view in Planner(frame.size_px, wanted.sizes).full.views:
        filled = np.empty((view.height_px, view.width_px, 3), np.uint8)
        letterbox.fill(frame, view, filled)
        yield np.ascontiguousarray(((filled.astype(np.float32) - mean) / std).transpose(2, 0, 1)[None])
