"""Networks on ONNX Runtime: CPUs without OpenVINO, and NVIDIA cards."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from analytics.detectors.threaded import ThreadedEngine
from analytics.families import SIZE_INPUT, Outputs
from analytics.precisions import F16, F32
from analytics.sidecar import Sidecar
from models.errors import ConfigError

REQUESTS = 2
PROVIDERS = {"CPU": "CPUExecutionProvider", "CUDA": "CUDAExecutionProvider", "TENSORRT": "TensorrtExecutionProvider"}
PICTURE = "picture_u8"
BATCH_MAX = {"CUDA": 32, "TENSORRT": 32}
"""A card is kept busy by many pictures at once; a CPU is by one."""


class OnnxRuntimeEngine(ThreadedEngine):
    """One session that takes 8-bit pictures as they are: normalisation is put in front of the graph."""

    def __init__(
        self, weights: Path, sidecar: Sidecar, *, device: str, threads: int, precision: str = F32, batch_max: int = 0
    ) -> None:
        """Open ``weights``, quantised already for int8; ``batch_max`` pictures at once, 0: what suits the device."""
        available = onnxruntime.get_available_providers()
        provider = PROVIDERS.get(device)
        if provider not in available:
            usable = [word for word, name in PROVIDERS.items() if name in available]
            raise ConfigError("analytics.device", f"needs one of {', '.join(usable)} on ONNX Runtime, has '{device}'")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # spinning helps one model alone on a machine and harms everything else on it
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        ways = {"trt_fp16_enable": "1"} if device == "TENSORRT" and precision == F16 else {}
        loaded = onnx.load(str(weights))
        self._batch_max = (batch_max or BATCH_MAX.get(device, 1)) if takes_batches(loaded) else 1
        model = _with_normalisation(loaded, sidecar)
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=[(provider, ways)])
        self._precision = precision
        super().__init__("onnxruntime", requests=REQUESTS, threads=REQUESTS)

    @property
    def precision(self) -> str:
        """That of the weights: this runtime lowers it by itself on TensorRT alone, when told to."""
        return self._precision

    @property
    def batch_max(self) -> int:
        return self._batch_max

    def _compute(self, pictures: NDArray[np.uint8]) -> Outputs:
        outputs: Outputs = self._session.run(None, {PICTURE: pictures})
        return outputs


def takes_batches(model: onnx.ModelProto) -> bool:
    """Tell whether weights were exported for any number of pictures at once."""
    first = model.graph.input[0].type.tensor_type.shape.dim
    return bool(first) and not first[0].HasField("dim_value")


def _with_normalisation(model: onnx.ModelProto, sidecar: Sidecar) -> onnx.ModelProto:
    """Put cast, transpose and (x - mean) / std in front of the graph, so that it takes (1, height, width, 3) bytes."""
    graph, wants, batches = model.graph, sidecar.input, takes_batches(model)
    for entry in [entry for entry in graph.input if entry.name == SIZE_INPUT]:
        # some networks ask for the size of the picture that boxes are to be in: that of the detector's own
        graph.input.remove(entry)
        graph.initializer.append(numpy_helper.from_array(np.array([[wants.long_px] * 2], np.int64), SIZE_INPUT))
    inputs = [entry for entry in graph.input if entry.name not in {tensor.name for tensor in graph.initializer}]
    if len(inputs) != 1:
        names = ", ".join(entry.name for entry in inputs) or "none"
        raise ConfigError("file", f"needs weights with one input, has {names}", source=f"{sidecar.name}.toml")
    was = inputs[0]
    scale = 1 / np.array(wants.std, np.float32).reshape(1, 3, 1, 1)
    shift = -np.array(wants.mean, np.float32).reshape(1, 3, 1, 1) * scale
    graph.initializer.extend(
        [numpy_helper.from_array(scale, "picture_scale"), numpy_helper.from_array(shift, "picture_shift")]
    )
    front = [
        helper.make_node("Cast", [PICTURE], ["picture_f32"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["picture_f32"], ["picture_nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["picture_nchw", "picture_scale"], ["picture_scaled"]),
        helper.make_node("Add", ["picture_scaled", "picture_shift"], ["picture_normal"]),
        helper.make_node("Cast", ["picture_normal"], [was.name], to=was.type.tensor_type.elem_type),
    ]
    nodes = [*front, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.input.remove(was)
    side: tuple[int | str, int | str] = ("height", "width") if wants.any_size else (wants.long_px, wants.long_px)
    graph.input.insert(
        0, helper.make_tensor_value_info(PICTURE, TensorProto.UINT8, ["batch" if batches else 1, *side, 3])
    )
    return model
