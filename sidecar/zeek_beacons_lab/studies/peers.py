"""The peers' formulas and standard learners beside this package: the same pairs, the same run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from zeek_beacons.config import Config
from zeek_beacons.pairs import Floats, Ints, Pairs
from zeek_beacons_lab.baselines import BASELINES, study
from zeek_beacons_lab.baselines.flows import Formula, flows
from zeek_beacons_lab.baselines.learners import (
    FALSE_ALERTS,
    LEARNERS,
    Lessons,
    Score,
    inputs,
    lessons,
)
from zeek_beacons_lab.captures.datasets import load_seed_benchmark
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.captures.sample import (
    UNSCORED,
    Method,
    Result,
    Sample,
    measure,
    pooled,
)
from zeek_beacons_lab.studies import figures
from zeek_beacons_lab.studies.figures import VIEWS, view
from zeek_beacons_lab.studies.tables import Cell, Report, Table

OURS = "zeek-beacons"
OWN = "own"  # the name of a method's one threshold
STUDY_FOREST, STUDY_THRESHOLD = "RandomForest of the beaconing study", 0.5


Scores = Callable[[Pairs, Ints], Floats]  # of these rows, (k,)


def by_scores(scores: Scores, threshold: float, config: Config) -> Method:
    """What scores rows of a log, for every pair with enough connections."""

    def method(capture: Capture) -> Result:
        rows = np.flatnonzero(capture.pairs.conns >= config.min_connections)
        score = np.full(len(capture.pairs), UNSCORED)
        score[rows] = scores(capture.pairs, rows)
        return Result.of(score, {OWN: score >= threshold})

    return method


def over(formula: Formula) -> Scores:
    """A formula over single pairs; formulas never fail, and what they cannot say is 0."""

    def scores(pairs: Pairs, rows: Ints) -> Floats:
        with np.errstate(all="ignore"):
            return np.nan_to_num(np.array([formula(flow) for flow in flows(pairs, rows)], dtype=np.float64))

    return scores


def study_forest(seed_benchmark: Path) -> Scores:
    """The study's RandomForest, trained on its `standard_train`."""
    data = load_seed_benchmark(seed_benchmark / "standard_train.csv.gz")
    forest = RandomForestClassifier(
        n_estimators=200, max_depth=8, min_samples_leaf=2, class_weight="balanced", random_state=42
    ).fit(study_features(data.pairs, np.arange(len(data.pairs))), data.is_c2)

    def scores(pairs: Pairs, rows: Ints) -> Floats:
        found: Floats = forest.predict_proba(study_features(pairs, rows))[:, 1] if len(rows) else np.zeros(0)
        return found

    return scores


def study_features(pairs: Pairs, rows: Ints) -> Floats:
    """The study's features of these pairs, (k, 29)."""
    with np.errstate(all="ignore"):
        return np.array([study.features(flow) for flow in flows(pairs, rows)])


def by_learner(fit: Callable[[Lessons, int], Score], data: Lessons, config: Config, seed: int) -> Method:
    """A learner that saw nothing of a capture's lab; it alerts above what 1 % of its benign training pairs reach."""

    @cache
    def fitted(lab: str) -> tuple[Score, float]:
        known = data.without(lab)
        score = fit(known, seed)
        return score, float(np.quantile(score(known.benign), 1 - FALSE_ALERTS))

    def method(capture: Capture) -> Result:
        score, threshold = fitted(capture.lab)
        enough = capture.pairs.conns >= config.min_connections
        found = np.full(len(enough), -np.inf)
        if enough.any():
            found[enough] = score(inputs(capture.pairs.take(enough), config))
        return Result.of(found, {OWN: found > threshold})

    return method


def methods(captures: Sequence[Capture], seed_benchmark: Path | None, config: Config, seed: int) -> dict[str, Method]:
    """Every peer by its name; the study's forest only where its benchmark is at hand."""
    found = {name: by_scores(over(peer.formula), peer.threshold, config) for name, peer in BASELINES.items()}
    if seed_benchmark is not None:
        found[STUDY_FOREST] = by_scores(study_forest(seed_benchmark), STUDY_THRESHOLD, config)
    data = lessons(captures, config, seed)
    return found | {name: by_learner(fit, data, config, seed) for name, fit in LEARNERS.items()}


