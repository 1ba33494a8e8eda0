"""Trainers: what fits a model without some captures, and keeps it for the next study.

Which captures are left out together is chosen in captures/sample.py (`left_out`): all of one lab, see `labels.lab_of`.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from zeek_beacons.labels import folders_of
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.model import MANIFEST
from zeek_beacons_lab.captures.sample import Trainer
from zeek_beacons_lab.training.forest import train

# What a model depends on: any change in here, and it is trained anew.
SOURCES = (
    "zeek_beacons/features",
    "zeek_beacons/readers",
    "zeek_beacons/scoring",
    "zeek_beacons_lab/traffic",
    "zeek_beacons_lab/training",
)


def forest_trainer(root: Path, pairs: int, seed: int, trees: int, keep: Path | None = None) -> Trainer:
    """The shipped model's training, on the captures below `root` that are not left out.

    Models are kept in the folder `keep`, where given, and taken from there when nothing that they depend on changed.
    """

    def trainer(names: frozenset[str]) -> Scoring:
        kept = [folder for folder in folders_of(root) if folder.name not in names]
        with tempfile.TemporaryDirectory() as scratch:
            captures = Path(scratch, "captures")
            captures.mkdir()
            for folder in kept:
                (captures / folder.name).symlink_to(folder.resolve())
            model = (keep or Path(scratch)) / _identity(kept, pairs, seed, trees)
            if not (model / MANIFEST).is_file():
                train(model, pairs, seed, captures if kept else None, trees, say=lambda _text: None)
            return Scoring.load(model)

    return trainer


def _identity(folders: list[Path], pairs: int, seed: int, trees: int) -> str:
    """A name for a model trained by this very code on these captures."""
    digest = hashlib.sha256(repr((sorted(str(one.resolve()) for one in folders), pairs, seed, trees)).encode())
    packages = Path(__file__).resolve().parents[2]
    for file in sorted(file for name in SOURCES for file in (packages / name).rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
