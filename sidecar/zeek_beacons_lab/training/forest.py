"""Trains the forest and writes a model folder: synthetic traffic, plus benign pairs of real captures where present."""

from __future__ import annotations

import hashlib
import json
import platform
import warnings
from pathlib import Path

import numpy as np
import onnx
import skl2onnx
import sklearn
from numpy.typing import NDArray
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from zeek_beacons.features import CATALOGUE, MODEL_FEATURES, SCHEMA_VERSION, Features
from zeek_beacons.files import staged
from zeek_beacons.pairs import Bools, Floats
from zeek_beacons.scoring import calibration, significance
from zeek_beacons.scoring.forest import MISSING, inputs
from zeek_beacons.scoring.model import FOREST, MANIFEST, Manifest
from zeek_beacons.scoring.site import AlertRates
from zeek_beacons_lab.training.calibrate import calibrate
from zeek_beacons_lab.training.evidence import measured_table
from zeek_beacons_lab.training.examples import Examples, Say, collect

WEIGHTS = {"forest": 0.75, "significance": 0.25}  # in the fusion
# Shares of the trees, and the families of features that they do not see. How much is sent and where to, as the
# generator draws it, is guessed: forests that do not know it rank networks that nobody has seen better, and find fewer
# beacons that resemble the generator's. `evaluate ablation` shows the first.
TREES = ((0.2, ()), (0.4, ("payload",)), (0.4, ("payload", "context")))
# False alerts by profile. With captures: per host-day (originators times days, captures of an hour or longer) on those
# left out of training, whose timers are as frequent as in life. Without: share of synthetic benign pairs, out of bag.
FALSE_ALERTS = {"conservative": 0.1, "balanced": 0.5, "sensitive": 2.0}
RATES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0)  # for which the manifest holds scores
FALSE_POSITIVES = {"conservative": 0.01, "balanced": 0.04, "sensitive": 0.1}
DEPTH = 10  # of each tree; without a limit onnxruntime scores a tenth of the pairs a second, for .01 of AUC
LEAF = 15  # pairs in a leaf, at least: finer trees learn the generator, not the traffic
FOLDS = 6  # groups of labs left out in turn
FOLD_TREES = 100


