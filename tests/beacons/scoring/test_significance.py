"""The significance scorer: more evidence counts more, and chance is no evidence."""

from __future__ import annotations

import numpy as np

from zeek_beacons.features import Features, extract
from zeek_beacons.features.catalogue import CATALOGUE, COLUMN
from zeek_beacons.pairs import Floats
from zeek_beacons.scoring import significance
from zeek_beacons_lab.studies.dressed import dressed


def scored(gaps: Floats) -> Floats:
    return significance.score(extract(dressed(np.random.default_rng(1), gaps)))


def test_chance_scores_no_more_than_its_length() -> None:
    gaps = np.random.default_rng(2).exponential(1, (500, 60))
    assert np.quantile(scored(gaps), 0.95) < 0.6


def test_a_timer_scores_more_the_longer_it_lasts() -> None:
    rng = np.random.default_rng(3)
    means = [scored(rng.uniform(0.8, 1, (50, n))).mean() for n in (6, 9, 12, 40, 200)]
    assert means == sorted(means)
    assert means[0] < 0.3
    assert means[-1] > 0.7


def test_a_beat_missed_at_times_is_forgiven_in_a_long_history() -> None:
    gaps = np.random.default_rng(4).normal(1, 0.01, (20, 200))
    gaps[:, ::10] *= 2
    assert scored(gaps).min() > 0.75


def test_what_is_not_defined_counts_nothing() -> None:
    row = np.full((1, len(CATALOGUE)), np.nan, dtype=np.float32)
    assert significance.score(Features(row))[0] == 0
    row[0, COLUMN["spectral_excess"]] = 6
    assert significance.score(Features(row))[0] == 0.5
    row[0, COLUMN["log_n"]] = 2
    assert significance.score(Features(row))[0] == 1
