"""Which arithmetic a network is computed in: the fastest that the machine has and the weights allow."""

from collections.abc import Collection
from pathlib import Path

AUTO, F32, F16, BF16, INT8 = "auto", "f32", "f16", "bf16", "int8"
INT8_SUFFIX = ".int8.onnx"
PLAIN_CPU: Collection[str] = ("FP32", "INT8")


def quantised(weights: Path) -> Path:
    """Return where the 8-bit twin of ``weights`` lies, made by `alertwall models export NAME --to int8`."""
    return weights.with_name(weights.stem + INT8_SUFFIX)


def choose(asked: str, *, capabilities: Collection[str], has_int8: bool) -> str:
    """Return the precision to compute in; ``asked`` itself unless it is auto.

    ``capabilities`` are in OpenVINO's words (FP32, FP16, BF16, INT8). A CPU that multiplies bf16 matrices is as fast
    as with 8 bits, and loses less: 8 bits are for those that do not. Cards take f16.
    """
    if asked != AUTO:
        return asked
    if BF16.upper() in capabilities:
        return BF16
    if has_int8 and INT8.upper() in capabilities:
        return INT8
    return F16 if "FP16" in capabilities else F32


def choices(*, capabilities: Collection[str], has_int8: bool) -> list[str]:
    """Return what can be asked for on such a device, the most exact first."""
    said = {F32: "FP32", F16: "FP16", BF16: "BF16", INT8: "INT8"}
    return [word for word, name in said.items() if name in capabilities and (word != INT8 or has_int8)]
