"""Real engines over a tiny network: they agree, prove themselves, and refuse in words."""

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from alertwall import homes
from analytics import selftest, sidecar
from analytics.detections import Detections
from analytics.detector import Answer, Detector
from analytics.detectors import WeightsMissing, open_detector
from analytics.detectors.network import NetworkDetector
from analytics.detectors.opening import _spec
from analytics.detectors.ultralytics_backend import UltralyticsEngine
from analytics.planner import Planner
from analytics.selftest import SelfTestFailed
from models.errors import ConfigError
from models.frame import Frame
from tests.analytics import tiny
from tests.analytics.pictures import frame, with_box
from tests.support.shared_data import shared
from tests.support.timescale import not_here

ROOT = Path(__file__).parents[2]
BACKENDS = ("openvino", "onnxruntime")
YOLOX = "yolox_nano.onnx"
BRIGHT = (8.0, 16.0, 16.0, 24.0)
"""One cell of the tiny network's grid."""


def opened(folder: Path, backend: str, *, precision: str = "f32", threads: int = 1) -> Detector:
    """Open the tiny network; skip by name where a backend is not installed."""
    if importlib.util.find_spec(backend) is None:
        not_here(f"the package {backend} is not installed")
    return open_detector("squares", weights_dir=folder, precision=precision, threads=threads, backend=backend)


def look(detector: Detector, seen: Sequence[Frame]) -> list[Detections]:
    """Pass frames through a detector, all that fit at once."""
    ready, answers = threading.Event(), dict[int, Answer]()
    detector.on_ready(ready.set)
    waiting = list(enumerate(seen))
    while len(answers) < len(seen):
        while waiting and detector.free():
            ticket, picture = waiting.pop(0)
            detector.submit(ticket, picture, Planner(picture.size_px, detector.spec.sizes).full.views)
        assert ready.wait(30)
        ready.clear()
        answers |= {answer.ticket: answer for answer in detector.poll()}
    assert not any(answer.failure for answer in answers.values())
    return [answers[ticket].found for ticket in range(len(seen))]


def square() -> Frame:
    return frame(with_box(np.full((64, 64), 30, np.uint8), BRIGHT, 235))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_bright_square_is_found(tmp_path: Path, backend: str) -> None:
    """Through letterbox, normalisation, engine and decoder to the right place, class and score."""
    tiny.install(tmp_path)
    detector = opened(tmp_path, backend)
    (found,) = look(detector, [square()])
    detector.close()
    assert found.xyxy.tolist() == [[4, 12, 20, 28]]
    assert [detector.spec.labels[column] for column in found.class_id] == ["bright"]
    assert found.score == pytest.approx([1.0], abs=0.05)
    assert (detector.spec.backend, detector.spec.precision) == (backend, "f32")
    assert detector.spec.digest == sidecar.digest(tmp_path / "squares.onnx")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_colour_order_is_the_sidecar_s(tmp_path: Path, backend: str) -> None:
    """Red is red to a network that wants RGB, and blue to one told so wrongly."""
    red = np.zeros((64, 64, 3), np.uint8)
    red[16:24, 8:16] = (0, 0, 255)
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), red)
    seen = selftest.frame_of(path)
    for colour, labels in (("rgb", ["red"]), ("bgr", [])):
        tiny.install(tmp_path, tiny.SIDECAR.replace('colour = "rgb"', f'colour = "{colour}"'))
        detector = opened(tmp_path, backend)
        (found,) = look(detector, [seen])
        detector.close()
        assert [detector.spec.labels[column] for column in found.class_id] == labels


