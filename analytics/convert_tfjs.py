"""Turn a TensorFlow.js graph model into an ONNX file that takes pictures of any size.

Used once, when weights are fetched (`analytics.weights`). Only the operations of convolutional detectors are
known; anything else is refused by name. Transposes between TensorFlow's and ONNX's axis orders are kept as views
and cancel out, zero padding and biases go into their convolutions, so that the result is as lean as a native export.
"""

import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference

from models.errors import AlertwallError

OPSET = 17
IR_VERSION = 9
NCHW_FROM_NHWC = (0, 3, 1, 2)
NHWC_FROM_NCHW = (0, 2, 3, 1)
LOWEST = -1e30
"""A pad value below it means "never the maximum"."""

Constant = NDArray[Any]
Json = dict[str, Any]


class ConversionError(AlertwallError):
    """The graph holds something this converter does not know."""


@dataclass(frozen=True)
class _View:
    """A tensor that is ``source`` with its axes in the order ``perm``."""

    source: str
    perm: tuple[int, ...]


@dataclass(frozen=True)
class _Padded:
    """A tensor that is ``source`` with ``before`` and ``after`` added to each axis."""

    source: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    value: float


def convert(model_json: Path, out: Path) -> None:
    """Write the graph model at ``model_json`` (its weight files beside it) as ONNX to ``out``."""
    description: Json = json.loads(model_json.read_bytes())
    graph = _Graph(description, _read_weights(description, model_json.parent))
    model = graph.build()
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(out))


def _read_weights(description: Json, folder: Path) -> dict[str, Constant]:
    weights: dict[str, Constant] = {}
    for group in description["weightsManifest"]:
        data = b"".join((folder / Path(part).name).read_bytes() for part in group["paths"])
        at = 0
        for weight in group["weights"]:
            quantised = weight.get("quantization")
            stored = np.dtype(quantised["dtype"] if quantised else weight["dtype"])
            count = int(np.prod(weight["shape"], dtype=np.int64))
            if at + count * stored.itemsize > len(data):
                raise ConversionError(f"weights: {len(data)} bytes end within {weight['name']}")
            values = np.frombuffer(data, stored, count, at).reshape(weight["shape"])
            at += values.nbytes
            if quantised and "scale" in quantised:
                values = values.astype(np.float32) * quantised["scale"] + quantised["min"]
            weights[weight["name"]] = values.astype(np.float32 if weight["dtype"] == "float32" else np.int64)
        if at != len(data):
            raise ConversionError(f"weights: {len(data)} bytes, described are {at}")
    return weights


