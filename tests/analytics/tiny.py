"""Networks small enough to be made in a test: one in ONNX that finds bright squares, one in TensorFlow.js."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE_PX, STRIDE, CELLS = 64, 8, 8
BOX_PX = 16.0
CHANNELS = 6
"""Centre, size, and the scores of two classes."""


def bright_squares(*, rgb: bool = True, batch: int | str = 1) -> onnx.ModelProto:
    """Return a network of family yolo8: class 0 is how bright a cell is, class 1 how much redder than blue.

    ``batch`` is its number of pictures at once; a word stands for any.
    """
    red, blue = (0, 2) if rgb else (2, 0)
    kernel = np.zeros((CHANNELS, 3, 1, 1), np.float32)
    kernel[4, :] = 1 / 3
    kernel[5, red], kernel[5, blue] = 1, -1
    grid = np.zeros((1, CHANNELS, CELLS, CELLS), np.float32)
    grid[0, 0], grid[0, 1] = np.meshgrid(np.arange(CELLS) * STRIDE + 4, np.arange(CELLS) * STRIDE + 4)
    grid[0, 2:4] = BOX_PX
    nodes = [
        helper.make_node("AveragePool", ["images"], ["pooled"], kernel_shape=[STRIDE] * 2, strides=[STRIDE] * 2),
        helper.make_node("Conv", ["pooled", "kernel"], ["scored"]),
        helper.make_node("Add", ["scored", "grid"], ["placed"]),
        helper.make_node("Reshape", ["placed", "shape"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "bright_squares",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [batch, CHANNELS, CELLS * CELLS])],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(grid, "grid"),
            numpy_helper.from_array(np.array([0, CHANNELS, -1], np.int64), "shape"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def one_box() -> onnx.ModelProto:
    """Return a network of family detr-scored: always class 1, in the left upper quarter of the size it is told."""
    share = np.array([[[0, 0, 0.5, 0.5]]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "flat"], ["nothing2"]),
        helper.make_node("Add", ["nothing2", "score"], ["scores"]),
        helper.make_node("Cast", ["orig_target_sizes"], ["size"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["size", "size"], ["sizes"], axis=1),
        helper.make_node("Mul", ["share", "sizes"], ["boxes"]),
        helper.make_node("Identity", ["label"], ["labels"]),
    ]
    graph = helper.make_graph(
        nodes,
        "one_box",
        [
            helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE_PX, SIDE_PX]),
            helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [1, 2]),
        ],
        [
            helper.make_tensor_value_info("labels", TensorProto.INT64, [1, 1]),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 1, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1]),
        ],
        [
            numpy_helper.from_array(share, "share"),
            numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
            numpy_helper.from_array(np.array([1, 1], np.int64), "flat"),
            numpy_helper.from_array(np.array([[0.75]], np.float32), "score"),
            numpy_helper.from_array(np.array([[1]], np.int64), "label"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


SIDECAR = """
name = "squares"
title = "Bright squares"
family = "yolo8"
file = "squares.onnx"
licence = "CC0"

[input]
long_px = 64
colour = "rgb"
mean = [0, 0, 0]
std = [255, 255, 255]

[output]
conf_high = 0.6
conf_low = 0.5
nms_iou = 0.4
classes_total = 2

[classes]
0 = "bright"
1 = "red"
"""


def install(folder: Path, sidecar: str = SIDECAR) -> Path:
    """Put the network and its sidecar into a weights folder."""
    weights = folder / "squares.onnx"
    onnx.save(bright_squares(), str(weights))
    (folder / "squares.toml").write_text(sidecar, "utf-8")
    return weights


def tfjs(folder: Path, *, extra: list[dict[str, Any]] | None = None) -> dict[str, NDArray[Any]]:
    """Write tiny.json and tiny.bin: pad, convolve, add, leak, pool, resize, flatten, squash; return its weights."""
    dice = np.random.default_rng(7)
    weights: dict[str, NDArray[Any]] = {
        "kernel": dice.normal(0, 0.3, (3, 3, 3, 4)).astype(np.float32),
        "bias": dice.normal(0, 0.3, 4).astype(np.float32),
        "pads": np.array([[0, 0], [0, 0], [1, 1], [1, 1]], np.int32),
        "to_last": np.array([0, 2, 3, 1], np.int32),
        "to_first": np.array([0, 3, 1, 2], np.int32),
        "size": np.array([8, 8], np.int32),
        "flat": np.array([1, 4, -1], np.int32),
    }
    nodes: list[dict[str, Any]] = [
        # the file promises no order: the last comes first
        _node("out", "Sigmoid", ["flattened"]),
        _node("image", "Placeholder", [], shape={"shape": {"dim": [{"size": str(size)} for size in (1, 3, 16, 16)]}}),
        *(_node(name, "Const", []) for name in weights),
        _node("padded", "Pad", ["image", "pads"]),
        _node("last", "Transpose", ["padded", "to_last"]),
        _node("conv", "Conv2D", ["last", "kernel"], padding=_text("VALID"), strides=HALF),
        _node("biased", "BiasAdd", ["conv", "bias"]),
        _node("leaked", "LeakyRelu", ["biased"], alpha={"f": 0.1}),
        _node("pooled", "MaxPool", ["leaked"], padding=_text("VALID"), ksize=HALF, strides=HALF),
        _node("resized", "ResizeBilinear", ["pooled", "size"], half_pixel_centers={"b": True}),
        _node("first", "Transpose", ["resized", "to_first"]),
        _node("flattened", "Reshape", ["first", "flat"]),
        *(extra or []),
    ]
    manifest = [
        {"name": name, "shape": list(values.shape), "dtype": str(values.dtype)} for name, values in weights.items()
    ]
    description = {
        "modelTopology": {"node": nodes},
        "signature": {"outputs": {"out:0": {}}},
        "weightsManifest": [{"paths": ["tiny.bin"], "weights": manifest}],
    }
    (folder / "tiny.json").write_text(json.dumps(description), "utf-8")
    (folder / "tiny.bin").write_bytes(b"".join(values.tobytes() for values in weights.values()))
    return weights


HALF = {"list": {"i": ["1", "2", "2", "1"]}}
"""Every second pixel across and down, channels last."""


def _node(name: str, op: str, inputs: list[str], **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": inputs, "attr": attributes}


def _text(word: str) -> dict[str, str]:
    return {"s": base64.b64encode(word.encode()).decode()}
