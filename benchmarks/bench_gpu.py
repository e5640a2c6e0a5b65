"""A6: motion and tamper kernels over a thousand cameras at once, on the machine's GPU where it has one.

Without a GPU it says so and measures the same kernels with NumPy, and with torch on the processor where it is
installed, over fewer cameras.
"""

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from analytics import kernels, motion
from analytics.arrays import Array, namespace_of
from benchmarks.harness import Report

GPU_CAMERAS, CPU_CAMERAS = 1024, 16
SAMPLES = (264, 480)
"""Of 1080p at a quarter."""
ROUNDS, WARM_UP = 10, 2
DIFFERS = 14.0


def main() -> int:
    """Measure what there is."""
    report = Report("bench_gpu")
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        torch = None
    if torch is not None and torch.cuda.is_available():
        card = torch.cuda.get_device_name(0)
        measure(report, lambda part: torch.asarray(part, device="cuda"), torch.cuda.synchronize, GPU_CAMERAS, card)
        return report.failed and 1
    report.add("A6 cameras at once on a GPU", None, "cameras/s", note="no GPU here")
    measure(report, np.asarray, lambda: None, CPU_CAMERAS, "NumPy, processor")
    if torch is not None:
        torch.set_num_threads(1)
        measure(report, torch.asarray, lambda: None, CPU_CAMERAS, "torch, processor, one thread")
    return 0


def measure(
    report: Report, make: Callable[[Any], Array], settle: Callable[[], object], cameras: int, where: str
) -> None:
    """Report how many cameras' pictures a second go through the kernels."""
    dice = np.random.default_rng(1)
    rough = dice.integers(40, 200, (cameras, SAMPLES[0] // 8, SAMPLES[1] // 8), np.uint8)
    background = make(rough.repeat(8, 1).repeat(8, 2).astype(np.float32))
    noise = make(dice.normal(0, 2, (1, *SAMPLES)).astype(np.float32))
    small = background + noise
    reference = features(background, make)
    spent_s = []
    for number in range(WARM_UP + ROUNDS):
        settle()
        began_s = time.perf_counter()
        look(small, background, reference, make)
        settle()
        if number >= WARM_UP:
            spent_s.append(time.perf_counter() - began_s)
    best_s = min(spent_s)
    scale = f"{cameras} cameras of 1080p at a quarter, {where}"
    report.add("A6 motion and tamper kernels, batched", cameras / best_s, "pictures/s", scale=scale)


def features(small: Array, make: Callable[[Any], Array]) -> tuple[kernels.Pooled, kernels.Pools]:
    """Return the edges of many cameras, pooled."""
    edges = kernels.sobel(kernels.coarse(small))
    parts = kernels.pools(*edges.shape[-2:])
    pool = kernels.Pools(make(parts.down), make(parts.across))
    return kernels.pooled(edges, pool), pool


def look(
    small: Array, background: Array, reference: tuple[kernels.Pooled, kernels.Pools], make: Callable[[Any], Array]
) -> tuple[Array, ...]:
    """Do what one look does to the pictures of all cameras: motion, then tamper."""
    cells = motion.moving_cells(motion.difference(small, background) > DIFFERS)
    learnt = kernels.faded(background, small, 0.02)
    edges, pool = kernels.pooled(kernels.sobel(kernels.coarse(small)), reference[1]), reference[1]
    same = kernels.block_correlation(edges, reference[0], pool)
    fine = namespace_of(small).abs(kernels.laplacian(small))
    parts = kernels.pools(*fine.shape[-2:])
    detail = kernels.blocks(fine, kernels.Pools(make(parts.down), make(parts.across)))
    return cells, learnt, same, detail


if __name__ == "__main__":
    sys.exit(main())
