"""Trains the forest and writes a model folder: synthetic traffic, plus benign pairs of real captures where present."""

from __future__ import annotations

import hashlib
import json
import platform
import warnings
from dataclasses import dataclass
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
from zeek_beacons.pairs import Bools, Floats, Ints
from zeek_beacons.scoring import DECIMALS, calibration, significance
from zeek_beacons.scoring.busiest import louder
from zeek_beacons.scoring.context_term import ContextTerm
from zeek_beacons.scoring.evidence import chance_table
from zeek_beacons.scoring.forest import MISSING, inputs
from zeek_beacons.scoring.judge import proven
from zeek_beacons.scoring.model import FOREST, MANIFEST, Manifest
from zeek_beacons.scoring.site import AlertRates
from zeek_beacons_lab.training.calibrate import calibrate, calibration_figures
from zeek_beacons_lab.training.context import fit
from zeek_beacons_lab.training.examples import C2, OF_BENIGN, OTHER, Examples, Say, collect
from zeek_beacons_lab.training.golden import add_golden

WEIGHTS = {"forest": 0.75, "significance": 0.25}  # in the fusion
# Shares of the trees, and the families of features that they do not see. How much is sent and where to, as the
# generator draws it, is guessed: forests that do not know it rank networks that nobody has seen better, and find fewer
# beacons that resemble the generator's. `evaluate ablation` shows the first.
TREES = ((0.2, ()), (0.4, ("payload",)), (0.4, ("payload", "context")))
# Wrong items in the alert list by profile. With captures: per host-day, over all pairs of those left out of training,
# nothing set aside. Without: share of synthetic benign pairs, out of bag.
WRONG_ITEMS = {"conservative": 0.02, "balanced": 0.1, "sensitive": 0.5}
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0)  # for which the manifest holds scores
FALSE_POSITIVES = {"conservative": 0.01, "balanced": 0.04, "sensitive": 0.1}
DEPTH = 10  # of each tree; without a limit onnxruntime scores a tenth of the pairs a second, for .01 of AUC
LEAF = 15  # pairs in a leaf, at least: finer trees learn the generator, not the traffic
FOLDS = 6  # groups of labs left out in turn
FOLD_TREES = 100
MOST_C2 = 0.4  # share of the infected captures from which on a lab is left out by family


def train(output: Path, pairs: int, seed: int, captures: Path | None, trees: int = 100, say: Say = print) -> Path:
    """Trains a model and writes it to the folder `output`. Raises OutputError, InputError.

    The same arguments, data and library versions give the same bytes. Nothing is written before all is done.
    """
    examples = collect(pairs, seed, captures, say)
    say(f"training {trees} trees on {int(examples.learned.sum())} pairs, {len(MODEL_FEATURES)} features")
    command = f"python -m zeek_beacons_lab train -o MODEL --pairs {pairs} --seed {seed} --trees {trees}"
    return write(
        output, examples, fitted(examples, trees, seed), command + (" --captures FOLDER" if captures else ""), say
    )


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What was learned from examples, and what models that did not learn from a row say of it."""

    forest: RandomForestClassifier
    context: ContextTerm | None  # None without captures
    unseen: OutOfFold


def fitted(examples: Examples, trees: int, seed: int) -> Fitted:
    """Learns from the examples. Votes on synthetic rows are by trees that were not shown them."""
    learned, real = examples.learned, examples.capture >= 0
    votes = np.zeros(len(learned))
    forest, votes[learned] = _fit(examples, learned, trees, seed)
    if real.any():
        unseen = out_of_fold(examples, votes, seed)
        return Fitted(forest, fit(*lessons(examples, unseen.rhythm, real & learned)), unseen)
    rhythm = fuse(votes, significance.score(examples.features))
    return Fitted(forest, None, OutOfFold(votes, examples.features, rhythm, rhythm))


def write(output: Path, examples: Examples, fitted: Fitted, command: str, say: Say = print) -> Path:
    """Chooses calibration and thresholds for what was learned and writes the model folder. Raises OutputError."""
    learned, real, unseen = examples.learned, examples.capture >= 0, fitted.unseen
    surprise, together = significance.score(unseen.features), unseen.together
    judged = learned & proven(unseen.features, chance_table()) & (~real | (examples.loud > 0))
    table = calibrate(together[judged], examples.is_c2[judged], real[judged])
    fused = calibration.apply(table, together)
    wrong = _may_be_wrong(examples, unseen.features)
    thresholds, chosen_by = _thresholds(examples, wrong, fused)
    rates = _alert_rates(examples, wrong, fused) or tuple(
        (thresholds[name], rate) for name, rate in WRONG_ITEMS.items()
    )
    content = to_onnx(fitted.forest)
    manifest = Manifest(
        forest_sha256=hashlib.sha256(content).hexdigest(),
        features=MODEL_FEATURES,
        feature_schema=SCHEMA_VERSION,
        thresholds=thresholds,
        weights=WEIGHTS,
        evidence=chance_table(),
        calibration=table,
        alert_rates=rates,
        context=fitted.context,
        training={
            "command": command,
            "pairs": dict(examples.sources),
            "data_sha256": hashlib.sha256(examples.features.matrix.tobytes()).hexdigest(),
            "thresholds_by": chosen_by,
            "not_shown_to_the_forest": {
                "roc_auc": {
                    name: _auc(score[learned], examples.is_c2[learned])
                    for name, score in (("forest", unseen.votes), ("significance", surprise), ("fused", fused))
                },
                "recall_synthetic": {
                    name: _recall(fused, examples.is_c2 & ~real, limit)
                    for name, limit in thresholds.items()
                    if (examples.is_c2 & ~real).any()
                },
            },
            "validation": _validation(examples, wrong, unseen.rhythm, fused, thresholds),
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
        add_golden(folder)
    return output


def fuse(votes: Floats, surprise: Floats) -> Floats:
    """The forest's votes and the significance scorer, weighed, not calibrated."""
    return WEIGHTS["forest"] * votes + WEIGHTS["significance"] * surprise


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
        examples.take(rows).weight,
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