def test_engines_agree(tmp_path: Path) -> None:
    """OpenVINO and ONNX Runtime give the same boxes and scores for many pictures, in whatever order they end."""
    tiny.install(tmp_path, tiny.SIDECAR.replace("std = [255, 255, 255]", "std = [200, 220, 250]"))
    dice = np.random.default_rng(1)
    cells = [dice.integers(0, 256, (8, 8)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8) for _ in range(40)]
    seen = [frame(luma, chroma=int(dice.integers(90, 160))) for luma in cells]
    answers = []
    for backend in BACKENDS:
        detector = opened(tmp_path, backend)
        answers.append(look(detector, seen))
        detector.close()
    assert sum(map(len, answers[0])) > 100
    for ours, other in zip(*answers, strict=True):
        order, other_order = (np.lexsort((*found.xyxy.T, found.class_id)) for found in (ours, other))
        assert ours.xyxy[order] == pytest.approx(other.xyxy[other_order], abs=0.01)
        assert ours.score[order] == pytest.approx(other.score[other_order], abs=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_network_that_asks_for_the_picture_s_size(tmp_path: Path, backend: str) -> None:
    """RT-DETR's own export has a second input: it is told the size of the detector's picture, once for all."""
    tiny.install(tmp_path, tiny.SIDECAR.replace('family = "yolo8"', 'family = "detr-scored"'))
    onnx.save(tiny.one_box(), str(tmp_path / "squares.onnx"))
    detector = opened(tmp_path, backend)
    (found,) = look(detector, [square()])
    detector.close()
    assert found.xyxy.tolist() == [[0, 0, 32, 32]]
    assert found.class_id.tolist() == [1]
    assert found.score == pytest.approx([0.75])


def noting(pictures: Callable[..., NDArray[np.uint8]], sizes: list[int]) -> Callable[..., NDArray[np.uint8]]:
    """Return ``pictures`` that notes how many were asked for."""

    def noted(slot: int, count: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        sizes.append(count)
        return pictures(slot, count, width_px, height_px)

    return noted


def test_batches_give_what_single_pictures_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty pictures in batches of up to eight, beside the same one by one: equal boxes and scores."""
    if importlib.util.find_spec("onnxruntime") is None:
        not_here("the package onnxruntime is not installed")
    from analytics.detectors.onnxruntime_engine import OnnxRuntimeEngine  # noqa: PLC0415 - may be absent

    tiny.install(tmp_path)
    weights = tmp_path / "squares.onnx"
    onnx.save(tiny.bright_squares(batch="batch"), str(weights))
    wanted = sidecar.load(tmp_path / "squares.toml")
    dice = np.random.default_rng(2)
    cells = [dice.integers(0, 256, (8, 8)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8) for _ in range(40)]
    answers, counts = [], []
    for batch_max in (1, 8):
        engine = OnnxRuntimeEngine(weights, wanted, device="CPU", threads=1, batch_max=batch_max)
        assert engine.batch_max == batch_max
        sizes: list[int] = []
        monkeypatch.setattr(engine, "pictures", noting(engine.pictures, sizes))
        detector = NetworkDetector(engine, wanted, _spec(wanted, "onnxruntime", "CPU", "f32", ""))
        answers.append(look(detector, [frame(luma) for luma in cells]))
        counts.append(sizes)
        detector.close()
    assert max(counts[0]) == 1
    assert max(counts[1]) == 8
    assert sum(counts[1]) == 40
    for single, batched in zip(*answers, strict=True):
        assert np.array_equal(single.xyxy, batched.xyxy)
        assert single.score == pytest.approx(batched.score, abs=1e-6)
        assert np.array_equal(single.class_id, batched.class_id)


def test_weights_for_one_picture_take_no_batches(tmp_path: Path) -> None:
    """A batch of one is part of many exports; such weights are not asked for more."""
    if importlib.util.find_spec("onnxruntime") is None:
        not_here("the package onnxruntime is not installed")
    from analytics.detectors.onnxruntime_engine import OnnxRuntimeEngine  # noqa: PLC0415 - may be absent

    weights = tiny.install(tmp_path)
    wanted = sidecar.load(tmp_path / "squares.toml")
    engine = OnnxRuntimeEngine(weights, wanted, device="CPU", threads=1, batch_max=8)
    assert engine.batch_max == 1
    engine.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_closing_while_it_computes(tmp_path: Path, backend: str) -> None:
    """A detector that is closed with pictures under way ends without an error."""
    tiny.install(tmp_path)
    detector = opened(tmp_path, backend)
    for ticket in range(2):
        detector.submit(ticket, square(), Planner((64, 64), detector.spec.sizes).full.views)
    detector.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_refusals(tmp_path: Path, backend: str) -> None:
    """A device or a precision that is not there is refused with those that are, named as the site's keys."""
    tiny.install(tmp_path)
    if importlib.util.find_spec(backend) is None:
        not_here(f"the package {backend} is not installed")
    with pytest.raises(ConfigError, match=r"analytics\.device: needs one of .*CPU.*, has 'TOASTER'"):
        open_detector("squares", weights_dir=tmp_path, device="TOASTER", backend=backend)
    with pytest.raises(ConfigError, match=r"analytics\.precision: needs auto.*, has 'i3'"):
        open_detector("squares", weights_dir=tmp_path, precision="i3", backend=backend)


def test_onnxruntime_wants_one_input(tmp_path: Path) -> None:
    """Weights with two inputs are no picture network."""
    if importlib.util.find_spec("onnxruntime") is None:
        not_here("the package onnxruntime is not installed")
    tiny.install(tmp_path)
    model = tiny.bright_squares()
    model.graph.input.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, [1]))
    onnx.save(model, str(tmp_path / "squares.onnx"))
    with pytest.raises(ConfigError, match=r"squares\.toml: file: needs weights with one input, has images, second"):
        open_detector("squares", weights_dir=tmp_path, backend="onnxruntime")


