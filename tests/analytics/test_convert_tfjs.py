"""A TensorFlow.js graph becomes ONNX that computes the same, at any size."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino as ov
import pytest
from numpy.typing import NDArray

from analytics.convert_tfjs import ConversionError, convert
from tests.analytics import tiny

Array = NDArray[Any]


def by_hand(picture: Array, weights: dict[str, Array]) -> Array:
    """Compute the tiny graph as TensorFlow defines it, in plain loops."""
    image = np.pad(picture, ((0, 0), (0, 0), (1, 1), (1, 1))).transpose(0, 2, 3, 1)[0].astype(np.float64)
    high, wide = (image.shape[0] - 3) // 2 + 1, (image.shape[1] - 3) // 2 + 1
    conv = np.zeros((high, wide, 4))
    for row in range(high):
        for column in range(wide):
            patch = image[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            conv[row, column] = np.tensordot(patch, weights["kernel"], axes=3) + weights["bias"]
    leaked = np.where(conv > 0, conv, conv * 0.1)
    pooled = leaked.reshape(high // 2, 2, wide // 2, 2, 4).max(axis=(1, 3))
    flat = twice(twice(pooled).transpose(1, 0, 2)).transpose(1, 0, 2).transpose(2, 0, 1).reshape(1, 4, -1)
    return np.asarray(1 / (1 + np.exp(-flat)))


def twice(rows: Array) -> Array:
    """Double the first axis: bilinear, half-pixel centres, edges repeated."""
    count = len(rows)
    at = np.clip((np.arange(2 * count) + 0.5) / 2 - 0.5, 0, count - 1)
    low = np.floor(at).astype(int)
    share = (at - low)[:, None, None]
    return np.asarray(rows[low] * (1 - share) + rows[np.minimum(low + 1, count - 1)] * share)


@pytest.mark.parametrize("size", [(16, 16), (32, 24)])
def test_the_same_numbers(tmp_path: Path, size: tuple[int, int]) -> None:
    """The converted graph gives what the operations' definitions give, also at sizes that it was not exported for."""
    weights = tiny.tfjs(tmp_path)
    convert(tmp_path / "tiny.json", tmp_path / "tiny.onnx")
    picture = np.random.default_rng(1).normal(0, 1, (1, 3, *size)).astype(np.float32)
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    (computed,) = ov.Core().compile_model(tmp_path / "tiny.onnx", "CPU", hint)(picture).values()
    assert computed == pytest.approx(by_hand(picture, weights), abs=1e-4)


def test_lean(tmp_path: Path) -> None:
    """Transposes cancel out, the pad and the bias go into the convolution."""
    tiny.tfjs(tmp_path)
    convert(tmp_path / "tiny.json", tmp_path / "tiny.onnx")
    made = onnx.load(str(tmp_path / "tiny.onnx"))
    assert [node.op_type for node in made.graph.node] == [
        "Conv",
        "LeakyRelu",
        "MaxPool",
        "Resize",
        "Reshape",
        "Sigmoid",
    ]
    assert len(made.graph.node[0].input) == 3


def test_an_unknown_operation_is_named(tmp_path: Path) -> None:
    """What the converter does not know is refused, not left out."""
    tiny.tfjs(tmp_path, extra=[{"name": "odd", "op": "Erf", "input": ["flattened"], "attr": {}}])
    with pytest.raises(ConversionError, match=r"operation Erf \(odd\) is not known"):
        convert(tmp_path / "tiny.json", tmp_path / "tiny.onnx")


def test_weights_that_do_not_fit_their_description(tmp_path: Path) -> None:
    """A longer or a shorter file of weights is refused."""
    tiny.tfjs(tmp_path)
    data = (tmp_path / "tiny.bin").read_bytes()
    (tmp_path / "tiny.bin").write_bytes(data + b"\0\0\0\0")
    with pytest.raises(ConversionError, match=f"{len(data) + 4} bytes, described are {len(data)}"):
        convert(tmp_path / "tiny.json", tmp_path / "tiny.onnx")
    (tmp_path / "tiny.bin").write_bytes(data[:-4])
    with pytest.raises(ConversionError, match="end within flat"):
        convert(tmp_path / "tiny.json", tmp_path / "tiny.onnx")


def test_a_size_written_into_the_graph_is_refused(tmp_path: Path) -> None:
    """A reshape that fits one picture size only would fail later, on a region."""
    tiny.tfjs(tmp_path)
    description = json.loads((tmp_path / "tiny.json").read_text())
    data = bytearray((tmp_path / "tiny.bin").read_bytes())
    data[-4:] = np.array([64], np.int32).tobytes()
    (tmp_path / "tiny.bin").write_bytes(data)
    assert description["weightsManifest"][0]["weights"][-1]["name"] == "flat"
    with pytest.raises(ConversionError, match="one picture size only"):
        convert(tmp_path / "tiny.json", tmp_path / "tiny.onnx")
