"""What each family of features buys: forests trained without it, every lab left out in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from zeek_beacons.config import Config
from zeek_beacons.features import MODEL_FEATURES
from zeek_beacons.features.catalogue import CATALOGUE
from zeek_beacons.pairs import Bools, Floats
from zeek_beacons_lab.baselines.learners import Lessons, Matrix, inputs, lessons
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.captures.sample import (
    UNSCORED,
    Method,
    Result,
    Sample,
    measure,
    pooled,
)
from zeek_beacons_lab.studies.figures import Figure, view, with_intervals
from zeek_beacons_lab.studies.tables import Cell, Report, Table
from zeek_beacons_lab.training.forest import DEPTH, LEAF

ALL = "all features"
VIEW = "no infrastructure"
SHOWN = (
    *("AUC, scenarios equal", "AUC", "average precision", "TPR at 1 % FPR"),
    *("recall at 0.1 per host-day", "recall at 0.5 per host-day", "C2 in the top 3"),
)
TREES = 100
MISSING = np.float32(-1e6)


def variants() -> dict[str, Bools]:
    """Which of MODEL_FEATURES each variant sees: all, all but one family, and one family alone."""
    family_of = {feature.name: feature.family for feature in CATALOGUE}
    family = np.array([family_of[name] for name in MODEL_FEATURES])
    names = list(dict.fromkeys(family.tolist()))
    found = {ALL: np.ones(len(family), dtype=np.bool_)}
    found |= {f"without {name}": family != name for name in names}
    return found | {f"{name} alone": family == name for name in names}


def by_columns(columns: Bools, data: Lessons, config: Config, seed: int) -> Method:
    """A forest on some of the features that saw nothing of a capture's lab."""

    @cache
    def fitted(lab: str) -> RandomForestClassifier:
        known = data.without(lab)
        forest = RandomForestClassifier(TREES, max_depth=DEPTH, min_samples_leaf=LEAF, random_state=seed, n_jobs=2)
        return forest.fit(_seen(known.matrix, columns), known.is_c2, sample_weight=known.weight)

    def method(capture: Capture) -> Result:
        enough = capture.pairs.conns >= config.min_connections
        score = np.full(len(enough), UNSCORED)
        if enough.any():
            rows = _seen(inputs(capture.pairs.take(enough), config), columns)
            score[enough] = fitted(capture.lab).predict_proba(rows)[:, 1]
        return Result.of(score, {})

    return method


def run(captures: Sequence[Capture], config: Config, seed: int) -> tuple[Sample, dict[str, Result]]:
    """Every variant on every labelled pair."""
    sample, data = pooled(captures, config), lessons(captures, config, seed)
    chosen = {name: by_columns(columns, data, config, seed) for name, columns in variants().items()}
    return sample, {name: measure(sample, captures, method) for name, method in chosen.items()}


def report(sample: Sample, results: Mapping[str, Result], seed: int) -> Report:
    """Figures by variant, with what changed against all features."""
    rows = view(sample, VIEW)
    found = {name: with_intervals(sample.take(rows), result.take(rows), seed) for name, result in results.items()}
    lines = [[name, *(_cell(figures[one], found[ALL][one], name) for one in SHOWN)] for name, figures in found.items()]
    counts = {name: int(columns.sum()) for name, columns in variants().items()}
    lines = [[line[0], counts.get(str(line[0])), *line[1:]] for line in lines]

    def chart(path: Path) -> None:
        from zeek_beacons_lab.studies import plots

        groups = {name: {one: figures[one].value or 0.0 for one in SHOWN[:4]} for name, figures in found.items()}
        plots.bars(path, groups, "What feature families buy (labs left out, infrastructure set aside)", "")

    return Report({"ablation": Table(("forest on", "features", *SHOWN), lines)}, {"ablation": chart})


def _seen(matrix: Matrix, columns: Bools) -> Floats:
    chosen = matrix[:, columns]
    filled: Floats = np.where(np.isnan(chosen), MISSING, chosen)
    return filled


def _cell(figure: Figure, of_all: Figure, name: str) -> Cell:
    if figure.value is None or of_all.value is None:
        return None
    difference = figure.value - of_all.value
    change = "" if name == ALL else f" ({difference:+d})" if isinstance(difference, int) else f" ({difference:+.3f})"
    return f"{figure.value if isinstance(figure.value, int) else round(figure.value, 3)}{change}"
