"""The laws hold of this tree, and the checker would see each break."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def laws() -> ModuleType:
    """Return tools/check_laws.py; tools are scripts, not a package."""
    spec = importlib.util.spec_from_file_location("check_laws", ROOT / "tools" / "check_laws.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_laws_hold(laws: ModuleType) -> None:
    """Import law, sizes, addresses, paths, dangerous calls, privacy."""
    assert list(laws.breaks(ROOT)) == []


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("models/a.py", "import configs.site", "models may not import configs"),
        ("ingest/a.py", "from analytics import motion", "ingest may not import analytics"),
        ("alarms/a.py", "import ingest.link", "alarms may not import ingest"),
        ("ingest/a.py", "from models import store", "ingest may not import models.store"),
        ("analytics/x/a.py", "from models.store.pool import Store", "analytics may not import models.store"),
        ("configs/a.py", "import models.store", "configs may not import models.store"),
        ("alertwall/a.py", "import tests.support", "no room imports tests"),
        ("alertwall/a.py", "import skvideo", "no room imports skvideo"),
        ("alarms/a.py", "import pickle", "no room imports pickle"),
        ("tools/a.py", "import subprocess\nsubprocess.run('ls', shell=True)", "no command goes through a shell"),
        ("tools/a.py", "eval('1')", "eval() is never used"),
        ("tools/a.py", "import os\nos.system('ls')", "os.system() is never used"),
    ],
)
def test_a_break_in_python_is_seen(laws: ModuleType, name: str, text: str, says: str) -> None:
    """One line each, with the place."""
    assert [line.split(": ", 1)[1] for line in laws.python_breaks(name, text)] == [says]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alarms/a.py", "from models.store import pool\nfrom configs.site import Site"),
        ("dashboard_api/a.py", "import alarms.desk, ingest.probe, models.store.users"),
        ("alertwall/a.py", "import dashboard_api, analytics.pipeline"),
        ("models/store/b.py", "from models.store.pool import Store"),
        ("tests/a.py", "import analytics, ingest, models.store"),
    ],
)
def test_what_is_allowed_is_not_seen(laws: ModuleType, name: str, text: str) -> None:
    """Downwards is free."""
    assert list(laws.python_breaks(name, text)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ingest/a.py", "x = 1\n" * 501),
        ("ingest/README.md", "line\n" * 60),
        ("tools/a.sh", "pip install -i https://pypi" + ".org/simple x"),
        ("dashboard_api/wall/package-lock.json", '"resolved": "https://x.example/a.tgz"'),
        ("ingest/a.py", 'PATH = "/' + 'root/x"'),
        ("README.md", "see /" + "home/me/alertwall"),
        ("analytics/a.py", "def face_" + "embedding(): ..."),
        ("models/store/migrations/9.sql", "CREATE TABLE person_" + "register ("),
        ("analytics/a.py", "class Re" + "Id: ..."),
        ("analytics/a.py", "license_" + "plate = 1"),
    ],
)
def test_a_break_in_text_is_seen(laws: ModuleType, name: str, text: str) -> None:
    """Each law about text sees its break."""
    assert list(laws.text_breaks(name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ingest/a.py", "interface = surface(typeface)"),
        ("alarms/a.py", 'ArmState.ARMED_HOME  # "armed_home/x", valid, grid, android'),
        ("README.md", "no face recognition, no plate reading; docs at https://example.org/work-flow"),
        ("analytics/a.py", "template = 1; hydroid = 2; peer_id = 3; camera_id = 4"),
    ],
)
def test_ordinary_words_are_not_seen(laws: ModuleType, name: str, text: str) -> None:
    """A law that cries at good words would be switched off."""
    assert list(laws.text_breaks(name, text)) == []
