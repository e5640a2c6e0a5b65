"""Networks on OpenVINO: the default on CPUs."""

import contextlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as opset
from openvino.preprocess import ColorFormat, PrePostProcessor

from analytics.detectors.network import EngineFailed
from analytics.families import SIZE_INPUT, Outputs
from analytics.precisions import AUTO, INT8
from analytics.sidecar import Sidecar
from models.errors import ConfigError

REQUESTS = 2
"""One is filled while the other computes."""
LARGEST_PX = 4096
CLOSED_KEPT = 2
_CLOSED: deque[Any] = deque(maxlen=CLOSED_KEPT)
"""Networks closed last. OpenVINO's own thread lets go of a request a moment after it has told us that it is done; were
it the last to hold the network, it would have to wait for its own end, and would end the process instead."""
WORDS = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "i8": "int8"}
HINTS: dict[str, ov.Type] = {"f32": ov.Type.f32, "f16": ov.Type.f16, "bf16": ov.Type.bf16}


class OpenVinoEngine:
    """One compiled network that takes 8-bit pictures as they are: normalisation is part of the graph."""

    def __init__(self, weights: Path, sidecar: Sidecar, *, device: str, precision: str, threads: int) -> None:
        """Compile ``weights``; for int8 they are quantised already."""
        core = ov.Core()
        if device.split(".", maxsplit=1)[0] not in {name.split(".")[0] for name in core.available_devices}:
            raise ConfigError("analytics.device", f"needs one of {', '.join(core.available_devices)}, has '{device}'")
        settings: dict[str, Any] = {}
        self._int8 = precision == INT8
        if precision in HINTS:
            settings["INFERENCE_PRECISION_HINT"] = HINTS[precision]
        elif precision not in (AUTO, INT8):
            words = "auto, f32, f16, bf16 or int8"
            raise ConfigError("analytics.precision", f"needs {words} on OpenVINO, has '{precision}'")
        if device == "CPU":
            settings |= {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": min(REQUESTS, threads)}
        self._compiled = core.compile_model(with_normalisation(core.read_model(weights), sidecar), device, settings)
        self._requests = [self._compiled.create_infer_request() for _ in range(REQUESTS)]
        self._pictures: list[dict[tuple[int, int], NDArray[np.uint8]]] = [{} for _ in range(REQUESTS)]

    @property
    def slots(self) -> int:
        return REQUESTS

    @property
    def precision(self) -> str:
        """The one in use: OpenVINO may have picked another than it was told to prefer."""
        if self._int8:
            return INT8
        used = self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        return {long: short for short, long in WORDS.items()}.get(used, str(used))

    @property
    def batch_max(self) -> int:
        return 1

    def pictures(self, slot: int, count: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        assert count == 1, "batches buy nothing here"
        kept = self._pictures[slot]
        pictures = kept.get((width_px, height_px))
        if pictures is None:
            if len(kept) >= REQUESTS * 8:
                kept.pop(next(iter(kept)))
            pictures = kept[width_px, height_px] = np.empty((1, height_px, width_px, 3), np.uint8)
        self._requests[slot].set_input_tensor(ov.Tensor(pictures, shared_memory=True))
        return pictures

    def start(self, slot: int, done: Callable[[], None]) -> None:
        request = self._requests[slot]
        request.set_callback(lambda _data: done(), None)
        request.start_async()

    def broke(self, slot: int) -> bool:
        """OpenVINO calls nobody back when it fails; asked, it raises."""
        try:
            self._requests[slot].wait_for(0)
        except RuntimeError:
            return True
        return False

    def outputs(self, slot: int) -> Outputs:
        request = self._requests[slot]
        try:
            request.wait()
        except RuntimeError as failed:
            raise EngineFailed(str(failed)) from failed
        return [tensor.data for tensor in request.output_tensors]

    def close(self) -> None:
        for request in self._requests:
            request.cancel()
        for request in self._requests:
            with contextlib.suppress(RuntimeError):  # a cancelled one says so to whoever asks next
                request.wait()
            request.set_callback(lambda _data: None, None)
        _CLOSED.append((self._compiled, self._requests))


def capabilities(device: str) -> list[str]:
    """Return what ``device`` computes in (FP32, FP16, BF16, INT8); nothing is known of one that is not here."""
    core = ov.Core()
    if device.split(".", maxsplit=1)[0] not in {name.split(".")[0] for name in core.available_devices}:
        return []
    return [str(word) for word in core.get_property(device, "OPTIMIZATION_CAPABILITIES")]


def with_normalisation(model: ov.Model, sidecar: Sidecar) -> ov.Model:
    """Make a network take (1, height, width, 3) bytes as they are, of any size that it can."""
    wants = sidecar.input
    _fix_picture_size(model, sidecar)
    steps = PrePostProcessor(model)
    colour = ColorFormat.BGR if wants.colour == "bgr" else ColorFormat.RGB
    picture = steps.input()
    picture.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(colour)
    picture.preprocess().convert_element_type(ov.Type.f32).mean(list(wants.mean)).scale(list(wants.std))
    picture.model().set_layout(ov.Layout("NCHW"))
    made = steps.build()
    side = ov.Dimension(wants.stride_px, LARGEST_PX) if wants.any_size else ov.Dimension(wants.long_px)
    made.reshape({0: ov.PartialShape([ov.Dimension(1), side, side, ov.Dimension(3)])})
    return made


def _fix_picture_size(model: ov.Model, sidecar: Sidecar) -> None:
    """Some networks ask for the size of the picture that boxes are to be in: that of the detector's own."""
    for entry in model.get_parameters():
        if SIZE_INPUT in entry.output(0).get_names():
            side = sidecar.input.long_px
            size = opset.constant(np.array([[side, side]], np.int64), entry.get_element_type())
            for target in entry.output(0).get_target_inputs():
                target.replace_source_output(size.output(0))
            model.remove_parameter(entry)
