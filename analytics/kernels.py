"""Dense kernels that tamper and left objects are seen by: plain array functions, batched over leading axes.

Planes are (..., height, width) of floats; `analytics.arrays` says which libraries they run on. A grid is `GRID` blocks
over the picture, whatever its size: what happens in a part of it must not drown in the rest.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.arrays import Array, namespace_of

GRID = (6, 8)
"""Blocks (down, across)."""
ROWS_MOST = 160
"""Of the plane that edges are looked for in: 1080p at a quarter is halved once more, a small camera's is not."""
TINY = 1e-6
FLAT = 1.0
"""Of variances of edges: what is less than this is flat, and the rounding of large sums no correlation."""


def coarse(small: Array) -> Array:
    """Halve a plane until it has at most `ROWS_MOST` rows."""
    while small.shape[-2] > ROWS_MOST:
        small = halved(small)
    return small


def halved(plane: Array) -> Array:
    """Return the means of two by two samples; an odd last row or column is left out."""
    height, width = plane.shape[-2] // 2 * 2, plane.shape[-1] // 2 * 2
    even, odd = plane[..., 0:height:2, :width], plane[..., 1:height:2, :width]
    rows = even + odd
    return (rows[..., 0::2] + rows[..., 1::2]) * 0.25


def sobel(plane: Array) -> Array:
    """Return how strong the edges are, (..., height - 2, width - 2): the absolute differences across and down."""
    xp = namespace_of(plane)
    pairs = plane[..., :-1, :] + plane[..., 1:, :]
    tall = pairs[..., :-1, :] + pairs[..., 1:, :]
    pairs = plane[..., :, :-1] + plane[..., :, 1:]
    wide = pairs[..., :, :-1] + pairs[..., :, 1:]
    return xp.abs(tall[..., :, 2:] - tall[..., :, :-2]) + xp.abs(wide[..., 2:, :] - wide[..., :-2, :])


def laplacian(plane: Array) -> Array:
    """Return the finest detail of every fourth row, (..., about height / 4, width - 2)."""
    rows = plane[..., 1:-1:4, :]
    count = rows.shape[-2]
    ends = plane[..., 0::4, :][..., :count, :] + plane[..., 2::4, :][..., :count, :]
    return ends[..., 1:-1] + rows[..., :-2] + rows[..., 2:] - 4.0 * rows[..., 1:-1]


class Pools(NamedTuple):
    """What sums a plane into blocks by two matrix products: ``down`` (GRID[0], height), ``across`` (width, GRID[1])."""

    down: Array
    across: Array


def pools(height: int, width: int) -> Pools:
    """Return the pools of a plane; every sample is in exactly one block."""
    return Pools(_pool(GRID[0], height), np.ascontiguousarray(_pool(GRID[1], width).T))


def _pool(parts: int, length: int) -> NDArray[np.float32]:
    of = np.arange(length) * parts // max(length, 1)
    member = of[None, :] == np.arange(parts)[:, None]
    return np.asarray(member / np.maximum(member.sum(axis=1, keepdims=True), 1), np.float32)


def blocks(plane: Array, pool: Pools) -> Array:
    """Return the mean of each block of `GRID`, (..., down, across)."""
    return pool.down @ plane @ pool.across


class Pooled(NamedTuple):
    """A plane with the mean and the variance of its blocks."""

    plane: Array
    mean: Array
    variance: Array


def pooled(plane: Array, pool: Pools) -> Pooled:
    """Make a plane ready for `block_correlation`."""
    mean = blocks(plane, pool)
    variance = blocks(plane * plane, pool) - mean * mean
    return Pooled(plane, mean, namespace_of(plane).clip(variance, 0.0, None))


def block_correlation(one: Pooled, other: Pooled, pool: Pools) -> Array:
    """Return Pearson's correlation of two planes in each block of `GRID`; 0 where one of them is flat."""
    xp = namespace_of(one.plane)
    both = blocks(one.plane * other.plane, pool) - one.mean * other.mean
    return both / xp.sqrt(one.variance * other.variance + FLAT)


def correlation(one: Array, other: Array) -> Array:
    """Return Pearson's correlation of two planes, (...); 0 where one of them is flat."""
    xp = namespace_of(one)
    axes = (-2, -1)
    one = one - xp.mean(one, axis=axes, keepdims=True)
    other = other - xp.mean(other, axis=axes, keepdims=True)
    spread = xp.sum(one * one, axis=axes) * xp.sum(other * other, axis=axes)
    return xp.sum(one * other, axis=axes) / xp.sqrt(spread + TINY)


def phase_correlation(plane: Array, reference: Array, window: Array) -> Array:
    """Return the surface whose peak is where ``plane`` lies on ``reference``: row and column, modulo the size.

    ``window`` fades both out towards the picture's edges, which no shift moves. Kuglin and Hines, 1975.
    """
    xp = namespace_of(plane)
    axes = (-2, -1)
    spectra = [
        xp.fft.fft(xp.fft.rfft((one - xp.mean(one, axis=axes, keepdims=True)) * window, axis=-1), axis=-2)
        for one in (plane, reference)
    ]
    cross = spectra[0] * xp.conj(spectra[1])
    cross = cross / (xp.abs(cross) + TINY)
    return xp.fft.irfft(xp.fft.ifft(cross, axis=-2), n=plane.shape[-1], axis=-1)


def faded(old: Array, new: Array, share: float) -> Array:
    """Return ``old`` with so much of ``new`` learnt."""
    return old + share * (new - old)


class Backgrounds(NamedTuple):
    """Two backgrounds of a plane, what stands there, and for how many seconds; all of one size."""

    slow: Array
    fast: Array
    value: Array
    age_s: Array


def standing(plane: Array, known: Backgrounds, *, threshold: float, step_s: float) -> tuple[Array, Array, Array]:
    """Return (differs from the slow background, what stands there, for how long), by two rates (Porikli, 2007).

    What differs from the slow background and not from the fast one stands. Its clock goes on as long as it keeps its
    value, waits while something passes before it, begins anew when it is something else, and runs back quickly when
    it is gone.
    """
    xp = namespace_of(plane)
    age_s = known.age_s
    other = xp.abs(plane - known.slow) > threshold
    rests = other & (xp.abs(plane - known.fast) <= threshold)
    same = xp.abs(plane - known.value) <= threshold
    fresh = rests & ~same
    age = xp.where(rests & same, age_s + step_s, xp.where(fresh, xp.zeros_like(age_s), age_s))
    age = xp.where(other, age, xp.clip(age - 4.0 * step_s, 0.0, None))
    return other, xp.where(fresh, plane, known.value), age
