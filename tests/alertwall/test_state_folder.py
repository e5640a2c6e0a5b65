"""The state folder: one holder, private files."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alertwall.state_folder import InUse, Refused, StateFolder, make_internal_token, write_private


def test_a_second_holder_is_refused_with_the_first_one_s_number(tmp_path: Path) -> None:
    """And is let in once the first one has gone, however it went."""
    hold = (
        "import sys, time; from pathlib import Path; from alertwall.state_folder import StateFolder\n"
        "with StateFolder(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(InUse, match=f"process {holder.pid}"), StateFolder(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    with StateFolder(tmp_path):
        pass


def test_the_internal_token_is_made_once_and_private(tmp_path: Path) -> None:
    """Nobody else on the machine reads it; parts that start together agree on one."""
    with ThreadPoolExecutor(8) as together:
        list(together.map(make_internal_token, [tmp_path] * 8))
    path = tmp_path / "internal.token"
    token = path.read_text()
    assert len(token) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    make_internal_token(tmp_path)
    assert path.read_text() == token
    assert list(tmp_path.iterdir()) == [path]


def test_runtime_facts_are_added_to(tmp_path: Path) -> None:
    """What one part set stays when another sets more; garbage is taken for nothing."""
    with StateFolder(tmp_path) as folder:
        folder.set_runtime(dsn="host=/x")
        folder.set_runtime(broker={"port": 1})
        assert folder.runtime() == {"dsn": "host=/x", "broker": {"port": 1}}
        write_private(tmp_path / "runtime.json", "half a fi")
        assert folder.runtime() == {}


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """The message names the key."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"state_dir: .* cannot be used"), StateFolder(tmp_path / "file"):
        pass
