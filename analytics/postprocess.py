"""From many overlapping candidates to one box per object."""

import numpy as np

from analytics.detections import Detections, Ints, overlaps

CANDIDATES_MAX = 300
"""Only the best so many are looked at: a picture full of noise must not cost a second."""


def suppress(found: Detections, *, iou: float) -> Detections:
    """Return ``found`` without the boxes that a better one of the same class covers, best first."""
    if len(found) < 2:
        return found
    order = np.argsort(-found.score, kind="stable")[:CANDIDATES_MAX]
    best = found[order]
    # boxes of different classes are moved apart, so that one pass serves all classes
    reach = float(best.xyxy.max() - best.xyxy.min()) + 1
    apart = best.xyxy + (best.class_id * reach).astype(np.float32)[:, None]
    covers = overlaps(apart, apart) > iou
    alive = np.ones(len(best), np.bool_)
    for index in range(len(best)):
        if alive[index]:
            alive[index + 1 :] &= ~covers[index, index + 1 :]
    kept: Ints = np.flatnonzero(alive)
    return best[kept]
