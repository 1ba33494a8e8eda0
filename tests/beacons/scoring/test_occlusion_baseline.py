"""The row that features are set to when a reason is taken away: what people's traffic has, and no beacon."""

from __future__ import annotations

import numpy as np

from zeek_beacons.features import CATALOGUE, MODEL_FEATURES, Features, extract
from zeek_beacons.scoring import Scoring, occlusion_baseline
from zeek_beacons_lab.traffic import labelled_pairs

PEOPLE = ("poisson", "browsing", "third_party", "application")


def test_it_lies_where_the_traffic_of_people_does() -> None:
    pairs, truth = labelled_pairs(3_000, 4)
    without_timer = ~truth.is_c2 & np.isin(truth.kind.astype(str), PEOPLE)
    matrix = extract(pairs.latest(512).take(without_timer)).matrix
    seen = [feature.model for feature in CATALOGUE]
    low, high = np.nanquantile(matrix[:, seen], (0.02, 0.98), axis=0)
    row = occlusion_baseline.unremarkable()[seen]
    outside = [
        name
        for name, value, least, most in zip(MODEL_FEATURES, row, low, high, strict=True)
        if not least - 0.05 <= value <= most + 0.05
    ]
    assert not outside


def test_it_is_found_benign() -> None:
    """By the forest and on the whole; the significance scorer also counts check-ins, of which it has some."""
    scoring = Scoring.load()
    scores = scoring.score(Features(np.array([occlusion_baseline.unremarkable()])))
    assert scores["forest"][0] < 0.1
    assert scoring.fuse(scores)[0] < 0.1


def test_it_is_the_same_every_time_and_nobody_can_change_it() -> None:
    first = occlusion_baseline.unremarkable()
    occlusion_baseline.unremarkable.cache_clear()
    np.testing.assert_array_equal(occlusion_baseline.unremarkable(), first)
    assert not first.flags.writeable