def train(output: Path, pairs: int, seed: int, captures: Path | None, trees: int = 100, say: Say = print) -> Path:
    """Trains a model and writes it to the folder `output`. Raises OutputError, InputError.

    The same arguments, data and library versions give the same bytes. Nothing is written before all is done.
    """
    examples = collect(pairs, seed, captures, say)
    say(f"training {trees} trees on {len(examples.is_c2)} pairs, {len(MODEL_FEATURES)} features")
    # The votes are on rows that the trees were not shown; below they are fused as at run time.
    forest, votes = _fit(examples, np.ones(len(examples.is_c2), dtype=np.bool_), trees, seed)
    real = examples.capture >= 0
    if real.any():
        votes[real] = _left_out(examples, seed)[real]
    surprise = significance.score(examples.features)
    fused = fuse(votes, surprise)
    table = calibrate(fused, examples.is_c2, real)
    fused = calibration.apply(table, fused)
    thresholds, chosen_by = _thresholds(examples, fused)
    rates = _alert_rates(examples, fused) or tuple((thresholds[name], rate) for name, rate in FALSE_ALERTS.items())
    content = to_onnx(forest)
    manifest = Manifest(
        forest_sha256=hashlib.sha256(content).hexdigest(),
        features=MODEL_FEATURES,
        feature_schema=SCHEMA_VERSION,
        thresholds=thresholds,
        weights=WEIGHTS,
        evidence=measured_table(lambda features: _fused(forest, features), seed),
        calibration=table,
        alert_rates=rates,
        training={
            "command": f"python -m zeek_beacons_lab train -o MODEL --pairs {pairs} --seed {seed} --trees {trees}"
            + (" --captures FOLDER" if captures else ""),
            "pairs": dict(examples.sources),
            "data_sha256": hashlib.sha256(examples.features.matrix.tobytes()).hexdigest(),
            "thresholds_by": chosen_by,
            "not_shown_to_the_forest": {
                "roc_auc": {
                    name: _auc(score, examples.is_c2)
                    for name, score in (("forest", votes), ("significance", surprise), ("fused", fused))
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
    with staged(output) as folder:
        (folder / FOREST).write_bytes(content)
        (folder / MANIFEST).write_bytes(manifest.to_json().encode())
    return output


def fuse(votes: Floats, surprise: Floats) -> Floats:
    """The forest's votes and the significance scorer, weighed, not calibrated."""
    return WEIGHTS["forest"] * votes + WEIGHTS["significance"] * surprise


def _fused(forest: RandomForestClassifier, features: Features) -> Floats:
    return fuse(forest.predict_proba(inputs(features))[:, 1], significance.score(features))


def to_onnx(forest: RandomForestClassifier) -> bytes:
    """The forest as ONNX; the same forest gives the same bytes."""
    kind = FloatTensorType([None, len(MODEL_FEATURES)])
    model = skl2onnx.to_onnx(
        forest, initial_types=[("features", kind)], options={id(forest): {"zipmap": False}}, target_opset=17
    )
    model.graph.name = "beacon_forest"
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _fit(examples: Examples, rows: Bools, trees: int, seed: int) -> tuple[RandomForestClassifier, Floats]:
    """One forest of several kinds of trees, and its votes for C2 on its own rows by trees that were not shown them."""
    matrix, is_c2, weight = (
        inputs(Features(examples.features.matrix[rows])),
        examples.is_c2[rows],
        examples.weight[rows],
    )
    votes = np.zeros(len(matrix))
    forests = []
    for number, (share, unseen) in enumerate(TREES):
        forest = _untrained(round(share * trees), seed + number)
        with warnings.catch_warnings():
            # With few trees a row may have been shown to all of them; it then counts as a vote of 0.
            warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
            forest.fit(_hidden(matrix, unseen), is_c2, sample_weight=weight)
        votes += share * np.nan_to_num(forest.oob_decision_function_[:, 1])
        forests.append(forest)
    merged = forests[0]
    merged.estimators_ = [tree for forest in forests for tree in forest.estimators_]
    merged.n_estimators = len(merged.estimators_)
    return merged, votes


def _untrained(trees: int, seed: int) -> RandomForestClassifier:
    return RandomForestClassifier(
        n_estimators=trees,
        max_depth=DEPTH,
        min_samples_leaf=LEAF,
        max_features="sqrt",
        oob_score=True,
        n_jobs=-1,
        random_state=seed,
    )


def _hidden(matrix: NDArray[np.float32], families: tuple[str, ...]) -> NDArray[np.float32]:
    """The rows with these families missing everywhere, so that no tree splits on them."""
    hidden = [feature.family in families for feature in CATALOGUE if feature.model]
    return np.where(hidden, MISSING, matrix)


def _left_out(examples: Examples, seed: int) -> Floats:
    """Votes on each capture's pairs by a forest that saw none of its lab, (n,); 0 for synthetic pairs."""
    votes = np.zeros(len(examples.is_c2))
    labs = np.unique(examples.lab[examples.capture >= 0].astype(str))
    for group in np.array_split(np.random.default_rng(seed).permutation(labs), min(FOLDS, len(labs))):
        left_out = np.isin(examples.lab.astype(str), group)
        forest, _votes = _fit(examples, ~left_out, FOLD_TREES, seed)
        votes[left_out] = forest.predict_proba(inputs(Features(examples.features.matrix[left_out])))[:, 1]
    return votes


def _thresholds(examples: Examples, fused: Floats) -> tuple[dict[str, float], dict[str, str]]:
    """The threshold of each profile, and the rule it was chosen by, as text."""
    counted = np.isin(examples.capture, [number for number, days in examples.host_days.items() if days > 0])
    days = sum(examples.host_days.values())
    if not counted.any():
        benign = fused[~examples.is_c2]
        return (
            {name: _threshold(benign, int(rate * len(benign))) for name, rate in FALSE_POSITIVES.items()},
            {name: f"{rate:.1%} of synthetic benign pairs, out of bag" for name, rate in FALSE_POSITIVES.items()},
        )
    loud = {name: counted & (examples.quiet < (2 if name == "conservative" else 1)) for name in FALSE_ALERTS}
    return (
        {name: _threshold(fused[loud[name]], int(rate * days)) for name, rate in FALSE_ALERTS.items()},
        {
            name: f"{rate} false alerts per host-day in {days:.1f} host-days of captures whose lab was left out"
            for name, rate in FALSE_ALERTS.items()
        },
    )


def _alert_rates(examples: Examples, fused: Floats) -> AlertRates:
    """How many benign pairs of captures left out reach a score, per host-day; () without captures."""
    days = sum(examples.host_days.values())
    counted = np.isin(examples.capture, [number for number, own in examples.host_days.items() if own > 0])
    loud = np.sort(fused[counted & (examples.quiet < 1)])[::-1]
    table = {_threshold(loud, int(rate * days)): rate for rate in RATES if rate * days < len(loud)}
    return tuple(sorted(table.items(), reverse=True))


def _threshold(benign: Floats, alerts: int) -> float:
    """The score that at most `alerts` of the benign pairs reach, rounded up to 4 digits."""
    highest = np.sort(benign)[::-1]
    first_below = highest[min(alerts, len(highest) - 1)]
    return float(min(1.0, np.ceil(first_below * 1e4 + 1e-6) / 1e4))


def _auc(score: Floats, is_c2: Bools) -> float:
    return round(float(roc_auc_score(is_c2, score)), 4)


def _recall(score: Floats, is_c2: Bools, threshold: float) -> float:
    return round(float((score[is_c2] >= threshold).mean()), 4)
