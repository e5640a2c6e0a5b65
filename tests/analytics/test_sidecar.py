"""What a sidecar may say; refusals name the key in the user's own file."""

from pathlib import Path

import pytest

from analytics import sidecar
from models.errors import ConfigError
from tests.analytics import tiny


def test_the_shipped_ones() -> None:
    """Every shipped sidecar can be read; its labels follow its columns."""
    shipped = sidecar.known(Path("nowhere"))
    assert {"nanodet", "yolox-nano"} <= set(shipped)
    nanodet = shipped["nanodet"]
    assert nanodet.labels[nanodet.columns.index(2)] == "car"
    assert nanodet.output.conf_low < nanodet.output.conf_high
    assert nanodet.source.tfjs in nanodet.source.parts


REFUSED = [
    (
        'family = "yolo8"',
        'family = "yolo99"',
        "family",
        "needs one of detr, detr-scored, end2end, nanodet, yolo8, yolox, has 'yolo99'",
    ),
    ('file = "squares.onnx"', 'file = "../squares.onnx"', "file", "match pattern"),
    ('name = "squares"', 'name = "Squares!"', "name", "match pattern"),
    ('licence = "CC0"', "", "licence", "is required"),
    ("long_px = 64", "long_px = 5", "input.long_px", "greater than or equal to 32, has 5"),
    ('colour = "rgb"', 'colour = "rgb"\nstride_xp = 32', "input.stride_xp", "did you mean 'stride_px'"),
    ('colour = "rgb"', 'colour = "grey"', "input.colour", "needs 'bgr' or 'rgb', has 'grey'"),
    ("std = [255, 255, 255]", "std = [255, 0, 255]", "input.std", "needs numbers above 0"),
    ("std = [255, 255, 255]", "std = [255, 255]", "input.std[2]", "is required"),
    ("mean = [0, 0, 0]", "mean = [0, 0, nan]", "input.mean[2]", "finite"),
    ("conf_low = 0.5", "conf_low = 0.7", "output.conf_low", "needs at most conf_high (0.6)"),
    ("nms_iou = 0.4", "nms_iou = 1.5", "output.nms_iou", "less than 1, has 1.5"),
    ("classes_total = 2", "classes_total = 1", "classes", "needs columns below 1, has 1"),
    ('0 = "bright"\n1 = "red"', "", "classes", "needs at least one"),
    ("[input]", '[source]\nnpm_package = "a@1"\n[input]', "source.npm_sha256", "is required with npm_package"),
    (
        "[input]",
        f'[source]\nnpm_package = "a@1"\nnpm_sha256 = "{"0" * 64}"\ntfjs = "m.json"\n[input]',
        "source.parts",
        "needs 'm.json', the graph model",
    ),
    ("[input]", "[[[", "(file)", ""),
]


@pytest.mark.parametrize(("was", "now", "key", "expected"), REFUSED)
def test_refusals_name_the_key(tmp_path: Path, was: str, now: str, key: str, expected: str) -> None:
    """File, key, and what was expected there."""
    path = tmp_path / "squares.toml"
    assert was in tiny.SIDECAR
    path.write_text(tiny.SIDECAR.replace(was, now), "utf-8")
    with pytest.raises(ConfigError) as refused:
        sidecar.load(path)
    assert (refused.value.source, refused.value.key) == ("squares.toml", key)
    assert expected in refused.value.expected


def test_an_unknown_name_lists_what_there_is(tmp_path: Path) -> None:
    """A mistyped detector is told what would do."""
    tiny.install(tmp_path)
    with pytest.raises(
        ConfigError, match=r"analytics.detector: needs one of moving-object, nanodet, squares, .*'nonsense'"
    ):
        sidecar.find("nonsense", tmp_path)


def test_a_site_s_own_hides_the_shipped_one(tmp_path: Path) -> None:
    """A site may say its own thresholds for shipped weights."""
    (tmp_path / "mine.toml").write_text(tiny.SIDECAR.replace('name = "squares"', 'name = "nanodet"'), "utf-8")
    assert sidecar.find("nanodet", tmp_path).family == "yolo8"


@pytest.mark.parametrize("stamp", ["", "{", "[]", "{}", '{"sha256": "0"}', "null"])
def test_a_broken_stamp_is_no_proof(tmp_path: Path, stamp: str) -> None:
    """A stamp that a loss of power cut off makes weights suspect, it does not stop the start."""
    weights = tiny.install(tmp_path)
    assert sidecar.intact(weights)
    sidecar.stamp_of(weights).write_text(stamp, "utf-8")
    assert not sidecar.intact(weights)


@pytest.mark.parametrize("path", sorted((sidecar.SHIPPED / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_can_be_read(path: Path) -> None:
    """Each is named as its file, and none is taken for a detector that is here."""
    example = sidecar.load(path)
    assert example.name == path.stem
    assert example.name not in sidecar.known(path.parent.parent / "nowhere")
