"""What must hold of every file: `python tools/check_laws.py` prints each break and fails.

Import law, file sizes, no package-index address, no machine's own path, no dangerous call, short room READMEs, and
the promise that places are watched, never persons.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE_MAX_LINES = 500
README_MAX_LINES = 60
BINARY = {".png", ".jpg", ".jpeg", ".ico", ".woff", ".woff2", ".mp4", ".bin", ".pcap", ".pem", ".gz"}
CODE = {".py", ".ts", ".tsx", ".js", ".mjs", ".css", ".sql", ".sh"}
GENERATED = re.compile(r"(^|/)(package-lock\.json|requirements/\w+\.txt|.*\.gen\.ts|openapi\.(json|ts)|schema\.d\.ts)$")
SELF = {"tools/check_laws.py", "tests/test_laws.py"}

ROOMS = ("models", "configs", "ingest", "analytics", "alarms", "dashboard_api", "alertwall")
MAY_IMPORT = {
    "models": {"models"},
    "configs": {"models", "configs"},
    "ingest": {"models", "configs", "ingest"},
    "analytics": {"models", "configs", "analytics"},
    "alarms": {"models", "configs", "alarms"},
    "dashboard_api": {"models", "configs", "ingest", "analytics", "alarms", "dashboard_api"},
    "alertwall": set(ROOMS),
}
MAY_IMPORT_STORE = {"models/store", "alarms", "dashboard_api", "alertwall"}
NEVER_IMPORTED = {"tests", "benchmarks", "pickle", "cPickle", "dill", "shelve", "marshal", "skvideo"}

INDEX_ADDRESSES = ("pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "registry.yarn" + "pkg")
LOCKED_ADDRESS = re.compile(r'"resolved":\s*"http')
OWN_PATHS = re.compile(r"(?<![\w.~}*-])/(?:root|home/\w+|Users/\w+|work)(?=[/\s\"'`)]|$)")
PERSONS = re.compile(
    r"\b\w*(face_?(recogn|embed|match|detect|vector|print|id)|facenet|arcface|insightface|retinaface"
    r"|\banpr|\balpr|plate_?(recogn|detect|number|text|reader)|(licen[cs]e|number)_?plate"
    r"|\bre_?id(s\b|_|entif|\b)|person_?(re_?id|register|name|identity)|gait_?recogn)\w*",
    re.IGNORECASE,
)
"""Identifiers only: words with spaces or hyphens are prose."""


def files(root: Path) -> list[Path]:
    """Return every file that is or would be committed."""
    said = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, check=False
    )
    if said.returncode == 0:
        names = [name.decode() for name in said.stdout.split(b"\0") if name]
        return [root / name for name in sorted(names) if (root / name).is_file()]
    return sorted(path for path in root.rglob("*") if path.is_file() and not any(p.startswith(".") for p in path.parts))


def breaks(root: Path) -> Iterator[str]:
    """Yield one line for each break of a law."""
    for path in files(root):
        name = path.relative_to(root).as_posix()
        if path.suffix in BINARY:
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        yield from text_breaks(name, text)
        if path.suffix == ".py":
            yield from python_breaks(name, text)


def text_breaks(name: str, text: str) -> Iterator[str]:
    """Yield breaks that show in the text of any file."""
    lines = text.splitlines()
    if Path(name).suffix in CODE and not GENERATED.search(name) and len(lines) > CODE_MAX_LINES:
        yield f"{name}: {len(lines)} lines, at most {CODE_MAX_LINES}"
    if Path(name).name == "README.md" and name.count("/") == 1 and len(lines) >= README_MAX_LINES:
        yield f"{name}: {len(lines)} lines, a room's README has under {README_MAX_LINES}"
    if name in SELF:
        return
    for number, line in enumerate(lines, 1):
        at = f"{name}:{number}"
        if any(address in line for address in INDEX_ADDRESSES) or LOCKED_ADDRESS.search(line):
            yield f"{at}: names a package index"
        if OWN_PATHS.search(line) and not GENERATED.search(name):
            yield f"{at}: names a path of somebody's own machine"
        if Path(name).suffix in {".py", ".ts", ".tsx", ".sql", ".toml", ".in"} and (found := PERSONS.search(line)):
            yield f"{at}: '{found[0]}': places are watched, never persons"


def python_breaks(name: str, text: str) -> Iterator[str]:
    """Yield breaks that show in the syntax of a Python file."""
    try:
        tree = ast.parse(text)
    except SyntaxError as broken:
        yield f"{name}:{broken.lineno}: {broken.msg}"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in imported(node, name):
                if problem := import_break(name, module):
                    yield f"{name}:{node.lineno}: {problem}"
        elif isinstance(node, ast.Call) and (problem := call_break(node)):
            yield f"{name}:{node.lineno}: {problem}"


def imported(node: ast.Import | ast.ImportFrom, name: str) -> list[str]:
    """Return dotted names; `from models import store` counts as models.store."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = list(Path(name).with_suffix("").parts[: -node.level])
        base = ".".join([*package, *filter(None, [base])])
    return [f"{base}.{alias.name}" for alias in node.names]


def import_break(name: str, module: str) -> str:
    """Return what is wrong with ``name`` importing ``module``, or nothing."""
    room, target = Path(name).parts[0], module.split(".", maxsplit=1)[0]
    if room not in MAY_IMPORT:
        return ""
    if target in NEVER_IMPORTED:
        return f"no room imports {target}"
    if target in ROOMS and target not in MAY_IMPORT[room]:
        return f"{room} may not import {target}"
    in_store = (module + ".").startswith("models.store.")
    if in_store and not any(name.startswith(f"{allowed}/") for allowed in MAY_IMPORT_STORE):
        return f"{room} may not import models.store"
    return ""


def call_break(call: ast.Call) -> str:
    """Return what is wrong with a call, or nothing."""
    called = ast.unparse(call.func)
    if called in {"eval", "exec", "os.system", "os.popen", "yaml.load", "pickle.load", "pickle.loads", "torch.load"}:
        return f"{called}() is never used"
    if any(keyword.arg == "shell" and getattr(keyword.value, "value", None) is True for keyword in call.keywords):
        return "no command goes through a shell"
    return ""


def main() -> int:
    """Print every break; return 1 when there is one."""
    found = list(breaks(ROOT))
    print("\n".join(found) if found else f"laws hold over {len(files(ROOT))} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
