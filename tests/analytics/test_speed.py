"""Speeds on a plane of known size, seen in perspective, by boxes that tremble."""

import numpy as np
import pytest

from analytics.rules.speed import ground
from models.rule import RuleKind
from tests.analytics.scenes import Scene, again, car, rule

SPEED = RuleKind.SPEED
QUAD = ((0.45, 0.3), (0.55, 0.3), (0.9, 0.95), (0.1, 0.95))
"""A road that runs towards the camera: 7 m wide, 40 m long."""
SIZE = {"width_m": 7.0, "length_m": 40.0}


def picture(x_m: float, y_m: float) -> tuple[float, float]:
    """Return where a place on the road is seen, in pixels of 1000 x 1000."""
    forth = np.array(ground(QUAD, SIZE["width_m"], SIZE["length_m"])).reshape(3, 3)
    x, y, far = np.linalg.solve(forth, np.array([x_m, y_m, 1.0]))
    return 1000 * x / far, 1000 * y / far


def drive(scene: Scene, kmh: float, *, fps: float = 5, noise_px: float = 0.0, seed: int = 1) -> None:
    dice = np.random.default_rng(seed)
    for at_m in np.arange(1.0, 39.0, kmh / 3.6 / fps):
        x, y = picture(3.5, float(at_m)) + dice.normal(0, noise_px, 2) if noise_px else picture(3.5, float(at_m))
        size = 20 + 0.2 * y
        scene.see((x - size, y - size, x + size, y), class_id=1, step_s=1 / fps)


def test_corners_are_where_they_were_measured() -> None:
    """First to second is the width, second to third the length."""
    for (x, y), place in zip(QUAD, [(0, 0), (7, 0), (7, 40), (0, 40)], strict=True):
        a, b, c, d, e, f, g, h, i = ground(QUAD, 7, 40)
        far = g * x + h * y + i
        assert ((a * x + b * y + c) / far, (d * x + e * y + f) / far) == pytest.approx(place, abs=1e-9)


@pytest.mark.parametrize("fps", [2, 5, 10, 25])
@pytest.mark.parametrize("kmh", [12.0, 36.0])
def test_a_steady_speed_is_measured(fps: float, kmh: float) -> None:
    """Within one in a hundred at any frame rate; told once."""
    scene = Scene(rule(SPEED, points=QUAD, params=SIZE | {"limit_kmh": 10}, confirm_frames=2))
    drive(scene, kmh, fps=fps)
    (told,) = scene.told
    assert told[1].measured["kmh"] == pytest.approx(kmh, rel=0.01)
    assert again(told).same


def test_below_the_limit_nobody_is_told() -> None:
    """Nor by one class's own limit."""
    slow = Scene(rule(SPEED, points=QUAD, params=SIZE | {"limit_kmh": 30}))
    drive(slow, 29)
    own = Scene(rule(SPEED, points=QUAD, params=SIZE | {"limit_kmh": 30, "limit_kmh.car": 60}))
    drive(own, 50)
    assert slow.told == own.told == []


@pytest.mark.parametrize("seed", range(8))
def test_trembling_boxes_accuse_nobody(seed: int) -> None:
    """Just below the limit with a foot that wavers by five pixels; well above it is told all the same."""
    slow, fast = (Scene(rule(SPEED, points=QUAD, params=SIZE | {"limit_kmh": 30}, confirm_frames=3)) for _ in range(2))
    drive(slow, 26, noise_px=5, seed=seed)
    drive(fast, 45, noise_px=3, seed=seed)
    assert slow.told == []
    assert len(fast.told) == 1
    assert again(fast.told[0]).same


def test_a_standing_car_is_not_fast() -> None:
    """It drives in slowly and stands far away, where a pixel is much ground."""
    dice = np.random.default_rng(5)
    scene = Scene(rule(SPEED, points=QUAD, params=SIZE | {"limit_kmh": 5}))
    for x in np.linspace(200, 500, 30):
        scene.see(car(float(x), 320))
    for shift in dice.normal(0, 3, (3000, 4)):
        scene.see(car(500, 320, shift))
    late = [told for told in scene.told if told[0] > 10]
    assert late == []
