"""The optional extra 'ultralytics' on CPU torch: .pt files through our own path, and exported to other runtimes."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from alertwall import cli
from analytics import hub, selftest, sidecar
from analytics.detections import overlaps
from analytics.detectors import open_detector
from models.errors import ConfigError, LinkDown
from tests.analytics import tiny
from tests.analytics.pictures import frame, texture
from tests.analytics.test_engines import look
from tests.support.shared_data import shared
from tests.support.torch_extra import ultralytics_here

PT = "yolo11n.pt"
SITE = 'state_dir = "state"\n[areas]\nhaikou = "Haikou"\n[analytics]\nweights_dir = "weights"\n'
UNTRAINED = tiny.SIDECAR.replace('file = "squares.onnx"', 'file = "squares.pt"').replace(
    "classes_total = 2", "classes_total = 80"
)


@pytest.fixture
def extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings, packages = tmp_path / "settings", tmp_path / "packages"
    settings.mkdir()
    packages.mkdir()
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(settings))
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    monkeypatch.setenv("YOLO_AUTOINSTALL", "false")
    with ultralytics_here(packages):
        yield


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    return folder


def untrained(folder: Path) -> None:
    """Put a network that has learned nothing into a weights folder."""
    importlib.import_module("ultralytics").YOLO("yolo11n.yaml").save(str(folder / "squares.pt"))
    (folder / "squares.toml").write_text(UNTRAINED, "utf-8")


def site(folder: Path) -> str:
    path = folder / "site.toml"
    path.write_text(SITE)
    return str(path)


@pytest.mark.extra("torch")
@pytest.mark.extra("ultralytics")
@pytest.mark.filterwarnings("ignore")
def test_a_pt_file_is_looked_through(extra: None, weights: Path) -> None:
    """Whatever an untrained network says: frames go in, answers come out, and the spec tells what computes."""
    untrained(weights)
    detector = open_detector("squares", weights_dir=weights)
    found = look(detector, [frame(texture(seed=seed)) for seed in range(3)])
    detector.close()
    assert len(found) == 3
    assert (detector.spec.backend, detector.spec.precision) == ("ultralytics", "f32")
    with pytest.raises(ConfigError, match=r"analytics\.precision: needs auto, f32 or f16 on ultralytics, has 'bf16'"):
        open_detector("squares", weights_dir=weights, precision="bf16")


@pytest.mark.beside(PT)
@pytest.mark.extra("torch")
@pytest.mark.extra("ultralytics")
@pytest.mark.filterwarnings("ignore")
def test_exports_see_what_the_original_sees(
    extra: None, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """YOLO11n's .pt proves itself on torch; as ONNX and as OpenVINO it finds the same boxes."""
    path = shared(PT)
    assert path is not None
    (weights / PT).symlink_to(path)
    picture = selftest.frame_of(selftest.PICTURE)
    detector = open_detector("yolo11n", weights_dir=weights)
    (original,) = look(detector, [picture])
    detector.close()
    assert len(original) >= 4
    for to in ("onnx", "openvino"):
        assert cli.main(["models", "export", "yolo11n", "--to", to, "-c", site(tmp_path)]) == 0
        assert f'detector = "yolo11n-{to}"' in capsys.readouterr().out
        made = sidecar.find(f"yolo11n-{to}", weights)
        assert (made.licence, made.family, made.input.any_size) == ("AGPL-3.0", "yolo8", True)
        detector = open_detector(made.name, weights_dir=weights, precision="f32")
        (found,) = look(detector, [picture])
        detector.close()
        strong = original[original.score >= 0.35]
        best = overlaps(strong.xyxy, found.xyxy).max(axis=1)
        assert best.min() > 0.9


@pytest.mark.extra("torch")
@pytest.mark.extra("ultralytics")
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_fetched_is_a_link_that_is_down(extra: None, weights: Path) -> None:
    """The asset is asked for by ultralytics' own way; here nobody has it."""
    known = sidecar.find("yolo11n", weights)
    source = known.source.model_copy(update={"ultralytics": "no_such_network.pt"})
    with pytest.raises(LinkDown, match=r"ultralytics: no_such_network\.pt"):
        hub.fetch(known.model_copy(update={"source": source}), weights / PT, lambda _done, _total: None)
    assert list(weights.iterdir()) == []
