"""Whether single connections tell, and what a random split of them hides: published recipe and ours, split four ways.

The recipe of the published notebook takes the numbers of 13 columns of conn.log, both ports among them, drops rows with
a missing one, and splits rows at random. Here it runs beside ours on the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, KFold
from threadpoolctl import threadpool_limits

from zeek_beacons.classify.figures import interval
from zeek_beacons.classify.model import CLASSES, NORMAL
from zeek_beacons.metrics import roc_auc
from zeek_beacons.pairs import Bools, Floats, Ints, Strings
from zeek_beacons_lab.studies.tables import Report, Table
from zeek_beacons_lab.training.connection_learners import LEARNERS, chances
from zeek_beacons_lab.training.connections import ConnectionRows, captures, synthetic

FOLDS = 5
DRAWS = 100
MOST = 12_000  # rows of a data set that are learned and judged
OURS, PUBLISHED_RECIPE = "ours", "notebook"
RANDOM, HOST, CAPTURE, CAMPAIGN = "random rows", "by host", "by site or capture", "by campaign or lab"
SPLITS = (RANDOM, HOST, CAPTURE, CAMPAIGN)

Matrix = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows of one origin, and what is to be told from normal."""

    name: str
    rows: ConnectionRows


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRows:
    """What one learner says of rows that it did not see."""

    problem: str
    recipe: str
    learner: str
    split: str
    used: int  # rows that the recipe kept
    of: int
    label: Ints
    chances: Floats  # (used, len(CLASSES))
    group: Strings


def problems(sites: int, seed: int, root: Path | None) -> list[Problem]:
    """Synthetic sites with all classes; with captures also those that hold other attacks, against benign traffic."""
    found = [Problem("synthetic", _thinner(synthetic(sites, seed), seed))]
    if root:
        rows = captures(root)
        rows = rows.take((rows.label == NORMAL) | (rows.label < 0))
        found.append(Problem("captures: malicious_other against benign", _thinner(rows, seed)))
    return found


def run(given: list[Problem], seed: int, say: Callable[[str], object] = print) -> list[JudgedRows]:
    """Every recipe and learner, split every way."""
    found = []
    with threadpool_limits(1):
        for problem in given:
            for recipe, matrix, kept in _recipes(problem.rows):
                rows = problem.rows.take(kept)
                for learner, make in LEARNERS.items():
                    for split in SPLITS:
                        told = _left_out(make, matrix, rows, split, seed)
                        shown = (problem.name, recipe, learner, split, len(rows), len(problem.rows))
                        found.append(JudgedRows(*shown, rows.label, told, _groups(rows, CAMPAIGN)))
                say(f"{problem.name}, {recipe}: done")
    return found


def report(found: list[JudgedRows], seed: int) -> Report:
    """`classify`: attack against normal by split; `classify_classes`: each class with whole sites left out."""
    rows = []
    for one in found:
        positive, score = one.label != NORMAL, 1.0 - one.chances[:, NORMAL]
        bounds = interval(roc_auc, score, positive, one.group, seed, DRAWS)
        rows.append(
            [
                *(one.problem, one.recipe, one.learner, one.split, f"{one.used} of {one.of}"),
                roc_auc(score, positive),
                *(bounds or (None, None)),
                float(f1_score(positive, score > 0.5)),
            ]
        )
    columns = ("data", "recipe", "learner", "split", "rows kept", "ROC AUC", "95% from", "to", "F1 at .5")
    return Report({"classify": Table(columns, rows), "classify_classes": _classes(found, seed)})


def _classes(found: list[JudgedRows], seed: int) -> Table:
    rows = []
    for one in found:
        if one.recipe == OURS and one.split == CAPTURE and one.learner == "gradient boosting":
            for at, name in enumerate(CLASSES):
                positive = one.label == at
                if at != NORMAL and positive.any():
                    against = positive | (one.label == NORMAL)
                    score, group = one.chances[against, at], one.group[against]
                    bounds = interval(roc_auc, score, positive[against], group, seed, DRAWS)
                    area = roc_auc(score, positive[against])
                    caught = _caught(score, positive[against])
                    rows.append([one.problem, name, int(positive.sum()), area, *(bounds or (None, None)), caught])
    columns = ("data", "class", "rows", "ROC AUC against normal", "95% from", "to", "recall at .2% of normal")
    return Table(columns, rows)


def _caught(score: Floats, positive: Bools) -> float:
    level = np.quantile(score[~positive], 0.998, method="higher")
    return float((score[positive] > level).mean())


def _recipes(rows: ConnectionRows) -> list[tuple[str, Matrix, Bools]]:
    """Recipe, its columns, and which rows it keeps."""
    everything = np.ones(len(rows), dtype=np.bool_)
    numbers = np.where(rows.published < 0, np.nan, rows.published)
    whole: Bools = ~np.asarray(np.isnan(numbers).any(axis=1))
    words = [column == value for column in (rows.states, rows.services, rows.protos) for value in np.unique(column)]
    published = np.hstack([numbers, np.stack(words, axis=1).astype(np.float64)])[whole]
    return [(PUBLISHED_RECIPE, published, whole), (OURS, rows.matrix, everything)]


def _left_out(make: Callable[[int], Any], matrix: Matrix, rows: ConnectionRows, split: str, seed: int) -> Floats:
    """The chances of each row by a model that did not see it, nor its group."""
    found = np.zeros((len(rows), len(CLASSES)))
    found[:, NORMAL] = 1.0
    label = np.where(rows.label < 0, 1, rows.label)  # other attacks: one class, whatever its name
    for learned, judged in folds(rows, split, seed):
        seen, coded = np.unique(label[learned], return_inverse=True)
        if len(seen) < 2:
            continue
        learner = make(seed)
        learner.fit(matrix[learned], coded)
        some = chances(learner, matrix[judged], len(seen))
        found[judged] = 0.0
        found[judged[:, None], seen[None, :]] = some
    return found


def folds(rows: ConnectionRows, split: str, seed: int) -> list[tuple[Ints, Ints]]:
    """Which rows are learned from, and which are judged. Groups of a split never stand on both sides."""
    at = np.arange(len(rows))
    if split == RANDOM:
        return [*KFold(FOLDS, shuffle=True, random_state=seed).split(at)]
    group = np.unique(_groups(rows, split).astype(str), return_inverse=True)[1]
    n = min(FOLDS, len(np.unique(group)))
    return [*GroupKFold(n, shuffle=True, random_state=seed).split(at, groups=group)]


def _groups(rows: ConnectionRows, split: str) -> Strings:
    if split == HOST:
        return np.array([f"{source} {host}" for source, host in zip(rows.source, rows.host, strict=True)])
    return rows.source if split == CAPTURE else rows.campaign


def _thinner(rows: ConnectionRows, seed: int) -> ConnectionRows:
    if len(rows) <= MOST:
        return rows
    rng = np.random.default_rng(seed)
    attack = np.flatnonzero(rows.label != NORMAL)
    attack = rng.permutation(attack)[: MOST // 2]
    normal = rng.permutation(np.flatnonzero(rows.label == NORMAL))[: MOST - len(attack)]
    return rows.take(np.sort(np.concatenate([attack, normal])))
