"""Makes the classifier of connections; thresholds and calibration come from sites and labs left out in training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import sklearn
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from zeek_beacons.classify.columns import FEATURES, SCHEMA
from zeek_beacons.classify.model import CLASSES, CLASSIFIER, CLASSIFIER_MANIFEST, NORMAL, VERSION, cooled, decided
from zeek_beacons.config import Config
from zeek_beacons.files import staged
from zeek_beacons.pairs import Floats, Ints
from zeek_beacons_lab.training.boosted_onnx import boosted_onnx
from zeek_beacons_lab.training.connection_learners import boosting, chances
from zeek_beacons_lab.training.connections import (
    ConnectionRows,
    captures,
    labelled_file,
    require_classes,
    synthetic,
)

FOLDS = 5
FALSE_SHARE = 0.002  # of normal connections left out, that may be taken for a class
LOWEST = 0.5  # threshold that no class goes below
# The same where a host's connections are counted together: what is mistaken is known, and counted off.
HOST_FALSE_SHARE, HOST_LOWEST = 0.02, 0.2
TEMPERATURES = np.round(np.geomspace(0.5, 5.0, 41), 4)

Say = Callable[[str], None]


def make(output: Path, sites: int, seed: int, root: Path | None, files: Sequence[str] = (), say: Say = print) -> Path:
    """Trains on synthetic sites, on captures' benign and C2 pairs and on labelled files, into the folder `output`.

    Raises InputError, OutputError.
    """
    rows = collect(sites, seed, root, files)
    require_classes(rows, "the training data")
    counts = {name: int((rows.label == at).sum()) for at, name in enumerate(CLASSES)}
    say(f"{len(rows)} connections of {len(set(rows.source))} sources: " + json.dumps(counts))
    with threadpool_limits(1):
        told = left_out(rows, seed)
        learner = boosting(seed).fit(rows.matrix, rows.label, weights(rows))
    temperature = calibrated(told, rows.label)
    warm = cooled(told, temperature)
    levels = thresholds(warm, rows.label, FALSE_SHARE, LOWEST)
    host_levels = thresholds(warm, rows.label, HOST_FALSE_SHARE, HOST_LOWEST)
    content = boosted_onnx(learner, len(FEATURES))
    manifest = {
        "version": VERSION,
        "schema": SCHEMA,
        "sha256": hashlib.sha256(content).hexdigest(),
        "features": list(FEATURES),
        "classes": list(CLASSES),
        "temperature": temperature,
        "thresholds": levels,
        "false_shares": false_shares(decided(warm, levels), rows.label),
        "host_thresholds": host_levels,
        "host_false_shares": false_shares(decided(warm, host_levels), rows.label),
        "training": {
            "command": f"python -m zeek_beacons_lab train-classifier -o MODEL --sites {sites} --seed {seed}"
            + (" --captures FOLDER" if root else "")
            + "".join(" --rows FILE" for _ in files),
            "connections": counts,
            "sources": len(set(rows.source)),
            "grouped_by": "synthetic site, lab of a capture, host of a labelled file",
            "left_out_recall": _recalls(decided(warm, levels), rows.label),
            "left_out_recall_for_hosts": _recalls(decided(warm, host_levels), rows.label),
            "versions": {"scikit-learn": sklearn.__version__, "onnx": onnx.__version__},
        },
    }
    say(json.dumps({name: manifest[name] for name in ("temperature", "thresholds", "false_shares", "training")}))
    with staged(output) as folder:
        (folder / CLASSIFIER).write_bytes(content)
        (folder / CLASSIFIER_MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return output / CLASSIFIER


def collect(sites: int, seed: int, root: Path | None, files: Sequence[str] = ()) -> ConnectionRows:
    """All rows that have one of our classes."""
    parts = [synthetic(sites, seed)] if sites else []
    parts += [captures(root)] if root else []
    parts += [labelled_file(path, Config()) for path in files]
    rows = ConnectionRows.joined(parts)
    return rows.take(rows.label >= 0)


def groups(rows: ConnectionRows) -> Ints:
    """What never stands on both sides: all of a synthetic site, of a lab, of the host of a labelled file."""
    site = np.array([source.startswith("synthetic ") for source in rows.source])
    return np.unique(np.where(site, rows.source, rows.campaign).astype(str), return_inverse=True)[1]


def weights(rows: ConnectionRows) -> Floats:
    """Each class counts alike but for normal, which counts as all attacks together; each source alike within it."""
    weight = np.ones(len(rows))
    _, source = np.unique(rows.source.astype(str), return_inverse=True)
    cell = rows.label * (source.max() + 1) + source
    _, at, count = np.unique(cell, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(count[at])
    for label in np.unique(rows.label):
        mine = rows.label == label
        weight[mine] *= (len(CLASSES) - 1 if label == NORMAL else 1) / weight[mine].sum()
    scaled: Floats = weight * (len(rows) / weight.sum())
    return scaled


def left_out(rows: ConnectionRows, seed: int) -> Floats:
    """The chances that each row gets from a model that saw nothing of its group, (n, len(CLASSES))."""
    found = np.zeros((len(rows), len(CLASSES)))
    group = groups(rows)
    folds = GroupKFold(min(FOLDS, len(np.unique(group))), shuffle=True, random_state=seed)
    for learned, judged in folds.split(rows.matrix, rows.label, group):
        part = rows.take(learned)
        learner = boosting(seed).fit(part.matrix, part.label, weights(part))
        found[judged] = chances(learner, rows.matrix[judged], len(CLASSES))
    return found


def calibrated(told: Floats, label: Ints) -> float:
    """The temperature at which the chances of rows left out fit best."""
    at = np.arange(len(label))
    loss = [float(-np.log(np.maximum(cooled(told, heat)[at, label], 1e-12)).mean()) for heat in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(loss))])


def thresholds(warm: Floats, label: Ints, share: float, lowest: float) -> dict[str, float]:
    """From which chance on a class holds: at most this share of the normal rows left out reaches it."""
    normal = warm[label == NORMAL]
    return {
        name: round(float(max(lowest, np.quantile(normal[:, at], 1.0 - share, method="higher"))) + 5e-5, 4)
        for at, name in enumerate(CLASSES)
        if at != NORMAL
    }


def false_shares(found: Ints, label: Ints) -> dict[str, float]:
    """Which share of normal rows is taken for each class."""
    normal = found[label == NORMAL]
    return {name: round(float((normal == at).mean()), 6) for at, name in enumerate(CLASSES) if at != NORMAL}


def _recalls(found: Ints, label: Ints) -> dict[str, float]:
    return {
        name: round(float((found[label == at] == at).mean()), 4)
        for at, name in enumerate(CLASSES)
        if (label == at).any()
    }
