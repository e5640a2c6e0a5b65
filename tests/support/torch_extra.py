"""The optional extra 'ultralytics' in tests: there or not, and a stand-in for torchvision where CPU torch has none.

ultralytics asks for torchvision's version and for its non-maximum suppression, of which it has its own; nothing else.
The stand-in is for tests alone.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.timescale import not_here

OPS = """
def nms(boxes, scores, iou_threshold):
    from ultralytics.utils.nms import TorchNMS
    return TorchNMS.nms(boxes, scores, iou_threshold)
"""
METADATA = "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n"


@contextmanager
def ultralytics_here(folder: Path) -> Iterator[None]:
    """Let ultralytics be imported inside, or skip by name."""
    for package in ("torch", "ultralytics"):
        if importlib.util.find_spec(package) is None:
            not_here(f"the package {package} is not installed: the extra 'ultralytics'")
    if importlib.util.find_spec("torchvision") is not None:
        yield
        return
    stand_in = folder / "torchvision"
    stand_in.mkdir()
    (stand_in / "__init__.py").write_text("from torchvision import ops\n__version__ = '0.28.0'\n", "utf-8")
    (stand_in / "ops.py").write_text(OPS, "utf-8")
    about = folder / "torchvision-0.28.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(METADATA, "utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
