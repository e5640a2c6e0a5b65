"""From a name in the site file to a detector that has proved itself."""

import importlib.util
import logging
import sys
from collections.abc import Collection
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Protocol

from analytics import plugins, selftest, sidecar
from analytics.detector import Detector, DetectorSpec
from analytics.detectors import moving_object
from analytics.detectors.network import Engine, NetworkDetector
from analytics.precisions import AUTO, F16, F32, INT8, choices, choose, quantised
from analytics.sidecar import SelfTest, Sidecar
from models.errors import ConfigError, NotReady

ONNXRUNTIME_DEVICES = frozenset({"CUDA", "TENSORRT"})

# importing OpenVINO would report to its maker over the network; where this package cannot be had it keeps quiet
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

log = logging.getLogger(__name__)

BACKENDS = ("openvino", "onnxruntime", "ultralytics")


class _Reporting(Engine, Protocol):
    @property
    def precision(self) -> str: ...


class WeightsMissing(NotReady):
    """The weights are not in their folder (yet)."""


def open_detector(
    name: str, *, weights_dir: Path, device: str = "CPU", precision: str = "auto", threads: int = 1, backend: str = ""
) -> Detector:
    """Open the detector called ``name`` and let it prove itself on the known picture.

    Raises `ConfigError` when there is no such detector or device, `WeightsMissing` when its weights are not here,
    `analytics.selftest.SelfTestFailed` when it does not see what it must.
    """
    if name == moving_object.NAME:
        return moving_object.MovingObjectDetector()
    if (plugin := _plugin(name, weights_dir)) is not None:
        options = plugins.Options(
            name=name, device=device, precision=precision, threads=threads, weights_dir=weights_dir
        )
        return plugins.open_plugin(plugin, options)
    wanted = sidecar.find(name, weights_dir, others=plugins.listing())
    weights = weights_of(wanted, weights_dir)
    try:
        return _open(wanted, weights, device=device, precision=precision, threads=threads, backend=backend)
    except selftest.SelfTestFailed as failed:
        if precision != AUTO or not sidecar.intact(quantised(weights)):
            raise
        log.warning("%s; its 8-bit weights are left aside", failed)
        return _open(wanted, weights, device=device, precision=F32, threads=threads, backend=backend)


def weights_of(wanted: Sidecar, weights_dir: Path) -> Path:
    """Return the weights file of a sidecar; raise `WeightsMissing`, or `ConfigError` when it is another."""
    weights = weights_dir / wanted.file
    if not sidecar.intact(weights):
        fetched = wanted.source.can_be_fetched
        how = f"alertwall models get {wanted.name}" if fetched else f"put {wanted.file} into {weights_dir}"
        raise WeightsMissing(f"weights of {wanted.name} are not here, or damaged: {how}")
    if wanted.sha256 and (digest := sidecar.digest(weights)) != wanted.sha256:
        source = f"{wanted.name}.toml"
        raise ConfigError("sha256", f"needs {wanted.sha256}, {wanted.file} has {digest}", source=source)
    return weights


def precisions_of(name: str, *, weights_dir: Path, device: str = "CPU") -> list[str]:
    """Return what the detector called ``name`` can be computed in here, the most exact first."""
    if name == moving_object.NAME or _plugin(name, weights_dir) is not None:
        return [AUTO]
    wanted = sidecar.find(name, weights_dir)
    weights = weights_of(wanted, weights_dir)
    can = _capabilities(backend_of(wanted, device), device)
    return choices(capabilities=can, has_int8=sidecar.intact(quantised(weights)))


def backend_of(wanted: Sidecar, device: str) -> str:
    """Return what computes these weights on ``device``: the sidecar's word, else OpenVINO where it can."""
    if wanted.backend != "auto":
        return wanted.backend
    if wanted.file.endswith((".pt", ".engine")):
        return "ultralytics"
    if device in ONNXRUNTIME_DEVICES or importlib.util.find_spec("openvino") is None:
        return "onnxruntime"
    return "openvino"


