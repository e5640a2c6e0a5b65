"""An ONNX network in 8 bits, calibrated on pictures; the end that turns numbers into boxes stays exact."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

CONVOLUTION = "Conv"


def static(weights: Path, made: Path, tensors: Iterable[NDArray[np.float32]]) -> None:
    """Write the 8-bit twin of ``weights`` to ``made``: convolutions alone, per channel.

    The last convolutions of each branch stay float: their outputs are box distances and scores of small differences.
    """
    graph = onnx.load(str(weights)).graph
    quantize_static(
        str(weights),
        str(made),
        _Reader(graph.input[0].name, tensors),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=[CONVOLUTION],
        nodes_to_exclude=_last_convolutions(graph),
        calibrate_method=CalibrationMethod.MinMax,
    )


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, tensors: Iterable[NDArray[np.float32]]) -> None:
        self._name, self._tensors = name, iter(tensors)

    def get_next(self) -> dict[str, Any] | None:
        tensor = next(self._tensors, None)
        return None if tensor is None else {self._name: tensor}


def _last_convolutions(graph: onnx.GraphProto) -> list[str]:
    """Return the convolutions after which no other comes."""
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)

    def leads_to_another(node: onnx.NodeProto) -> bool:
        seen: set[int] = set()
        waiting = list(_followers(node, users))
        while waiting:
            following = waiting.pop()
            if following.op_type == CONVOLUTION:
                return True
            if id(following) not in seen:
                seen.add(id(following))
                waiting += _followers(following, users)
        return False

    return [node.name for node in graph.node if node.op_type == CONVOLUTION and not leads_to_another(node)]


def _followers(node: onnx.NodeProto, users: dict[str, list[onnx.NodeProto]]) -> Iterator[onnx.NodeProto]:
    for name in node.output:
        yield from users.get(name, ())