def test_a_backend_that_there_is_not(tmp_path: Path) -> None:
    """Also one whose name is some other installed package."""
    tiny.install(tmp_path)
    with pytest.raises(ConfigError, match="backend: needs one of openvino, onnxruntime, ultralytics, has 'json'"):
        open_detector("squares", weights_dir=tmp_path, backend="json")


def test_weights_that_are_missing_or_damaged(tmp_path: Path) -> None:
    """The words say how to get them; a digest in the sidecar is held to."""
    with pytest.raises(WeightsMissing, match="nanodet are not here, or damaged: alertwall models get nanodet"):
        open_detector("nanodet", weights_dir=tmp_path)
    with pytest.raises(WeightsMissing, match=r"put yolox_nano\.onnx into"):
        open_detector("yolox-nano", weights_dir=tmp_path)
    weights = tiny.install(tmp_path, tiny.SIDECAR.replace('licence = "CC0"', f'licence = "CC0"\nsha256 = "{"0" * 64}"'))
    with pytest.raises(ConfigError, match=f"sha256: needs {'0' * 64}, squares.onnx has {sidecar.digest(weights)}"):
        open_detector("squares", weights_dir=tmp_path)


def test_without_the_extra_ultralytics(tmp_path: Path) -> None:
    """A .pt file without its extra is refused with the extra's name; nothing else of it is needed."""
    tiny.install(tmp_path, tiny.SIDECAR.replace('licence = "CC0"', 'licence = "CC0"\nbackend = "ultralytics"'))
    if importlib.util.find_spec("ultralytics") is None:
        with pytest.raises(ConfigError, match="squares needs the extra 'ultralytics'"):
            open_detector("squares", weights_dir=tmp_path)
    wanted = sidecar.load(tmp_path / "squares.toml")
    if importlib.util.find_spec("ultralytics") is None:
        with pytest.raises(ConfigError, match=r"analytics\.detector: squares needs the extra"):
            UltralyticsEngine(tmp_path / "squares.onnx", wanted, device="CPU", precision="auto", threads=1)


SELF_TEST = """
[[self_test.objects]]
label = "bright"
score = 0.99
box_px = [4, 12, 20, 28]
"""


def test_the_self_test(tmp_path: Path) -> None:
    """Right weights pass; a wrong normalisation is told with what was seen instead."""
    picture = tmp_path / "square.png"
    cv2.imwrite(str(picture), np.repeat(square().y[:, :, None], 3, axis=2))
    tiny.install(tmp_path)
    detector = opened(tmp_path, "openvino")
    (found,) = look(detector, [selftest.frame_of(picture)])
    thing = {"label": "bright", "score": float(found.score[0]), "box_px": (4, 12, 20, 28)}
    wanted = sidecar.SelfTest.model_validate({"objects": [thing]})
    selftest.check(detector, wanted, picture=picture)
    for wrong in ({"score": 0.5}, {"label": "red"}, {"box_px": (40, 40, 60, 60)}):
        other = sidecar.SelfTest.model_validate({"objects": [thing | wrong]})
        with pytest.raises(SelfTestFailed, match=r"squares: needs a .* \(all: bright 0\.\d\d\); is the sidecar's norm"):
            selftest.check(detector, other, picture=picture)
    detector.close()
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(SelfTestFailed, match=r"text\.jpg cannot be read"):
        selftest.frame_of(tmp_path / "text.jpg")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_detector_that_fails_its_self_test_is_not_opened(tmp_path: Path, backend: str) -> None:
    """There is no bright square in the shipped picture: the tiny network must not be let loose on cameras."""
    tiny.install(tmp_path, tiny.SIDECAR + SELF_TEST)
    with pytest.raises(SelfTestFailed, match=r"needs a bright of 0\.99"):
        opened(tmp_path, backend)