def folds(examples: Examples, seed: int) -> list[tuple[Bools, Bools]]:
    """Which rows are scored by a model that learned from which others, as pairs of (n,) masks.

    Whole labs are left out, so that a network never stands on both sides. A lab that made most of the C2 would leave
    nothing to learn from: its captures are left out family by family, with that family in all captures.
    """
    lab = examples.lab.astype(str)
    infected = examples.role == C2
    labs, captures = np.unique(lab[examples.capture >= 0]), examples.capture
    most = [one for one in labs if len(set(captures[infected & (lab == one)])) > MOST_C2 * len(set(captures[infected]))]
    rest = np.random.default_rng(seed).permutation([one for one in labs if one not in most])
    folds = []
    for group in np.array_split(rest, min(FOLDS, len(rest))) if len(rest) else []:
        out = np.isin(lab, group)
        folds.append((out, ~out))
    for one in most:
        families = _families(examples, lab == one)
        for name in sorted(set(families.values())):
            out = np.isin(captures, [number for number, family in families.items() if family == name])
            folds.append((out, ~out & ~np.isin(examples.family, list(set(examples.family[out & infected])))))
    return folds


def _families(examples: Examples, rows: Bools) -> dict[int, str]:
    """The family of each capture's C2, "" for one without; captures that share a family have one name."""
    found: dict[int, str] = {}
    for number in np.unique(examples.capture[rows]).tolist():
        own = {str(name) for name in examples.family[(examples.capture == number) & (examples.role == C2)]}
        known = next((found[other] for other in found if own & set(found[other].split(","))), ",".join(sorted(own)))
        found[number] = known
    return found


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """What models that did not learn from a row say of it, by what speaks loudest: the whole pair or a stretch."""

    votes: Floats  # (n,) of the trees
    features: Features  # n
    rhythm: Floats  # (n,) forest and significance
    together: Floats  # (n,) with context


def out_of_fold(examples: Examples, votes: Floats, seed: int) -> OutOfFold:
    """Scores of every row by models that did not learn from it.

    `votes`: of synthetic pairs, by trees that were not shown them; those of captures are replaced. Twice over: the
    context term that scores a capture is fitted on the other captures' scores, which are out of fold themselves.
    """
    votes, parts = votes.copy(), folds(examples, seed)
    of_stretches = np.zeros(len(examples.owner))
    for out, known in parts:
        forest, _votes = _fit(examples, known & examples.learned, FOLD_TREES, seed)
        votes[out] = _votes_of(forest, examples.features, out)
        of_stretches[out[examples.owner]] = _votes_of(forest, examples.parts, out[examples.owner])
    whole = np.round(fuse(votes, significance.score(examples.features)), DECIMALS)
    stretches = np.round(fuse(of_stretches, significance.score(examples.parts)), DECIMALS)
    won = louder(whole, stretches, examples.owner, proven(examples.parts, chance_table()))
    rows, rhythm, matrix = examples.owner[won], whole, examples.features.matrix.copy()
    votes[rows], rhythm[rows], matrix[rows] = of_stretches[won], stretches[won], examples.parts.matrix[won]
    real = examples.capture >= 0
    together = np.zeros(len(rhythm))
    for out, known in parts:
        term = fit(*lessons(examples, rhythm, known & real & examples.learned))
        together[out] = term.apply(rhythm[out], examples.context[out])
    every = fit(*lessons(examples, rhythm, real & examples.learned))
    together[~real] = every.apply(rhythm[~real], examples.context[~real])
    return OutOfFold(votes, Features(matrix), rhythm, np.round(together, DECIMALS))