class _Graph:
    def __init__(self, description: Json, weights: dict[str, Constant]) -> None:
        self._description = description
        self._constants = weights
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[tuple[str, list[int]]] = []
        self._alias: dict[str, str] = {}
        self._views: dict[str, _View] = {}
        self._padded: dict[str, _Padded] = {}
        self._open_convs: dict[str, onnx.NodeProto] = {}
        self._resizes: list[tuple[onnx.NodeProto, int, int]] = []
        self._count = 0
        self._by_op: dict[str, Callable[[Json, str, list[str]], None]] = {
            "Const": lambda _node, _name, _inputs: None,
            "Placeholder": self._placeholder,
            "Identity": self._identity,
            "Transpose": self._transpose,
            "Pad": self._pad,
            "PadV2": self._pad,
            "Conv2D": self._conv,
            "MaxPool": self._max_pool,
            "Add": self._add,
            "AddV2": self._add,
            "BiasAdd": self._add,
            "LeakyRelu": self._leaky_relu,
            "Sigmoid": self._sigmoid,
            "ConcatV2": self._concat,
            "Reshape": self._reshape,
            "SplitV": self._split,
            "ResizeBilinear": self._resize,
        }
        self._uses = Counter(
            _bare(name) for node in description["modelTopology"]["node"] for name in node.get("input", [])
        )

    def build(self) -> onnx.ModelProto:
        for node in _in_order(self._description["modelTopology"]["node"]):
            inputs = [_bare(name) for name in node.get("input", []) if not name.startswith("^")]
            if self._fold(node, inputs):
                continue
            act = self._by_op.get(node["op"])
            if act is None:
                raise ConversionError(f"operation {node['op']} ({node['name']}) is not known")
            act(node, node["name"], inputs)
        wanted = [_bare(name) for name in self._description["signature"]["outputs"]]
        wanted.sort(key=lambda name: (len(name), name))
        for name in wanted:
            made = self._tensor(name)
            if made != name:
                self._emit("Identity", [made], [name])
        model = self._model(wanted)
        self._scale_resizes(model)
        _leave_size_open(model)
        return shape_inference.infer_shapes(model)

    def _model(self, outputs: Sequence[str]) -> onnx.ModelProto:
        graph = helper.make_graph(
            self._nodes,
            "detector",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in self._inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            list(self._initializers.values()),
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="alertwall")

    def _fold(self, node: Json, inputs: list[str]) -> bool:
        """Compute what depends on constants alone, now."""
        constants = [self._constants.get(name) for name in inputs]
        known = [constant for constant in constants if constant is not None]
        if not known or len(known) != len(constants):
            return False
        if node["op"] in ("Add", "AddV2"):
            self._constants[node["name"]] = known[0] + known[1]
        elif node["op"] in ("Identity", "Cast"):
            self._constants[node["name"]] = known[0]
        elif node["op"] == "SparseToDense":
            indices, shape, values, default = known
            dense = np.full(shape.reshape(-1), default.reshape(-1)[0], values.dtype)
            dense[tuple(indices.reshape(-1, dense.ndim).T)] = values
            self._constants[node["name"]] = dense
        else:
            return False
        return True

    # names, views and constants

    def _emit(self, op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> onnx.NodeProto:
        self._count += 1
        made = helper.make_node(op, inputs, outputs, name=f"{op}_{self._count}", **attributes)
        self._nodes.append(made)
        return made

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"

    def _constant(self, values: Any, stem: str) -> str:
        name = self._fresh(stem)
        self._initializers[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def _view(self, name: str) -> _View | None:
        return self._views.get(self._alias.get(name, name))

    def _tensor(self, name: str) -> str:
        """Return the name of a real tensor, writing constants, pads and transposes that are still pending."""
        name = self._alias.get(name, name)
        if name in self._constants and name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.ascontiguousarray(self._constants[name]), name)
        elif view := self._views.pop(name, None):
            self._emit("Transpose", [self._tensor(view.source)], [name], perm=list(view.perm))
        elif padded := self._padded.pop(name, None):
            amounts = self._constant(np.array(padded.before + padded.after, np.int64), "pads")
            value = self._constant(np.float32(padded.value), "pad_value")
            self._emit("Pad", [self._tensor(padded.source), amounts, value], [name])
        return name

    def _turned(self, name: str, perm: tuple[int, ...], out: str) -> str:
        """Name ``out`` the tensor ``name`` with its axes in the order ``perm``; nothing is emitted yet."""
        view = self._view(name)
        source, total = (view.source, tuple(view.perm[axis] for axis in perm)) if view else (name, perm)
        if total == tuple(range(len(total))):
            self._alias[out] = self._alias.get(source, source)
        else:
            self._views[out] = _View(self._alias.get(source, source), total)
        return self._alias.get(out, out)

    # operations

    def _placeholder(self, node: Json, name: str, _inputs: list[str]) -> None:
        self._inputs.append((name, [int(dim["size"]) for dim in node["attr"]["shape"]["shape"]["dim"]]))

    def _identity(self, _node: Json, name: str, inputs: list[str]) -> None:
        if view := self._view(inputs[0]):
            self._views[name] = view
        else:
            self._alias[name] = self._alias.get(inputs[0], inputs[0])

    def _transpose(self, _node: Json, name: str, inputs: list[str]) -> None:
        self._turned(inputs[0], tuple(int(axis) for axis in self._constants[inputs[1]]), name)

    def _pad(self, _node: Json, name: str, inputs: list[str]) -> None:
        amounts = self._constants[inputs[1]]
        value = float(self._constants[inputs[2]].reshape(-1)[0]) if len(inputs) > 2 else 0.0
        self._padded[name] = _Padded(
            self._tensor(inputs[0]), tuple(map(int, amounts[:, 0])), tuple(map(int, amounts[:, 1])), value
        )

    def _padding(self, node: Json, name: str, *, value_fits: Callable[[float], bool]) -> tuple[str, Json]:
        """Return the NCHW tensor to convolve or pool, and how it is padded."""
        if _attribute(node, "padding") != "VALID":
            return self._tensor(name), {"auto_pad": "SAME_UPPER"}
        padded = self._padded.get(name)
        if padded and value_fits(padded.value) and not any(padded.before[:2] + padded.after[:2]):
            return self._tensor(padded.source), {"pads": list(padded.before[2:] + padded.after[2:])}
        return self._tensor(name), {}

    def _conv(self, node: Json, name: str, inputs: list[str]) -> None:
        _only_nhwc(node)
        turned = self._turned(inputs[0], NCHW_FROM_NHWC, self._fresh("nchw"))
        source, padding = self._padding(node, turned, value_fits=lambda value: value == 0)
        kernel = self._constant(self._constants[inputs[1]].transpose(3, 2, 0, 1), "kernel")
        made = self._fresh("conv")
        self._open_convs[made] = self._emit(
            "Conv",
            [source, kernel],
            [made],
            strides=_attribute(node, "strides")[1:3],
            dilations=(_attribute(node, "dilations") or [1, 1, 1, 1])[1:3],
            **padding,
        )
        self._turned(made, NHWC_FROM_NCHW, name)

    def _max_pool(self, node: Json, name: str, inputs: list[str]) -> None:
        _only_nhwc(node)
        turned = self._turned(inputs[0], NCHW_FROM_NHWC, self._fresh("nchw"))
        source, padding = self._padding(node, turned, value_fits=lambda value: value < LOWEST)
        made = self._fresh("pool")
        kernel, strides = _attribute(node, "ksize")[1:3], _attribute(node, "strides")[1:3]
        self._emit("MaxPool", [source], [made], kernel_shape=kernel, strides=strides, **padding)
        self._turned(made, NHWC_FROM_NCHW, name)

    def _add(self, _node: Json, name: str, inputs: list[str]) -> None:
        left, right = inputs
        if left in self._constants:
            left, right = right, left
        view, bias = self._view(left), self._constants.get(right)
        if view and bias is not None and bias.ndim == 1:
            conv = self._open_convs.get(view.source) if view.perm == NHWC_FROM_NCHW else None
            if conv is not None and self._uses[left] == 1:
                conv.input.append(self._constant(bias, "bias"))
                del self._open_convs[view.source]
                self._views[name] = view
                return
            shape = [1] * len(view.perm)
            shape[view.perm[-1]] = -1
            self._through(view, name, "Add", [self._tensor(view.source), self._constant(bias.reshape(shape), "bias")])
            return
        other = self._view(right)
        if view and other and view.perm == other.perm:
            self._through(view, name, "Add", [self._tensor(view.source), self._tensor(other.source)])
            return
        self._emit("Add", [self._tensor(left), self._tensor(right)], [name])

    def _through(self, view: _View, name: str, op: str, inputs: list[str], **attributes: Any) -> None:
        """Apply an operation that does not care about the order of axes to what lies under a view."""
        made = self._fresh(op.lower())
        self._emit(op, inputs, [made], **attributes)
        self._views[name] = _View(made, view.perm)

    def _unary(self, op: str, name: str, source: str, **attributes: Any) -> None:
        if view := self._view(source):
            self._through(view, name, op, [self._tensor(view.source)], **attributes)
        else:
            self._emit(op, [self._tensor(source)], [name], **attributes)

    def _leaky_relu(self, node: Json, name: str, inputs: list[str]) -> None:
        alpha = _attribute(node, "alpha")
        self._unary("LeakyRelu", name, inputs[0], alpha=0.2 if alpha is None else alpha)

    def _sigmoid(self, _node: Json, name: str, inputs: list[str]) -> None:
        self._unary("Sigmoid", name, inputs[0])

    def _concat(self, _node: Json, name: str, inputs: list[str]) -> None:
        axis = int(self._constants[inputs[-1]])
        self._emit("Concat", [self._tensor(part) for part in inputs[:-1]], [name], axis=axis)

    def _reshape(self, _node: Json, name: str, inputs: list[str]) -> None:
        shape = self._constant(self._constants[inputs[1]].astype(np.int64), "shape")
        self._emit("Reshape", [self._tensor(inputs[0]), shape], [name])

    def _split(self, _node: Json, name: str, inputs: list[str]) -> None:
        sizes = self._constants[inputs[1]].astype(np.int64)
        outputs = [name, *(f"{name}:{index}" for index in range(1, len(sizes)))]
        axis = int(self._constants[inputs[2]])
        self._emit("Split", [self._tensor(inputs[0]), self._constant(sizes, "sizes")], outputs, axis=axis)

    def _resize(self, node: Json, name: str, inputs: list[str]) -> None:
        if not _attribute(node, "half_pixel_centers"):
            raise ConversionError(f"{name}: only half-pixel centres are known")
        source = self._tensor(self._turned(inputs[0], NCHW_FROM_NHWC, self._fresh("nchw")))
        made = self._fresh("resize")
        scales = self._constant(np.ones(4, np.float32), "scales")
        mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        node_made = self._emit("Resize", [source, "", scales], [made], **mode)
        height, width = (int(size) for size in self._constants[inputs[1]])
        self._resizes.append((node_made, height, width))
        self._turned(made, NHWC_FROM_NCHW, name)

    def _scale_resizes(self, model: onnx.ModelProto) -> None:
        """Write each resize to a fixed size as a scale, in order: the later ones depend on the earlier."""
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node, height, width in self._resizes:
            inferred = shape_inference.infer_shapes(model)
            (shape,) = (
                [dim.dim_value for dim in info.type.tensor_type.shape.dim]
                for info in inferred.graph.value_info
                if info.name == node.input[0]
            )
            scales = np.array([1, 1, height / shape[2], width / shape[3]], np.float32)
            constants[node.input[2]].CopyFrom(numpy_helper.from_array(scales, node.input[2]))


def _leave_size_open(model: onnx.ModelProto) -> None:
    """Let height and width be whatever the picture's are."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Reshape" and -1 not in numpy_helper.to_array(constants[node.input[1]]):
            raise ConversionError(f"{node.name}: a shape that fits one picture size only")
    for axis, word in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = word


def _bare(name: str) -> str:
    """Return a node input's name as tensors are named here: the first output has no number."""
    return name.removeprefix("^").removesuffix(":0")


def _in_order(nodes: Sequence[Json]) -> list[Json]:
    """Return the nodes so that each follows what it needs (the file promises no order)."""
    by_name = {node["name"]: node for node in nodes}
    order: list[Json] = []
    done: set[str] = set()
    for root in nodes:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append(node)
            elif node["name"] not in done:
                done.add(node["name"])
                stack.append((node, True))
                needs = (name.removeprefix("^").split(":")[0] for name in node.get("input", []))
                stack.extend((by_name[name], False) for name in needs if name in by_name and name not in done)
    return order


def _attribute(node: Json, key: str) -> Any:
    """Return an attribute in Python's terms, None when the node has none of that name."""
    value = node.get("attr", {}).get(key)
    if value is None:
        return None
    if "s" in value:
        return base64.b64decode(value["s"]).decode()
    if "list" in value:
        return [int(item) for item in value["list"].get("i", [])]
    if "i" in value:
        return int(value["i"])
    return value.get("b", value.get("f"))


def _only_nhwc(node: Json) -> None:
    if (_attribute(node, "data_format") or "NHWC") != "NHWC":
        raise ConversionError(f"{node['name']}: only channels-last is known")
