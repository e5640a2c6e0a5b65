"""`alertwall models`: weights of detectors fetched, listed, tested, measured and exported."""

import argparse
import importlib
import logging
from pathlib import Path
from typing import Any

from alertwall import bars, homes
from configs import site as sites
from models.errors import BadInput

SECONDS_MAX = 600.0
THREADS_MAX = 256


def add_to(parser: argparse.ArgumentParser) -> None:
    """Give the command its actions."""
    actions = parser.add_subparsers(required=True, metavar="action")

    def action(name: str, run: object, text: str, *, named: bool = True) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text, description=text)
        added.set_defaults(command=run)
        if named:
            added.add_argument("name", help="as `alertwall models list` shows it")
        added.add_argument("-c", "--config", type=Path, metavar="site.toml", help="use this site's weights folder")
        return added

    action("get", get, "fetch and convert weights once")
    action("list", listing, "show which weights there are", named=False)
    for added in (
        action("test", test, "open a detector and show what it finds in the known picture"),
        action("bench", bench, "measure a detector in each precision that this machine has"),
    ):
        added.add_argument("--device", help="CPU, GPU, CUDA, ... (the site's, else CPU)")
        added.add_argument("--threads", type=_number(int, 1, THREADS_MAX), help="of the detector (the site's, else 1)")
        if added.prog.endswith("test"):
            added.add_argument("--precision", choices=["auto", "f32", "f16", "bf16", "int8"], default="auto")
            added.add_argument("--picture", type=Path, help="look at this picture instead")
            added.add_argument("--toml", action="store_true", help="print what was found as a sidecar's self_test")
        else:
            added.add_argument("--seconds", type=_number(float, 0.1, SECONDS_MAX), default=3.0, help="of each (3)")
    export = action("export", export_weights, "make weights for another runtime, or of 8 bits, from these")
    export.add_argument("--to", required=True, choices=["onnx", "openvino", "engine", "int8"])
    export.add_argument(
        "--pictures", type=Path, help="int8: folder of some twenty pictures of your own cameras, to calibrate with"
    )


def get(arguments: argparse.Namespace) -> int:
    """`alertwall models get`."""
    weights = importlib.import_module("analytics.weights")

    logging.basicConfig(level=logging.WARNING)
    path = weights.get(arguments.name, _weights_dir(arguments), progress=bars.ByteBar(f"weights of {arguments.name}"))
    print(path)
    return 0


def listing(arguments: argparse.Namespace) -> int:
    """`alertwall models list`."""
    weights = importlib.import_module("analytics.weights")
    plugins = importlib.import_module("analytics.plugins")

    for line in weights.listing(_weights_dir(arguments)):
        print(line)
    for name, whence in plugins.listing().items():
        print(f"{name:<20} {'plug-in':<26} {whence}")
    return 0


def test(arguments: argparse.Namespace) -> int:
    """`alertwall models test`: the detector proves itself while it is opened; what it finds is shown."""
    detectors = importlib.import_module("analytics.detectors")
    selftest = importlib.import_module("analytics.selftest")
    sidecar = importlib.import_module("analytics.sidecar")
    trial = importlib.import_module("analytics.trial")

    logging.basicConfig(level=logging.WARNING)
    picture = arguments.picture or selftest.PICTURE
    if not picture.is_file():
        raise BadInput("--picture", f"a picture file, {picture} is none")
    detector = detectors.open_detector(
        arguments.name,
        weights_dir=_weights_dir(arguments),
        device=_said(arguments, "device", "CPU"),
        precision=arguments.precision,
        threads=_said(arguments, "threads", 1),
    )
    try:
        frame, found = trial.look_at(detector, picture)
        spec = detector.spec
    finally:
        detector.close()
    print(f"{spec.name}: {spec.backend} on {spec.device} in {spec.precision}, licence {spec.licence}")
    if spec.digest:
        print(f"weights sha256 {spec.digest}")
    print(f"in {picture.name} ({frame.size_px[0]}x{frame.size_px[1]}), scores from {spec.conf_low:g}:")
    for box, score, class_id in zip(found.xyxy, found.score, found.class_id, strict=True):
        left, top, right, bottom = (round(float(side)) for side in box)
        label = spec.labels[class_id]
        if arguments.toml:
            print(f'\n[[self_test.objects]]\nlabel = "{label}"\nscore = {score:.2f}')
            print(f"box_px = [{left}, {top}, {right}, {bottom}]")
        else:
            print(f"  {label:<14} {score:.2f}  {left},{top} to {right},{bottom}")
    if not len(found):
        print("  nothing")
    known = sidecar.known(_weights_dir(arguments)).get(arguments.name)
    proved = known is not None and known.self_test is not None
    print("it found what its sidecar says" if proved else "it has no self_test: nothing says what it should find")
    return 0


def bench(arguments: argparse.Namespace) -> int:
    """`alertwall models bench`."""
    trial = importlib.import_module("analytics.trial")

    logging.basicConfig(level=logging.WARNING)
    measured = trial.speeds(
        arguments.name,
        weights_dir=_weights_dir(arguments),
        device=_said(arguments, "device", "CPU"),
        threads=_said(arguments, "threads", 1),
        seconds=arguments.seconds,
    )
    exact = None
    for speed in measured:
        exact = exact or speed.images_per_s
        spec, (width, height) = speed.spec, speed.size_px
        print(
            f"{spec.name} {spec.precision:<5} {speed.images_per_s:8.1f} images/s {speed.cpu_ms:8.1f} cpu-ms/image"
            f" {speed.images_per_s / exact:5.2f}x  {width}x{height}, {spec.backend} on {spec.device}"
            f"{'  <- chosen here' if speed.chosen else ''}",
            flush=True,
        )
    return 0


def export_weights(arguments: argparse.Namespace) -> int:
    """`alertwall models export`."""
    export = importlib.import_module("analytics.export")

    logging.basicConfig(level=logging.ERROR)  # the tools that make weights warn of each other
    made = export.export(arguments.name, _weights_dir(arguments), to=arguments.to, pictures=arguments.pictures)
    print(made.path)
    if made.name:
        print(f'use it: detector = "{made.name}" in the site file; prove it: alertwall models test {made.name}')
    return 0


def _number(kind: type[int] | type[float], least: float, most: float) -> Any:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"needs a number from {least:g} to {most:g}, has '{text}'")
        return value

    return parse


def _said(arguments: argparse.Namespace, key: str, otherwise: Any) -> Any:
    """Return what the command line says, else the site file, else ``otherwise``."""
    said = getattr(arguments, key)
    if said is None and arguments.config:
        said = getattr(sites.load(arguments.config).analytics, key)
    return otherwise if said is None else said


def _weights_dir(arguments: argparse.Namespace) -> Path:
    return sites.load(arguments.config).weights_dir if arguments.config else homes.weights_home()
