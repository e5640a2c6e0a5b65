"""Footage edited as somebody at a camera would change its picture, and as light and weather do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.frame import Plane

Edit = Callable[[Plane, float, np.random.Generator], Plane]
"""A picture, the seconds since the change began, dice."""


def street(width: int = 640, height: int = 384, *, seed: int = 0) -> Plane:
    """Return a still view with detail at every scale: walls, windows, a road that is nearly plain."""
    dice = np.random.default_rng(seed)
    view = np.full((height, width), 100.0)
    for size, strength in ((96, 35), (40, 25), (12, 12), (3, 8)):
        rough = dice.normal(0, strength, (-(-height // size), -(-width // size)))
        view += rough.repeat(size, 0).repeat(size, 1)[:height, :width]
    for x in range(20, width - 40, 64):
        cv2.rectangle(view, (x, height // 8), (x + 24, height // 3), float(dice.integers(30, 210)), -1)
    view[height * 3 // 4 :] = view[height * 3 // 4 :] * 0.15 + 75
    return _bytes(cv2.GaussianBlur(view, (0, 0), 0.7))


def walked(view: Plane, time_s: float, *, every_s: float = 9.0) -> Plane:
    """Return the view with somebody walking through it now and then."""
    height, width = view.shape
    at = (time_s % every_s) / every_s * 1.6 - 0.3
    seen = view.copy()
    tall = height // 4
    left, top = int(at * width), height // 2
    cv2.rectangle(seen, (left, top), (left + tall // 3, top + tall), 40, -1)
    cv2.circle(seen, (left + tall // 6, top), tall // 7, 190, -1)
    return seen


def noisy(picture: NDArray[Any], sigma: float, dice: np.random.Generator) -> Plane:
    """Return it with a sensor's noise."""
    fields = _noises(picture.shape)
    field = fields[int(dice.integers(len(fields)))]
    # moved on each time: a picture that comes again bit by bit would be one that is frozen
    moved = np.roll(field.reshape(-1), int(dice.integers(field.size))).reshape(field.shape)
    return _bytes(picture + np.float32(sigma) * moved)