def _open(wanted: Sidecar, weights: Path, *, device: str, precision: str, threads: int, backend: str) -> Detector:
    chosen = backend or backend_of(wanted, device)
    detector: NetworkDetector
    if chosen == "ultralytics":
        detector = _on_ultralytics(wanted, weights, device=device, precision=precision, threads=threads)
    else:
        _there(chosen, wanted)
        small = quantised(weights)
        can = _capabilities(chosen, device)
        asked = precision if precision != AUTO or can else F32
        use = choose(asked, capabilities=can, has_int8=sidecar.intact(small))
        if use == INT8 and not sidecar.intact(small):
            how = f"alertwall models export {wanted.name} --to int8"
            raise ConfigError("analytics.precision", f"int8 needs {small.name}, which is not here: {how}")
        engine = _engine(
            chosen, small if use == INT8 else weights, wanted, device=device, precision=use, threads=threads
        )
        digest = sidecar.digest(small if use == INT8 else weights)
        detector = NetworkDetector(engine, wanted, _spec(wanted, chosen, device, engine.precision, digest))
    try:
        if wanted.self_test:
            _prove(detector, wanted.self_test)
    except BaseException:
        detector.close()
        raise
    return detector


def _prove(detector: NetworkDetector, wanted: SelfTest) -> None:
    detector.report_from(min(thing.score for thing in wanted.objects) - wanted.tolerance)
    selftest.check(detector, wanted)
    detector.report_from(detector.spec.conf_low)


def _on_ultralytics(wanted: Sidecar, weights: Path, *, device: str, precision: str, threads: int) -> NetworkDetector:
    from analytics.detectors.ultralytics_backend import UltralyticsEngine, as_read  # noqa: PLC0415 - optional extra

    engine = UltralyticsEngine(weights, wanted, device=device, precision=precision, threads=threads)
    spec = _spec(wanted, "ultralytics", device, engine.precision, sidecar.digest(weights))
    return NetworkDetector(engine, as_read(wanted), spec)


def _plugin(name: str, weights_dir: Path) -> EntryPoint | None:
    """Return the plug-in called ``name``; a sidecar of that name is nearer."""
    plugin = plugins.find(name)
    return None if plugin is None or name in sidecar.known(weights_dir) else plugin


def _there(backend: str, wanted: Sidecar) -> None:
    if backend not in BACKENDS:
        expected = f"needs one of {', '.join(BACKENDS)}, has '{backend}'"
        raise ConfigError("backend", expected, source=f"{wanted.name}.toml")
    if importlib.util.find_spec(backend) is None:
        raise ConfigError("analytics.detector", f"{wanted.name} needs the package {backend}, which is not installed")


def _capabilities(backend: str, device: str) -> Collection[str]:
    """Return what can be computed in, in OpenVINO's words."""
    if backend == "openvino":
        from analytics.detectors.openvino_engine import capabilities  # noqa: PLC0415 - heavy

        return capabilities(device)
    if backend == "onnxruntime":
        return {"CPU": ("FP32", "INT8"), "CUDA": ("FP32",), "TENSORRT": ("FP32", "FP16")}.get(device, ())
    return ("FP32",) if device == "CPU" else ("FP32", "FP16")


def _engine(backend: str, weights: Path, wanted: Sidecar, *, device: str, precision: str, threads: int) -> _Reporting:
    if backend == "openvino":
        from analytics.detectors.openvino_engine import OpenVinoEngine  # noqa: PLC0415 - heavy, and not on all machines

        return OpenVinoEngine(weights, wanted, device=device, precision=precision, threads=threads)
    from analytics.detectors.onnxruntime_engine import OnnxRuntimeEngine  # noqa: PLC0415 - optional extra

    allowed = (F32, INT8, F16) if device == "TENSORRT" else (F32, INT8)
    if precision not in allowed:
        words = " or ".join((AUTO, *allowed))
        raise ConfigError("analytics.precision", f"needs {words} on ONNX Runtime, has '{precision}'")
    return OnnxRuntimeEngine(weights, wanted, device=device, threads=threads, precision=precision)


def _spec(wanted: Sidecar, backend: str, device: str, precision: str, digest: str) -> DetectorSpec:
    return DetectorSpec(
        name=wanted.name,
        backend=backend,
        device=device,
        precision=precision,
        digest=digest,
        licence=wanted.licence,
        labels=wanted.labels,
        sizes=wanted.sizes,
        conf_high=wanted.output.conf_high,
        conf_low=wanted.output.conf_low,
        nms_iou=wanted.output.nms_iou,
    )
