"""The same numbers from NumPy, from a library that is the array API standard and nothing else, and from torch."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics import kernels, motion
from analytics.arrays import namespace_of
from analytics.tripwires import Wires, crosses, side, wires
from analytics.zones import Outlines, inside, outlines

CAMERAS, HEIGHT, WIDTH = 3, 66, 96
TRIANGLE = [(0.1, 0.1), (0.9, 0.2), (0.4, 0.8)]
LINE = [(0.5, 1.0), (0.4, 0.0)]
ALLOWED = 2e-3
"""Between libraries: sums of floats in another order."""


def planes(seed: int, cameras: int = CAMERAS) -> NDArray[np.float32]:
    """Return pictures with edges, not only noise."""
    dice = np.random.default_rng(seed)
    rough = dice.integers(30, 220, (cameras, HEIGHT // 6, WIDTH // 6)).repeat(6, 1).repeat(6, 2)
    return np.asarray(rough + dice.normal(0, 2, (cameras, HEIGHT, WIDTH)), np.float32)


Kernel = Callable[[Callable[[Any], Any], Any, Any], Any]
"""From (what makes arrays, two stacks of planes) to what it found."""


def _floats(mask: Any, like: Any) -> Any:
    xp = namespace_of(like)
    return xp.asarray(mask, dtype=xp.float32)


def _pools(make: Callable[[Any], Any], plane: Any) -> kernels.Pools:
    return kernels.Pools(*map(make, kernels.pools(*plane.shape[-2:])))


def _blocks(make: Callable[[Any], Any], one: Any, _other: Any) -> Any:
    return kernels.blocks(one, _pools(make, one))


def _block_correlation(make: Callable[[Any], Any], one: Any, other: Any) -> Any:
    pool = _pools(make, one)
    return kernels.block_correlation(kernels.pooled(one, pool), kernels.pooled(other, pool), pool)


def _phase(make: Callable[[Any], Any], one: Any, other: Any) -> Any:
    window = np.outer(np.hanning(HEIGHT), np.hanning(WIDTH)).astype(np.float32)
    return kernels.phase_correlation(one, other, make(window))


def _standing(_make: Callable[[Any], Any], one: Any, other: Any) -> Any:
    known = kernels.Backgrounds(slow=other, fast=one, value=one, age_s=one * 0)
    _differs, value, age_s = kernels.standing(one, known, threshold=18.0, step_s=0.5)
    return value + age_s


def _moving(_make: Callable[[Any], Any], one: Any, other: Any) -> Any:
    changed = motion.difference(one, other)[..., : HEIGHT // 8 * 8, : WIDTH // 8 * 8] > 60
    cells = motion.moving_cells(changed)
    return _floats(cells, one)


def _inside(make: Callable[[Any], Any], one: Any, _other: Any) -> Any:
    zone = outlines([TRIANGLE, TRIANGLE[::-1]])
    arrays = (make(part.astype(np.float32)) for part in (zone.start_x, zone.start_y, zone.lean, zone.corner_y))
    within = inside(one[..., :20, :2] / 220.0, Outlines(zone.polygons, zone.edges, *arrays))
    return _floats(within, one)


def _sides(make: Callable[[Any], Any], one: Any, _other: Any) -> Any:
    lines = Wires(*(make(part.astype(np.float32)) for part in _parts()))
    return side(one[..., :20, :2] / 220.0, lines)


def _crosses(make: Callable[[Any], Any], one: Any, other: Any) -> Any:
    lines = Wires(*(make(part.astype(np.float32)) for part in _parts()))
    crossed = crosses(one[..., :20, :2] / 220.0, other[..., :20, :2] / 220.0, lines)
    return _floats(crossed, one)


def _parts() -> tuple[Any, Any, Any]:
    made = wires([LINE, LINE[::-1]])
    return made.turn, made.offset, made.ends


KERNELS: dict[str, Kernel] = {
    "halved": lambda _make, one, _other: kernels.halved(one),
    "coarse": lambda _make, one, _other: kernels.coarse(namespace_of(one).concat([one] * 5, axis=-2)),
    "sobel": lambda _make, one, _other: kernels.sobel(one),
    "laplacian": lambda _make, one, _other: kernels.laplacian(one),
    "blocks": _blocks,
    "block_correlation": _block_correlation,
    "correlation": lambda _make, one, other: kernels.correlation(one, other + one),
    "phase_correlation": _phase,
    "faded": lambda _make, one, other: kernels.faded(one, other, 0.25),
    "standing": _standing,
    "motion.sample": lambda _make, one, _other: motion.sample(one),
    "motion.moving_cells": _moving,
    "motion.relit": lambda _make, one, other: motion.relit(one, one * 0.7 + other * 0.1),
    "zones.inside": _inside,
    "tripwires.side": _sides,
    "tripwires.crosses": _crosses,
}


def library(name: str) -> Any:
    return importlib.import_module(name)


def array(value: Any) -> NDArray[np.float32]:
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value._array if hasattr(value, "_array") else value)


@pytest.mark.parametrize("name", ["array_api_strict", pytest.param("torch", marks=pytest.mark.extra("torch"))])
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_libraries_agree(kernel: Kernel, name: str) -> None:
    """A kernel takes the arrays of any library and finds the same."""
    xp = library(name)
    one, other = planes(1), planes(2)
    expected = kernel(np.asarray, one, other)
    found = kernel(xp.asarray, xp.asarray(one), xp.asarray(other))
    assert namespace_of(found).__name__.partition(".")[0] == name
    np.testing.assert_allclose(array(found), expected, rtol=ALLOWED, atol=ALLOWED)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_many_cameras_at_once(kernel: Kernel) -> None:
    """Leading axes are kept and do not change what is found."""
    one, other = planes(1), planes(2)
    together = kernel(np.asarray, one, other)
    assert together.shape[0] == CAMERAS
    for camera in range(CAMERAS):
        alone = kernel(np.asarray, one[camera], other[camera])
        np.testing.assert_allclose(together[camera], alone, rtol=1e-4, atol=1e-3)


def test_a_shift_is_found() -> None:
    """The peak lies where the picture has gone to."""
    [plane] = planes(3, 1)
    window = np.outer(np.hanning(HEIGHT), np.hanning(WIDTH)).astype(np.float32)
    moved = np.roll(plane, (5, -7), axis=(0, 1))
    surface = kernels.phase_correlation(moved, plane, window)
    assert np.unravel_index(surface.argmax(), surface.shape) == (5, WIDTH - 7)


def test_a_block_correlation_is_pearsons() -> None:
    """As NumPy says it for each block alone, whatever light does to it; 0 for a flat one."""
    one, other = planes(4, 1)[0][:60], planes(5, 1)[0][:60]
    pool = kernels.pools(60, WIDTH)
    same = kernels.block_correlation(kernels.pooled(one, pool), kernels.pooled(other + one, pool), pool)
    expected = np.corrcoef(one[:10, :12].ravel(), (other + one)[:10, :12].ravel())[0, 1]
    assert same[0, 0] == pytest.approx(expected, abs=1e-3)
    lit = kernels.block_correlation(kernels.pooled(one, pool), kernels.pooled(one * 0.4 + 9, pool), pool)
    assert lit.min() > 0.998
    flat = kernels.block_correlation(kernels.pooled(one, pool), kernels.pooled(one * 0 + 70, pool), pool)
    assert np.abs(flat).max() < 0.02


def test_every_sample_is_in_one_block() -> None:
    """Sizes that the grid does not divide leave nothing out."""
    for height, width in ((131, 238), (24, 24), (7, 9)):
        pool = kernels.pools(height, width)
        assert (pool.down > 0).sum(axis=0).tolist() == [1] * height
        assert (pool.across > 0).sum(axis=1).tolist() == [1] * width
        assert kernels.blocks(np.ones((height, width), np.float32), pool) == pytest.approx(1)


def test_what_stands_has_a_clock() -> None:
    """It goes on while a thing stands, waits while somebody passes, and begins anew for another thing."""
    empty, thing, passer = (np.full((2, 2), level, np.float32) for level in (50, 120, 200))
    known = kernels.Backgrounds(empty, thing, thing, np.full((2, 2), 4, np.float32))
    assert kernels.standing(thing, known, threshold=18, step_s=0.5)[2].max() == 4.5
    assert kernels.standing(passer, known, threshold=18, step_s=0.5)[2].max() == 4.0
    assert kernels.standing(empty, known, threshold=18, step_s=0.5)[2].max() == 2.0
    other = known._replace(fast=passer)
    assert kernels.standing(passer, other, threshold=18, step_s=0.5)[2].max() == 0.0