Measured = Mapping[str, Mapping[str, Mapping[str, figures.Figure]]]  # view, method, figure


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Methods measured on one sample."""

    sample: Sample
    results: Mapping[str, Result]

    def measured(self, seed: int) -> Measured:
        """Every figure by view and method."""
        return {
            name: {
                method: figures.with_intervals(self.sample.take(rows), result.take(rows), seed)
                for method, result in self.results.items()
            }
            for name in VIEWS
            for rows in [view(self.sample, name)]
        }

    def table(self, found: Mapping[str, Mapping[str, figures.Figure]]) -> Table:
        """A line a method and threshold, for one view's figures by method; intervals over scenarios in brackets."""
        alerts = {method: list(result.alerts) for method, result in self.results.items()}
        return Table(_HEAD, [_line(method, alert, found[method]) for method in found for alert in alerts[method]])

    def recall_curves(self, name: str) -> dict[str, tuple[Floats, Floats]]:
        """By method: false alerts per host-day, and the mean recall of scenarios reached with at most so many."""
        rows = view(self.sample, name)
        sample = self.sample.take(rows)
        days = sample.host_days.sum()
        allowed = np.arange(0, int(2 * days) + 1)
        return {
            method: (
                allowed / days,
                np.array([_recall(sample, result.take(rows), count) for count in allowed.tolist()]),
            )
            for method, result in self.results.items()
        }


def long(measured: Measured) -> Table:
    """Every figure of every method in every view, one a line."""
    lines = [
        [name, method, figure, one.value, one.low, one.high]
        for name, by_method in measured.items()
        for method, found in by_method.items()
        for figure, one in found.items()
    ]
    return Table(("view", "method", "figure", "value", "low", "high"), lines)


def compare(captures: Sequence[Capture], chosen: Mapping[str, Method], config: Config) -> Comparison:
    """Measures every method on every labelled pair of the captures."""
    sample = pooled(captures, config)
    return Comparison(sample, {name: measure(sample, captures, method) for name, method in chosen.items()})


_HEAD = (
    *("method", "AUC", "average precision", "TPR at 1 % FPR", "recall @ false alerts per host-day"),
    *("recall at .1 per host-day", "at .5", "false alerts per 100 benign", "precision in the top 10"),
    *("C2 first", "C2 in the top 3"),
)


def _line(method: str, alert: str, found: Mapping[str, figures.Figure]) -> list[Cell]:
    def value(name: str) -> float:
        return found[name].value or 0.0

    def with_interval(name: str) -> str:
        figure = found[name]
        return f"{value(name):.2f} ({figure.low:.2f} to {figure.high:.2f})" if figure.low is not None else "-"

    of = f"{value('scenarios with C2'):.0f}"
    return [
        method if alert == OWN else f"{method}, {alert}",
        with_interval("AUC, scenarios equal"),
        with_interval("average precision"),
        f"{value('TPR at 1 % FPR'):.2f}",
        f"{value(f'recall, {alert}'):.2f} @ {value(f'false alerts per host-day, {alert}'):.2f}",
        with_interval("recall at 0.1 per host-day"),
        with_interval("recall at 0.5 per host-day"),
        f"{value(f'false alerts per 100 benign, {alert}'):.1f}",
        f"{value('precision in the top 10'):.2f}",
        f"{value('C2 first'):.0f} of {of}",
        f"{value('C2 in the top 3'):.0f} of {of}",
    ]


def _recall(sample: Sample, result: Result, allowed: int) -> float:
    found = figures.within_budget(sample, result, allowed / float(sample.host_days.sum()))
    return figures.scenario_recall(sample, found) or 0.0


def report(comparison: Comparison, seed: int) -> Report:
    """The tables of two views, every figure as CSV, and recall against false alerts."""
    measured = comparison.measured(seed)
    tables = {
        "peers": comparison.table(measured["10+, no infrastructure"]),
        "peers_all_pairs": comparison.table(measured["all"]),
        "peers_every_figure": long(measured),
    }

    def chart(path: Path) -> None:
        from zeek_beacons_lab.studies import plots

        curves = comparison.recall_curves("10+, no infrastructure")
        bold = [OURS]  # the shipped model may have seen these benign pairs: it is not to be read beside the others
        title = "Recall (mean of scenarios) by alert budget, 10+ connections"
        plots.lines(path, curves, title, "false alerts per host-day", "recall", bold=bold, steps=True)

    return Report(tables, {"peers_recall": chart}, ("peers",))
