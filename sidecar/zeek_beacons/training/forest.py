"""Trains the forest and writes a model folder: synthetic traffic, plus benign pairs of real captures where present."""

from __future__ import annotations

import hashlib
import json
import platform
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import skl2onnx
import sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError, OutputError
from zeek_beacons.features import MODEL_FEATURES, SCHEMA_VERSION, Features, extract
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import rules
from zeek_beacons.scoring.evidence import chance_table
from zeek_beacons.scoring.forest import inputs
from zeek_beacons.scoring.model import FOREST, MANIFEST, Manifest
from zeek_beacons.training.datasets import load_capture_labels
from zeek_beacons.training.traffic import labelled_pairs

FOREST_WEIGHT = 0.5  # in the fusion; the rest is the rules', which stay sane where training never looked
# Benign pairs that may score above the threshold, by profile: of captures left out of training where there are any
# (their timers are as frequent as in life), else of the synthetic ones, out of bag.
FALSE_POSITIVES = {"conservative": 0.01, "balanced": 0.04, "sensitive": 0.1}
DEPTH = 10  # of each tree; without a limit onnxruntime scores a tenth of the pairs a second, for .01 of AUC
FOLDS = 6  # groups of captures left out in turn
FOLD_TREES = 100
WITHOUT_ANSWERS = 0.15  # share of synthetic pairs shown as one-way flows: no answer, duration or state
WITHOUT_SIZES = 0.25  # share shown without any size
REAL_WEIGHT = 0.5  # share of the benign weight given to real pairs, where there are any

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Labelled rows to train on. `weight` balances classes and sources."""

    features: Features
    is_c2: Bools
    weight: Floats
    capture: Ints  # number of the capture, -1 for synthetic pairs
    sources: Mapping[str, int]  # pairs by source


def train(output: Path, pairs: int, seed: int, captures: Path | None, trees: int = 100, say: Say = print) -> Path:
    """Trains a model and writes it to the folder `output`. Raises OutputError, InputError.

    The same arguments, data and library versions give the same bytes. Nothing is written before all is done.
    """
    examples = collect(pairs, seed, captures, say)
    say(f"training {trees} trees on {len(examples.is_c2)} pairs, {len(MODEL_FEATURES)} features")
    forest = _fit(examples, np.ones(len(examples.is_c2), dtype=np.bool_), trees, seed, out_of_bag=True)
    # What the forest says of rows that it was not shown, fused as at run time.
    votes = np.nan_to_num(forest.oob_decision_function_[:, 1])
    real = examples.capture >= 0
    if real.any():
        votes[real] = _left_out(examples, seed)[real]
    by_rules = rules.score(examples.features)
    fused = FOREST_WEIGHT * votes + (1 - FOREST_WEIGHT) * by_rules
    judged = real if real.any() else ~examples.is_c2
    thresholds = {name: _threshold(fused[judged], rate) for name, rate in FALSE_POSITIVES.items()}
    benign = "the benign pairs of captures left out" if real.any() else "synthetic benign pairs, out of bag"
    content = to_onnx(forest)
    manifest = Manifest(
        forest_sha256=hashlib.sha256(content).hexdigest(),
        features=MODEL_FEATURES,
        feature_schema=SCHEMA_VERSION,
        thresholds=thresholds,
        forest_weight=FOREST_WEIGHT,
        evidence=chance_table(),
        training={
            "command": f"zeek-beacons train -o MODEL --pairs {pairs} --seed {seed} --trees {trees}"
            + (" --captures FOLDER" if captures else ""),
            "pairs": dict(examples.sources),
            "data_sha256": hashlib.sha256(examples.features.matrix.tobytes()).hexdigest(),
            "thresholds_by": {name: f"{rate:.1%} of {benign}" for name, rate in FALSE_POSITIVES.items()},
            "not_shown_to_the_forest": {
                "roc_auc": {
                    name: _auc(score, examples.is_c2)
                    for name, score in (("forest", votes), ("rules", by_rules), ("fused", fused))
                },
                "recall_synthetic": {name: _recall(fused, examples.is_c2, limit) for name, limit in thresholds.items()},
            },
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "scikit-learn": sklearn.__version__,
                "skl2onnx": skl2onnx.__version__,
                "onnx": onnx.__version__,
            },
        },
    )
    say(json.dumps(manifest.training["not_shown_to_the_forest"]))
    _write(output, {FOREST: content, MANIFEST: manifest.to_json().encode()})
    return output


def collect(pairs: int, seed: int, captures: Path | None, say: Say = print) -> Examples:
    """Synthetic pairs of both classes and, where `captures` is a folder of labelled captures, their benign pairs."""
    say(f"generating {pairs} synthetic pairs")
    synthetic, truth = labelled_pairs(pairs, seed)
    synthetic = _as_flows(synthetic.latest(Config().max_observations), seed)
    parts = [extract(synthetic).matrix]
    is_c2 = [np.asarray(truth.label == "c2")]
    sources = {"synthetic c2": int(is_c2[0].sum()), "synthetic benign": int((~is_c2[0]).sum())}
    capture = [np.full(pairs, -1)]
    if captures is not None:
        for number, folder in enumerate(sorted(file.parent for file in captures.glob("*/labels.csv"))):
            real = real_benign(folder)
            parts.append(real)
            capture.append(np.full(len(real), number))
            is_c2.append(np.zeros(len(real), dtype=np.bool_))
            sources[f"benign of {folder.name}"] = len(real)
        if len(parts) == 1:
            raise InputError(str(captures), "no folder with a labels.csv in it")
        say(f"{sum(map(len, parts[1:]))} benign pairs of {len(parts) - 1} captures")
    labels = np.concatenate(is_c2)
    numbers = np.concatenate(capture)
    from_capture = numbers >= 0
    weight = np.where(labels, 0.5 / max(1, labels.sum()), 0.0)
    share = REAL_WEIGHT if from_capture.any() else 0.0
    for rows, part in ((~labels & ~from_capture, 1 - share), (from_capture, share)):
        weight[rows] = 0.5 * part / max(1, rows.sum())
    return Examples(Features(np.concatenate(parts)), labels, weight * len(labels), numbers, sources)


def _as_flows(pairs: Pairs, seed: int) -> Pairs:
    """Takes sizes, durations and states from some pairs of both classes, as flow records and http.log lack them.

    Otherwise a missing size would tell the class: the captures without sizes hold benign pairs only.
    """
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.random((len(pairs), 2)), pairs.counts, axis=0)
    answers, sizes = rows[:, 0] < WITHOUT_ANSWERS, rows[:, 1] < WITHOUT_SIZES
    return replace(
        pairs,
        orig_bytes=np.where(sizes, np.nan, pairs.orig_bytes),
        resp_bytes=np.where(answers | sizes, np.nan, pairs.resp_bytes),
        duration=np.where(answers | sizes, np.nan, pairs.duration),
        state=np.where(answers | sizes, 0, pairs.state).astype(np.uint8),
    )


def real_benign(folder: Path) -> Any:
    """The features of a capture's benign pairs with enough connections to be scored, (n, len(CATALOGUE))."""
    config = Config()
    pairs, _ = read(Request([str(folder)]), config)
    labels = load_capture_labels(folder)
    keys = zip(pairs.orig_h, pairs.addr, pairs.resp_p, pairs.proto, strict=True)
    benign = np.array(
        [(found := labels.get(key)) is not None and found.label in {"benign", "benign_presumed"} for key in keys]
    )
    chosen = benign & (pairs.counts >= config.min_connections) & ~pairs.is_twin & ~pairs.is_multicast
    return extract(pairs.take(chosen)).matrix


