"""Detectors of other packages: the documented example works, and a bad one harms nobody."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from alertwall import cli, preflight
from alertwall.analysis import Analysis, opener
from analytics.detector import Answer
from analytics.detectors import open_detector
from analytics.letterbox import View
from analytics.pipeline import Pipeline
from analytics.plugins import Guarded, PluginFailed
from configs import site as sites
from models.errors import ConfigError
from models.frame import Frame
from tests.analytics.pictures import FakeDetector, boxes, frame, texture, tripwire, with_box
from tests.analytics.test_engines import look
from tests.support.clock import FakeClock

DOCUMENT = Path(__file__).parents[2] / "docs" / "detectors.md"
Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution: its module, its source, and its entry point."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    made: list[str] = []

    def put(module: str, source: str, entry: str) -> None:
        (folder / f"{module}.py").write_text(source, "utf-8")
        about = folder / f"{module}-1.2.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n", "utf-8")
        (about / "entry_points.txt").write_text(f"[alertwall.detectors]\n{entry}\n", "utf-8")
        importlib.invalidate_caches()
        made.append(module)

    yield put
    for module in made:
        sys.modules.pop(module, None)


def documented() -> tuple[str, str]:
    """Return the example of docs/detectors.md: its entry point and its module."""
    text = DOCUMENT.read_text("utf-8")
    [entry] = re.findall(r'^\[project\.entry-points\."alertwall\.detectors"\]\n(\w+) = "([\w:]+)"', text, re.MULTILINE)
    [source] = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return f"{entry[0]} = {entry[1]}", source


def test_the_documented_example(install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands in the document: listed, opened by its name, and it finds what is bright."""
    entry, source = documented()
    assert len(source.splitlines()) < 60
    install("bright_detector", source, entry)
    detector = open_detector("bright", weights_dir=tmp_path)
    found = look(detector, [frame(with_box(texture(), (40, 60, 80, 120))), frame(texture())])
    assert found[0].xyxy.tolist() == [[40, 60, 80, 120]]
    assert len(found[1]) == 0
    detector.close()
    site = tmp_path / "site.toml"
    site.write_text('state_dir = "s"\n[areas]\nh = "H"\n[analytics]\ndetector = "bright"\n')
    assert preflight.check_detector(sites.load(site)) == ""
    assert cli.main(["models", "list", "-c", str(site)]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"^bright +plug-in +bright_detector 1\.2, bright_detector:make$", listed, re.MULTILINE)
    assert cli.main(["models", "test", "bright", "-c", str(site)]) == 0
    assert cli.main(["models", "bench", "bright", "-c", str(site), "--seconds", "0.2"]) == 0
    assert "bright u8" in capsys.readouterr().out


BAD = [
    ("raise RuntimeError('no such library')", "bad:make", "RuntimeError: no such library"),
    ("def make(options):\n    raise KeyError('licence')", "bad:make", "KeyError: 'licence'"),
    ("", "bad:make", "AttributeError"),
    ("", "absent_module:make", "ModuleNotFoundError: No module named 'absent_module'"),
    ("def make(options):\n    return 5", "bad:make", "AttributeError"),
    ("class make:\n    spec = 5\n    def __init__(self, options): ...", "bad:make", "it has no free, submit, poll"),
]


@pytest.mark.parametrize(("source", "target", "said"), BAD)
def test_one_that_cannot_be_loaded(install: Install, tmp_path: Path, source: str, target: str, said: str) -> None:
    """What it raised is told in its name."""
    install("bad", source, f"broken = {target}")
    with pytest.raises(PluginFailed, match=r"plug-in broken \(bad 1\.2, ") as failed:
        open_detector("broken", weights_dir=tmp_path)
    assert said in str(failed.value)


def test_the_worker_goes_on_with_moving_objects(install: Install, tmp_path: Path) -> None:
    """A plug-in that raises on load costs its own detections, not the worker's."""
    install("bad", "raise RuntimeError('no such library')", "broken = bad:make")
    site = tmp_path / "site.toml"
    site.write_text('state_dir = "s"\n[areas]\nh = "H"\n[analytics]\ndetector = "broken"\n')
    analysis = Analysis(opener(sites.load(site), FakeClock(), lambda _found: None), "broken")
    analysis.start()
    analysis._thread.join(60)
    assert analysis.detector == "moving-object"
    assert "RuntimeError: no such library" in analysis.problem
    analysis.close()


def test_an_unknown_name_lists_plugins(install: Install, tmp_path: Path) -> None:
    """Whoever mistypes it sees it."""
    install("bad", "", "broken = bad:make")
    with pytest.raises(ConfigError, match=r"needs one of broken, .*nanodet.*, has 'brokn'"):
        open_detector("brokn", weights_dir=tmp_path)


class Moody(FakeDetector):
    """Raises, or makes things up, every other time."""

    def __init__(self, mood: str) -> None:
        super().__init__(lambda _frame: boxes((40, 40, 80, 120), class_id=7 if mood == "class" else 0))
        self.mood = mood

    def submit(self, ticket: int, frame: Frame, views: Sequence[View]) -> None:
        super().submit(ticket, frame, views)
        if self.mood == "submit":
            self._answers.clear()
            raise OSError("device lost")

    def poll(self) -> list[Answer]:
        answers = super().poll()
        if self.mood == "poll" and answers:
            raise OSError("device lost")
        return answers


@pytest.mark.parametrize("mood", ["submit", "poll", "class"])
def test_one_that_raises_later(mood: str) -> None:
    """Each such picture is a failure with its name; the pipeline lives on and is ready for the next."""
    clock = FakeClock()
    pipeline = Pipeline(Guarded(Moody(mood)), clock=clock, on_finding=lambda _found: None, threaded=False)
    pipeline.add_camera("gate", [tripwire()])
    for number in range(6):
        picture = with_box(np.full((384, 640), 60, np.uint8), (40.0 + 40 * number, 40, 120.0 + 40 * number, 200))
        pipeline.put(frame(picture, clock.monotonic_s()))
        pipeline.run_once()
        pipeline.run_once()
        clock.advance(0.2)
    counts = pipeline.stats()["counts"]
    assert counts["failed"] >= 5
    assert counts.get("errors", 0) == 0
    pipeline.close()
