"""Which arithmetic is chosen, where nobody said."""

import pytest

from analytics.precisions import choices, choose

AMX = ("FP32", "INT8", "BIN", "BF16", "FP16")
PLAIN = ("FP32", "INT8", "BIN")
ARM = ("FP32", "FP16", "INT8")
CARD = ("FP32", "FP16")


@pytest.mark.parametrize(
    ("capabilities", "has_int8", "chosen"),
    [
        (AMX, True, "bf16"),
        (AMX, False, "bf16"),
        (PLAIN, True, "int8"),
        (PLAIN, False, "f32"),
        (ARM, True, "int8"),
        (ARM, False, "f16"),
        (CARD, True, "f16"),
        (("FP32",), True, "f32"),
    ],
)
def test_auto(capabilities: tuple[str, ...], has_int8: bool, chosen: str) -> None:
    """The fastest that loses least; 8 bits only where their weights are here."""
    assert choose("auto", capabilities=capabilities, has_int8=has_int8) == chosen


@pytest.mark.parametrize("asked", ["f32", "bf16", "int8", "i3"])
def test_what_is_asked_for_is_what_is_tried(asked: str) -> None:
    """Whoever names one gets it, or a refusal by the engine."""
    assert choose(asked, capabilities=PLAIN, has_int8=False) == asked


def test_choices() -> None:
    """What a machine can be measured in."""
    assert choices(capabilities=AMX, has_int8=True) == ["f32", "f16", "bf16", "int8"]
    assert choices(capabilities=PLAIN, has_int8=False) == ["f32"]
