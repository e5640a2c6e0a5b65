"""`make bench`: run every benchmark in a process of its own and print measured / goal / limit.

`python -m benchmarks bench_store bench_demo` runs only those; `--json` prints their lines as they are.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ONE_MAY_TAKE_S = 1200
END_WITHIN_S = 15


def main(arguments: Sequence[str]) -> int:
    """Return how many goals were missed or benchmarks broke, as an exit code of 0 or 1."""
    wanted = [word for word in arguments if not word.startswith("-")]
    names = wanted or sorted(path.stem for path in HERE.glob("bench_*.py"))
    as_json = "--json" in arguments
    short: list[str] = []
    if not as_json:
        print(
            f"{'':6}{'bench':<14} {'metric':<46} {'measured':>12} {'unit':<10} {'goal':>10} {'limit':>12} {'ratio':>8}"
        )
    for name in names:
        for row in rows(name):
            print(json.dumps(row) if as_json else line(row), flush=True)
            if row.get("holds") is False or row.get("broke"):
                short.append(f"{name}: {row.get('metric')}")
    if not as_json:
        print(f"\n{len(short)} short of their goals" + "".join(f"\n  {text}" for text in short))
    return 1 if short else 0


def rows(name: str) -> Iterator[dict[str, Any]]:
    """Yield what one benchmark reports; what it says else goes to the terminal."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json"]
    with tempfile.TemporaryFile("w+") as output:  # a pipe would stay open as long as anything it forgot
        # a session of its own: what it started ends with it, however it ends
        process = subprocess.Popen(command, cwd=HERE.parent, stdout=output, start_new_session=True)
        try:
            process.wait(ONE_MAY_TAKE_S)
        except subprocess.TimeoutExpired:
            yield {"bench": name, "metric": f"did not end within {ONE_MAY_TAKE_S} s", "broke": True}
            return
        finally:
            end_all(process)
        output.seek(0)
        said = output.read()
    reported = 0
    for text in said.splitlines():
        try:
            row = json.loads(text)
        except ValueError:
            continue
        if isinstance(row, dict):
            reported += 1
            yield row
    if not reported or process.returncode not in (0, 1):
        yield {"bench": name, "metric": f"ended with exit code {process.returncode}", "broke": True}


def end_all(process: subprocess.Popen[bytes]) -> None:
    """End a benchmark and what it left behind, first politely."""
    for number, wait_s in ((signal.SIGINT, END_WITHIN_S), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)


def line(row: dict[str, Any]) -> str:
    """Return one row for people."""
    mark = {True: "ok", False: "SHORT", None: ""}[row.get("holds")] if not row.get("broke") else "BROKE"
    value, goal, limit, ratio = (shown(row.get(key)) for key in ("value", "goal", "limit", "ratio"))
    text = f"{mark:<6}{row['bench']:<14} {row['metric']:<46} {value:>12} {row.get('unit', ''):<10}"
    return f"{text} {goal:>10} {limit:>12} {ratio:>8}  {row.get('note', '')}".rstrip()


def shown(value: float | None) -> str:
    """Return a number with four digits that count, or a dash."""
    return "-" if value is None else f"{value:,.4g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
