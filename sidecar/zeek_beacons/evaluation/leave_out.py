"""Trainers: what fits a model without some captures."""

from __future__ import annotations

import tempfile
from pathlib import Path

from zeek_beacons.evaluation.captures import folders_of
from zeek_beacons.evaluation.sample import Trainer
from zeek_beacons.scoring import Scoring
from zeek_beacons.training.forest import train


def forest_trainer(root: Path, pairs: int, seed: int, trees: int) -> Trainer:
    """The shipped model's training, on the captures below `root` that are not left out."""

    def trainer(names: frozenset[str]) -> Scoring:
        with tempfile.TemporaryDirectory() as scratch:
            kept = Path(scratch, "captures")
            kept.mkdir()
            for folder in folders_of(root):
                if folder.name not in names:
                    (kept / folder.name).symlink_to(folder.resolve())
            captures = kept if any(kept.iterdir()) else None
            return Scoring.load(train(Path(scratch, "model"), pairs, seed, captures, trees, say=lambda _text: None))

    return trainer