@cache
def _noises(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a few fields of noise: drawing one anew for each picture costs more than all that is tested."""
    return np.random.default_rng(len(shape)).normal(0, 1, (6, *shape)).astype(np.float32)


def _bytes(picture: NDArray[Any]) -> Plane:
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def cover(share: float, *, level: float = 60.0, cloth: float = 6.0) -> Edit:
    """Something held before the lens from the left: out of focus, with a fold or two."""

    def edit(picture: Plane, _since_s: float, dice: np.random.Generator) -> Plane:
        height, width = picture.shape
        part = max(int(width * share), 1)
        folds = level + cloth * np.sin(np.arange(part) / width * 9)[None, :] * np.ones((height, 1))
        seen = picture.copy()
        seen[:, :part] = noisy(folds, 1.5, dice)
        return seen

    return edit


def blur(sigma_px: float) -> Edit:
    def edit(picture: Plane, _since_s: float, dice: np.random.Generator) -> Plane:
        return noisy(cv2.GaussianBlur(picture, (0, 0), sigma_px), 1.0, dice)

    return edit


def shift(right_px: int, down_px: int = 0) -> Edit:
    """The camera was turned: what was there has moved, and at the edge something else has come into view."""

    def edit(picture: Plane, _since_s: float, _dice: np.random.Generator) -> Plane:
        height, width = picture.shape
        wide = cv2.copyMakeBorder(picture, down_px, 0, right_px, 0, cv2.BORDER_REFLECT)
        return np.ascontiguousarray(wide[:height, :width])

    return edit


def elsewhere(view: Plane) -> Edit:
    """The camera was turned so far that nothing of its view is left."""
    return lambda picture, _since_s, dice: noisy(cv2.resize(view, picture.shape[::-1]), 1.5, dice)


def black(level: int = 16) -> Edit:
    return lambda picture, _since_s, _dice: np.full_like(picture, level)


def gain(factor: float, offset: float = 0.0, *, over_s: float = 0.0) -> Edit:
    """A cloud, an exposure; ``over_s``: not at once."""

    def edit(picture: Plane, since_s: float, _dice: np.random.Generator) -> Plane:
        share = min(since_s / over_s, 1.0) if over_s else 1.0
        return _bytes(picture * (1 + (factor - 1) * share) + offset * share)

    return edit


def lamp(x: float, y: float, strength: float = 110.0, size: float = 0.25) -> Edit:
    """A lamp that lights a part of the view: what it shines on gets brighter, edges and all."""

    def edit(picture: Plane, _since_s: float, _dice: np.random.Generator) -> Plane:
        height, width = picture.shape
        across, down = (np.arange(width) / width - x) / size, (np.arange(height) / height - y) / size
        pool = np.exp(-(down[:, None] ** 2 + across[None, :] ** 2))
        return _bytes(picture * (1 + pool) + strength * 0.4 * pool)

    return edit


def headlights(picture: Plane, since_s: float, _dice: np.random.Generator) -> Plane:
    """A car turns around the corner: a bright spot that wanders and blinds."""
    return lamp(-0.2 + since_s / 4, 0.6, 300.0, 0.12)(picture, since_s, _dice)


def infrared(picture: Plane, _since_s: float, dice: np.random.Generator) -> Plane:
    """The camera's own light at night: flat greys, bright in the middle, noise."""
    height, width = picture.shape
    across, down = np.arange(width) / width * 2 - 1, np.arange(height) / height * 2 - 1
    beam = 1 - 0.3 * (down[:, None] ** 2 + across[None, :] ** 2)
    grey = (picture / 255.0) ** 0.6 * 150 * beam + 20
    return noisy(cv2.GaussianBlur(grey, (0, 0), 0.7), 5, dice)


def rain(sigma: float) -> Edit:
    """Noise all over; a heavy rain in the camera's light is like that."""
    return lambda picture, _since_s, dice: noisy(picture, sigma, dice)


def lorry(picture: Plane, since_s: float, _dice: np.random.Generator) -> Plane:
    """A lorry drives past close by: at its largest it hides nine tenths of the view."""
    height, width = picture.shape
    front = int((since_s / 5.0) * 2.6 * width - 0.2 * width)
    back = front - int(1.4 * width)
    seen = picture.copy()
    left, right = max(back, 0), min(front, width)
    if right > left:
        seen[: int(height * 0.92), left:right] = 205
        for stripe in range(back, front, max(width // 3, 1)):
            seen[: int(height * 0.92), max(stripe, 0) : max(stripe + width // 90, 0)] = 90
    return seen


def untouched(picture: Plane, _since_s: float, _dice: np.random.Generator) -> Plane:
    return picture


@dataclass(frozen=True, slots=True)
class Case:
    """What was done to a camera, and the fault that it is; "" where it is none."""

    name: str
    edit: Edit
    fault: str
    freeze: int = 0
    """So many pictures that repeat from then on: 1 is a still, more a repeated GOP."""


def cases() -> Sequence[Case]:
    return (
        *(Case(f"covered by {share:.0%}", cover(share), "covered") for share in (0.5, 0.8, 0.95)),
        Case("white sheet over 80%", cover(0.8, level=215, cloth=3), "covered"),
        *(Case(f"blur, sigma {sigma} px", blur(sigma), "defocused") for sigma in (2, 3, 5)),
        *(Case(f"turned by {px} px", shift(px), "moved") for px in (8, 20, 60)),
        Case("turned by 20 px down", shift(0, 20), "moved"),
        Case("turned elsewhere", elsewhere(np.rot90(street(seed=7))), "moved"),
        Case("frozen", untouched, "frozen", freeze=1),
        Case("repeated GOP", untouched, "frozen", freeze=4),
        Case("black", black(), "black"),
        Case("nothing", untouched, ""),
        *(Case(f"light x{factor}", gain(factor), "") for factor in (0.4, 0.7, 1.3, 1.8)),
        Case("light x0.3 within 20 s", gain(0.3, over_s=20), ""),
        Case("lamp switched on", lamp(0.7, 0.6), ""),
        Case("headlights", headlights, ""),
        Case("day to infrared", infrared, ""),
        Case("noise, sigma 8", rain(8), ""),
        Case("noise, sigma 20", rain(20), ""),
        Case("lorry for five seconds", lorry, ""),
    )


def shown(
    view: Callable[[float], Plane],
    case: Case,
    *,
    before_s: float,
    for_s: float,
    after_s: float,
    fps: float,
    seed: int = 0,
) -> Iterator[tuple[float, Plane]]:
    """Yield (time, picture): a camera's view, with the case in between."""
    dice = np.random.default_rng(seed)
    total = round((before_s + for_s + after_s) * fps)
    kept: list[Plane] = []
    for number in range(total):
        time_s = number / fps
        picture = view(time_s)
        since_s = time_s - before_s
        if 0 <= since_s < for_s:
            if case.freeze:
                if len(kept) < case.freeze:
                    kept.append(picture)
                picture = kept[int(since_s * fps) % case.freeze]
            else:
                picture = case.edit(picture, since_s, dice)
        yield time_s, picture
