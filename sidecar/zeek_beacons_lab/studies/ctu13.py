"""CTU-13, where a user has the files: the shipped model as it is, models trained on other scenarios, and within one.

Each `.binetflow` is a scenario. C2 is what the labels call a channel of the botnet; its other traffic, the background
and what goes to the botnet count neither way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.labels import BEACONS, BENIGN, keys_of
from zeek_beacons.pairs import Bools, Floats
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.binetflow import labels
from zeek_beacons.readers.inputs import expand
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.baselines import BASELINES
from zeek_beacons_lab.baselines.learners import Matrix, inputs
from zeek_beacons_lab.captures.ctu13_flows import scenario_names
from zeek_beacons_lab.captures.labelled import Capture, family_of_pairs
from zeek_beacons_lab.captures.sample import UNSCORED, Method, Result, ours
from zeek_beacons_lab.studies.peers import (
    OWN,
    Comparison,
    by_scores,
    compare,
    long,
    over,
)
from zeek_beacons_lab.studies.tables import Report

ALERT = 0.5  # votes from which a forest trained on CTU-13 alerts
VIEW = "no infrastructure"


def load_all(inputs: Sequence[str], config: Config) -> list[Capture]:
    """Every binetflow as a capture of a lab of its own. Raises InputError."""
    paths = expand(inputs).files
    return [_load(path, name, config) for path, name in zip(paths, scenario_names(paths), strict=True)]


def run(captures: Sequence[Capture], scoring: Scoring, config: Config, seed: int) -> Comparison:
    """Transfer, native and within, beside the published formulas. Raises InputError without C2 and benign pairs."""
    labelled = {kind for capture in captures for kind in set(capture.label)}
    if not (labelled & BEACONS and labelled & BENIGN):
        raise InputError("CTU-13", "no pair of C2, or none of a normal host, in these files")
    chosen = {
        "zeek-beacons, transfer": ours(lambda _capture: scoring, config),
        "our features, native (other scenarios)": native(captures, config, seed),
        "our features, within (other half of the scenario)": within(config, seed),
    }
    chosen |= {name: by_scores(over(peer.formula), peer.threshold, config) for name, peer in BASELINES.items()}
    return compare(captures, chosen, config)


def report(comparison: Comparison, seed: int) -> Report:
    measured = comparison.measured(seed)
    return Report({"ctu13": comparison.table(measured[VIEW]), "ctu13_every_figure": long(measured)}, shown=("ctu13",))


def native(captures: Sequence[Capture], config: Config, seed: int) -> Method:
    """A forest on our features trained on the other scenarios."""
    rows = {capture.lab: _labelled(capture, config) for capture in captures}

    @cache
    def fitted(lab: str) -> Callable[[Matrix], Floats]:
        others = [found for name, found in rows.items() if name != lab]
        if not others:
            return _nothing
        return _fit(np.concatenate([m for m, _ in others]), np.concatenate([c2 for _, c2 in others]), seed)

    def method(capture: Capture) -> Result:
        enough = capture.pairs.conns >= config.min_connections
        score = np.full(len(enough), UNSCORED)
        if enough.any():
            score[enough] = fitted(capture.lab)(inputs(capture.pairs.take(enough), config))
        return Result.of(score, {OWN: score >= ALERT})

    return method


def within(config: Config, seed: int) -> Method:
    """A forest on our features for each half of a scenario's pairs, trained on the other half."""

    def method(capture: Capture) -> Result:
        known = _is_labelled(capture, config)
        score = np.full(len(known), UNSCORED)
        matrix, is_c2 = _labelled(capture, config)
        half = np.random.default_rng(seed).permutation(len(is_c2)) % 2 == 0
        votes = np.zeros(len(is_c2))
        for part in (half, ~half):
            if part.any() and (~part).any():
                votes[part] = _fit(matrix[~part], is_c2[~part], seed)(matrix[part])
        score[known] = votes
        return Result.of(score, {OWN: score >= ALERT})

    return method


def _load(path: str, name: str, config: Config) -> Capture:
    pairs, _ = read(Request([path], form="binetflow"), config)
    known = labels(path)
    label = np.array([known.get(key, "") for key in keys_of(pairs)], dtype=np.object_)
    seconds = float(np.ptp(pairs.start)) if len(pairs.start) else 0.0
    hosts = len(set(pairs.orig_h[np.isin(label, list(BEACONS | BENIGN))]))
    return Capture(name, name, pairs, label, family_of_pairs(pairs, label, {}, name), seconds, hosts)


def _is_labelled(capture: Capture, config: Config) -> Bools:
    known: Bools = np.isin(capture.label, list(BEACONS | BENIGN)) & (capture.pairs.conns >= config.min_connections)
    return known


def _labelled(capture: Capture, config: Config) -> tuple[Matrix, Bools]:
    known = _is_labelled(capture, config)
    return inputs(capture.pairs.take(known), config), np.isin(capture.label[known], list(BEACONS))


def _fit(matrix: Matrix, is_c2: Bools, seed: int) -> Callable[[Matrix], Floats]:
    if is_c2.all() or not is_c2.any():
        return _nothing
    forest = RandomForestClassifier(200, min_samples_leaf=2, class_weight="balanced", random_state=seed, n_jobs=2)
    forest.fit(np.nan_to_num(matrix, nan=-1e6), is_c2)

    def score(rows: Matrix) -> Floats:
        votes: Floats = forest.predict_proba(np.nan_to_num(rows, nan=-1e6))[:, 1]
        return votes

    return score


def _nothing(rows: Matrix) -> Floats:
    """Where one class is missing, nothing can be learned."""
    return np.zeros(len(rows))
