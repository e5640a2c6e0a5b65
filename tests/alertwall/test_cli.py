"""The command line: refusals are plain messages with an exit code."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alertwall import alone, cli, guard, homes
from models.store.launcher import EmbeddedPostgres

SITE = 'state_dir = "state"\n[areas]\nhaikou = "Haikou"\n'


def write(folder: Path, text: str) -> str:
    path = folder / "site.toml"
    path.write_text(text)
    return str(path)


def test_a_good_site_file_is_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what it found."""
    assert cli.main(["check-config", "-c", write(tmp_path, SITE)]) == 0
    assert "in order (1 areas, 0 cameras, 0 units, 0 patrols)" in capsys.readouterr().out


def test_a_bad_site_file_shows_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, exit code 2, no traceback."""
    assert cli.main(["check-config", "-c", write(tmp_path, SITE + "[api]\nport = 0.5\nhots = 1\n")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["api.port", "api.hots"]


@pytest.mark.parametrize("command", ["run", "core", "worker", "api", "migrate", "check-config"])
def test_every_command_refuses_a_missing_site_file(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same words everywhere."""
    assert cli.main([command, "-c", "absent.toml"]) == 2
    assert "absent.toml: (file): cannot be read: No such file or directory" in capsys.readouterr().err


def test_a_command_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The usual way of argparse."""
    with pytest.raises(SystemExit, match="2"):
        cli.main(["strat"])
    assert "invalid choice: 'strat'" in capsys.readouterr().err


def test_migrate_before_the_first_start_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The embedded database is not there yet: exit code 3, try again later."""
    assert cli.main(["migrate", "-c", write(tmp_path, SITE)]) == 3
    assert "start `alertwall run`, or name a server" in capsys.readouterr().err


def test_migrate_and_user_add_reach_a_named_database(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account for an area that had no name yet; the same name twice is refused."""
    site = write(tmp_path, SITE + f'[database]\ndsn = "{dsn}"\n')
    assert cli.main(["migrate", "-c", site]) == 0
    assert capsys.readouterr().out == "nothing to apply\n"
    words = ["user", "add", "ann", "-c", site, "--role", "engineer", "--area", "haikou.meilan", "--password-stdin"]
    done = subprocess.run(
        [sys.executable, "-m", "alertwall", *words],
        cwd=guard.TREE,
        input="a good long password\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "ann may sign in as engineer of haikou.meilan\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO("another long password\n"))
    assert cli.main(words) == 2
    assert "there is a user ann already" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["core", "worker", "api"])
def test_a_part_alone_refuses_a_database_of_another_version(
    postgres: EmbeddedPostgres, tmp_path: Path, part: str
) -> None:
    """Exit code 3 and what to do, not a stream of failures; it does not change the database by itself."""
    site = write(tmp_path, SITE + f'[database]\ndsn = "{postgres.dsn}"\n[broker]\nurl = "mqtt://127.0.0.1:1"\n')
    done = subprocess.run(
        [sys.executable, "-m", "alertwall", part, "-c", site],
        cwd=guard.TREE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "alertwall: the database lacks migrations 1," in done.stderr
    assert "run `alertwall migrate`" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_database_lacks(dsn: str) -> None:
    """Nothing after `migrate`; nothing is known of one that does not answer."""
    assert alone.lacks(dsn) == []
    assert alone.lacks("host=127.0.0.1 port=1 dbname=none") == []


def test_the_home_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ALERTWALL_HOME wins over the user's data directory."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("ALERTWALL_HOME", raising=False)
    assert homes.demo_home() == tmp_path / "data" / "alertwall" / "demo"
    monkeypatch.setenv("ALERTWALL_HOME", str(tmp_path / "here"))
    assert homes.demo_home() == tmp_path / "here"
    assert homes.weights_home() == tmp_path / "here" / "weights"


def test_help_names_every_command() -> None:
    """What the README promises is there."""
    done = subprocess.run(
        [sys.executable, "-m", "alertwall", "--help"],
        cwd=guard.TREE,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    named = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ")}
    assert {"run", "demo", "check-config", "migrate", "user", "models", "core", "worker", "api"} <= named