def _votes_of(forest: RandomForestClassifier, features: Features, rows: Bools) -> Floats:
    """A forest's votes for C2 on some rows, (rows,)."""
    if not rows.any():
        return np.zeros(0)
    votes: Floats = forest.predict_proba(inputs(Features(features.matrix[rows])))[:, 1]
    return votes


def lessons(examples: Examples, rhythm: Floats, rows: Bools) -> tuple[Floats, Floats, Bools, Ints]:
    """What the context term is fitted on: of these rows those that nothing keeps quiet."""
    rows = rows & (examples.loud > 0)
    return rhythm[rows], examples.context[rows], examples.is_c2[rows], examples.capture[rows]


def _thresholds(examples: Examples, wrong: Bools, fused: Floats) -> tuple[dict[str, float], dict[str, str]]:
    """The threshold of each profile, and the rule it was chosen by, as text."""
    if not wrong.any():
        benign = fused[~examples.is_c2]
        return (
            {name: _threshold(benign, int(rate * len(benign))) for name, rate in FALSE_POSITIVES.items()},
            {name: f"{rate:.1%} of synthetic benign pairs, out of bag" for name, rate in FALSE_POSITIVES.items()},
        )
    days = examples.host_days
    # A mere name keeps a pair quiet below the conservative threshold, as at run time.
    certain = _threshold(fused[wrong], int(WRONG_ITEMS["conservative"] * days))
    loud = wrong & ((examples.loud == 2) | (fused >= certain))
    return (
        {
            name: certain if name == "conservative" else _threshold(fused[loud], int(rate * days))
            for name, rate in WRONG_ITEMS.items()
        },
        {
            name: f"{rate} wrong items per host-day in {days:.1f} host-days of captures left out, nothing set aside"
            for name, rate in WRONG_ITEMS.items()
        },
    )


def _may_be_wrong(examples: Examples, features: Features) -> Bools:
    """Pairs of captures whose alert would be a wrong item: evidence enough, and neither C2 nor set aside, (n,)."""
    role, real = examples.role, examples.capture >= 0
    wrong: Bools = real & ((role == OF_BENIGN) | (role == OTHER)) & (examples.loud > 0)
    return wrong & proven(features, chance_table())


def _alert_rates(examples: Examples, wrong: Bools, fused: Floats) -> AlertRates:
    """How many wrong items of captures left out reach a score, per host-day; () without captures."""
    days = examples.host_days
    certain = _threshold(fused[wrong], int(WRONG_ITEMS["conservative"] * days)) if wrong.any() else 1.0
    loud = np.sort(fused[wrong & ((examples.loud == 2) | (fused >= certain))])[::-1]
    table = {_threshold(loud, int(rate * days)): rate for rate in RATES if rate * days < len(loud)}
    return tuple(sorted(table.items(), reverse=True))


def _validation(
    examples: Examples, wrong: Bools, rhythm: Floats, fused: Floats, thresholds: dict[str, float]
) -> dict[str, object]:
    """Figures on captures, each pair scored by a model that learned nothing from its lab or family."""
    c2 = (examples.capture >= 0) & (examples.role == C2) & (examples.loud > 0)
    if not c2.any():
        return {}
    benign = (examples.capture >= 0) & (examples.role == OF_BENIGN) & (examples.loud > 0)
    rows, days = c2 | benign, examples.host_days
    return {
        "grouped_by": "lab; a lab that made most of the C2 by family",
        "captures": len(set(examples.capture[rows])),
        "c2_pairs": int(c2.sum()),
        "benign_pairs": int(benign.sum()),
        "host_days": round(days, 1),
        "roc_auc": {"rhythm": _auc(rhythm[rows], c2[rows]), "with_context": _auc(fused[rows], c2[rows])},
        "calibration": calibration_figures(fused[rows], c2[rows]),
        "c2_found": {name: _recall(fused, c2, limit) for name, limit in thresholds.items()},
        "wrong_items_per_host_day": {
            name: round(float((wrong & (fused >= limit)).sum() / days), 3) for name, limit in thresholds.items()
        },
    }


def _threshold(benign: Floats, alerts: int) -> float:
    """The score that at most `alerts` of the benign pairs reach, rounded up to 4 digits."""
    highest = np.sort(benign)[::-1]
    first_below = highest[min(alerts, len(highest) - 1)]
    return float(min(1.0, np.ceil(first_below * 1e4 + 1e-6) / 1e4))


def _auc(score: Floats, is_c2: Bools) -> float:
    return round(float(roc_auc_score(is_c2, score)), 4)


def _recall(score: Floats, is_c2: Bools, threshold: float) -> float:
    return round(float((score[is_c2] >= threshold).mean()), 4)
