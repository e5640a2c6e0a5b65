"""Weights that ultralytics fetches by itself, for those who have it; an optional extra under AGPL-3.0."""

import importlib
import os
import tempfile
from pathlib import Path

from analytics.npm import Progress
from analytics.sidecar import Sidecar, digest
from analytics.weights import FETCHED, WrongDigest, keep
from models.errors import ConfigError, LinkDown

EXTRA = "pip install 'alertwall[ultralytics]'"


def fetch(wanted: Sidecar, path: Path, progress: Progress) -> None:
    """Have ultralytics bring the asset that ``wanted`` names; raise `LinkDown` when it cannot.

    The licence of ultralytics and of its weights is AGPL-3.0: nothing of either is here unless somebody asked.
    """
    asset = wanted.source.ultralytics
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    try:
        downloads = importlib.import_module("ultralytics.utils.downloads")
    except ImportError as missing:
        raise ConfigError(
            "models get",
            f"{wanted.name} needs the package ultralytics, licence AGPL-3.0, as are the weights: {EXTRA}; "
            f"or put {wanted.file} into {path.parent}",
        ) from missing
    with tempfile.TemporaryDirectory(prefix=FETCHED, dir=path.parent) as folder:
        aim = Path(folder) / asset
        try:
            got = Path(downloads.attempt_download_asset(str(aim)))
        except Exception as failed:  # its errors have no common base
            raise LinkDown("ultralytics", f"{asset} cannot be fetched: {failed}") from failed
        if not got.is_file():
            raise LinkDown("ultralytics", f"{asset} was not brought")
        if wanted.sha256 and (came := digest(got)) != wanted.sha256:
            raise WrongDigest(asset, wanted.sha256, came)
        size = got.stat().st_size
        keep(got, path, source=f"ultralytics {asset}")
    progress(size, size)