def to_onnx(forest: RandomForestClassifier) -> bytes:
    """The forest as ONNX; the same forest gives the same bytes."""
    kind = FloatTensorType([None, len(MODEL_FEATURES)])
    model = skl2onnx.to_onnx(
        forest, initial_types=[("features", kind)], options={id(forest): {"zipmap": False}}, target_opset=17
    )
    model.graph.name = "beacon_forest"
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _fit(examples: Examples, rows: Bools, trees: int, seed: int, out_of_bag: bool = False) -> RandomForestClassifier:
    forest = RandomForestClassifier(
        n_estimators=trees,
        max_depth=DEPTH,
        min_samples_leaf=4,
        max_features="sqrt",
        oob_score=out_of_bag,
        n_jobs=-1,
        random_state=seed,
    )
    matrix = inputs(Features(examples.features.matrix[rows]))
    with warnings.catch_warnings():
        # With few trees a row may have been shown to all of them; it then counts as a vote of 0.
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        return forest.fit(matrix, examples.is_c2[rows], sample_weight=examples.weight[rows])


def _left_out(examples: Examples, seed: int) -> Floats:
    """Votes on each capture's pairs by a forest that saw none of that capture, (n,); 0 for synthetic pairs."""
    votes = np.zeros(len(examples.is_c2))
    captures = np.unique(examples.capture[examples.capture >= 0])
    for group in np.array_split(np.random.default_rng(seed).permutation(captures), min(FOLDS, len(captures))):
        left_out = np.isin(examples.capture, group)
        forest = _fit(examples, ~left_out, FOLD_TREES, seed)
        votes[left_out] = forest.predict_proba(inputs(Features(examples.features.matrix[left_out])))[:, 1]
    return votes


def _threshold(benign: Floats, rate: float) -> float:
    """The score that at most `rate` of the benign pairs reach, rounded up to 4 digits."""
    return float(np.ceil(np.quantile(benign, 1 - rate) * 1e4 + 1e-6) / 1e4)


def _auc(score: Floats, is_c2: Bools) -> float:
    return round(float(roc_auc_score(is_c2, score)), 4)


def _recall(score: Floats, is_c2: Bools, threshold: float) -> float:
    return round(float((score[is_c2] >= threshold).mean()), 4)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / f".{name}.unfinished").write_bytes(content)
        for name in files:
            (folder / f".{name}.unfinished").replace(folder / name)
    except OSError as error:
        raise OutputError(f"{folder}: the model cannot be written: {error.strerror}") from error
