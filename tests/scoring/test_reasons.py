"""Reasons are faithful: taking away what a reason names moves the score, and more than taking away anything else."""

from __future__ import annotations

import numpy as np

from zeek_beacons.features import CATALOGUE, Features, extract
from zeek_beacons.features.catalogue import COLUMN
from zeek_beacons.scoring import Scoring, rules
from zeek_beacons.training.traffic import labelled_pairs

GIVEN = 3  # reasons taken away


def _without(matrix: np.ndarray, row: int, columns: list[int], usual: np.ndarray) -> np.ndarray:
    changed: np.ndarray = matrix[row].copy()
    changed[columns] = usual[columns]
    return changed


def test_what_a_rule_names_is_what_it_adds() -> None:
    pairs, _truth = labelled_pairs(60, 11)
    matrix = extract(pairs.latest(512)).matrix
    for row, strength in enumerate(rules.contributions(Features(matrix))):
        if np.clip(strength.sum(), 0, 1) != strength.sum():
            continue
        for rule, added in zip(rules.RULES, strength, strict=True):
            without = matrix[[row]].copy()
            without[0, COLUMN[rule.feature]] = np.nan
            rest = rules.contributions(Features(without)).sum()
            np.testing.assert_allclose(strength.sum() - rest, added, atol=1e-6)


def test_taking_reasons_away_lowers_the_score_of_beacons() -> None:
    """The features behind the reasons for a beacon, set to what benign pairs usually have, against as many others."""
    pairs, truth = labelled_pairs(600, 12)
    matrix = extract(pairs.latest(512)).matrix
    usual = np.nanmedian(matrix[~truth.is_c2], axis=0)
    scoring = Scoring.load()
    before = scoring.fuse(scoring.score(Features(matrix)))
    rng = np.random.default_rng(1)
    named, others = [], []
    for row in np.flatnonzero(truth.is_c2 & (before > 0.5)).tolist():
        chosen = [rules.RULES[index] for index in rules.reasons(Features(matrix[[row]]))[0] if index >= 0]
        columns = [COLUMN[rule.feature] for rule in chosen if rule.weight > 0][:GIVEN]
        if not columns:
            continue
        rest = [place for place, feature in enumerate(CATALOGUE) if feature.model and place not in columns]
        named.append((row, _without(matrix, row, columns, usual)))
        others.append(_without(matrix, row, rng.choice(rest, len(columns), replace=False).tolist(), usual))
    rows = np.array([row for row, _ in named])
    after = scoring.fuse(scoring.score(Features(np.array([changed for _, changed in named]))))
    control = scoring.fuse(scoring.score(Features(np.array(others))))
    assert len(rows) > 100
    assert (after < before[rows]).mean() > 0.9
    assert (before[rows] - after).mean() > 2 * (before[rows] - control).mean()