@pytest.fixture
def nanodet(tmp_path: Path) -> Path:
    """A weights folder with the shipped detector's network, fetched the first time."""
    fetched = homes.weights_home() / sidecar.find("nanodet", tmp_path).file
    if not sidecar.intact(fetched):
        get = [sys.executable, "-m", "alertwall", "models", "get", "nanodet"]
        got = subprocess.run(get, cwd=ROOT, capture_output=True, text=True, check=False)
        if got.returncode:
            not_here(f"the weights of nanodet cannot be fetched: {got.stderr.strip()}")
    (tmp_path / fetched.name).symlink_to(fetched)
    return tmp_path


def test_nanodet_proves_itself(nanodet: Path) -> None:
    """The shipped sidecar's self-test holds for the real network, and looks again from `conf_low` on after it."""
    detector = open_detector("nanodet", weights_dir=nanodet, threads=1)
    (found,) = look(detector, [selftest.frame_of(selftest.PICTURE)])
    detector.close()
    assert found.score.min() >= detector.spec.conf_low
    people = found.class_id == detector.spec.labels.index("person")
    assert people.sum() >= 2


def test_nanodet_with_a_wrong_mean_is_refused(nanodet: Path) -> None:
    """A mean of another network costs a few hundredths of score, and is seen."""
    said = (sidecar.SHIPPED / "nanodet.toml").read_text("utf-8")
    mean = "mean = [103.53, 116.28, 123.675]"
    assert mean in said
    (nanodet / "nanodet.toml").write_text(said.replace(mean, "mean = [0, 0, 0]"), "utf-8")
    with pytest.raises(SelfTestFailed, match="nanodet: needs a person"):
        open_detector("nanodet", weights_dir=nanodet, threads=1)


@pytest.fixture
def yolox(tmp_path: Path) -> Path:
    """A weights folder with YOLOX-nano's network, where it lies beside the checkout."""
    path = shared(YOLOX)
    assert path is not None
    (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.beside(YOLOX)
@pytest.mark.parametrize("backend", BACKENDS)
def test_yolox_proves_itself(yolox: Path, backend: str) -> None:
    """The second shipped sidecar holds for its network on either engine."""
    if importlib.util.find_spec(backend) is None:
        not_here(f"the package {backend} is not installed")
    detector = open_detector("yolox-nano", weights_dir=yolox, precision="f32", backend=backend)
    (found,) = look(detector, [selftest.frame_of(selftest.PICTURE)])
    detector.close()
    assert {detector.spec.labels[column] for column in found.class_id[:2]} == {"person", "bicycle"}


@pytest.mark.beside(YOLOX)
@pytest.mark.parametrize(
    ("was", "now"),
    [("std = [1, 1, 1]", "std = [255, 255, 255]"), ('colour = "bgr"', 'colour = "rgb"'), ("mean = [0", "mean = [60")],
)
def test_yolox_with_a_wrong_normalisation_is_refused(yolox: Path, was: str, now: str) -> None:
    """The mistakes that people make with these weights are seen at once."""
    said = (sidecar.SHIPPED / "yolox-nano.toml").read_text("utf-8")
    assert was in said
    (yolox / "yolox-nano.toml").write_text(said.replace(was, now), "utf-8")
    with pytest.raises(SelfTestFailed, match="yolox-nano: needs a"):
        open_detector("yolox-nano", weights_dir=yolox, precision="f32")


ASK = """
import sys, threading
from pathlib import Path
from analytics.detectors import open_detector
open_detector("squares", weights_dir=Path(sys.argv[1])).close()
loaded = [name for name, module in sys.modules.items() if name.startswith("openvino_telemetry") and module]
print("loaded", loaded, len([thread for thread in threading.enumerate() if "Executor" in thread.name]))
"""


def test_openvino_reports_to_nobody(tmp_path: Path) -> None:
    """Opening a detector neither loads nor starts what would tell OpenVINO's maker of this machine."""
    tiny.install(tmp_path)
    asked = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert asked.stdout.strip() == "loaded [] 0"


def test_opening_and_closing_again_and_again(tmp_path: Path) -> None:
    """OpenVINO's own threads survive that a network goes while they are just done with it."""
    tiny.install(tmp_path)
    for _ in range(15):
        detector = opened(tmp_path, "openvino")
        look(detector, [square()] * 3)
        detector.close()
        del detector
