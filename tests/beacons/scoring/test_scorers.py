"""The contract of every scorer, and what the rules and the evidence say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.features import CATALOGUE, Features, extract
from zeek_beacons.pairs import Pairs
from zeek_beacons.scoring import Scoring, rules
from zeek_beacons.scoring.evidence import chance_of_gap, chance_table, needed

Make = Callable[..., dict[str, Any]]
SCORING = Scoring.load()
EVERY_SCORER = pytest.mark.parametrize("scorer", SCORING.scorers.values(), ids=SCORING.scorers.keys())


def random_features(n: int, seed: int = 1) -> Features:
    """Features anywhere in their ranges, a fifth of them undefined."""
    rng = np.random.default_rng(seed)
    low, high = (np.array([getattr(feature, edge) for feature in CATALOGUE]) for edge in ("low", "high"))
    matrix = low + rng.random((n, len(CATALOGUE))) ** 3 * (high - low)
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    return Features(matrix.astype(np.float32))


@EVERY_SCORER
def test_scores_lie_between_0_and_1(scorer: Any) -> None:
    scores = scorer(random_features(500))
    assert scores.shape == (500,)
    assert ((scores >= 0) & (scores <= 1)).all()


@EVERY_SCORER
def test_undefined_features_still_get_a_score(scorer: Any) -> None:
    nothing = Features(np.full((3, len(CATALOGUE)), np.nan, dtype=np.float32))
    assert np.isfinite(scorer(nothing)).all()


@EVERY_SCORER
def test_no_rows_no_scores(scorer: Any) -> None:
    assert scorer(Features(np.zeros((0, len(CATALOGUE)), dtype=np.float32))).shape == (0,)


@EVERY_SCORER
def test_a_score_does_not_depend_on_the_other_rows(scorer: Any) -> None:
    batch = random_features(300)
    alone = np.concatenate([scorer(Features(batch.matrix[row : row + 1])) for row in range(300)])
    np.testing.assert_allclose(scorer(batch), alone, atol=1e-6)


@EVERY_SCORER
def test_scoring_changes_nothing_and_repeats(scorer: Any) -> None:
    features = random_features(50)
    before = features.matrix.copy()
    first = scorer(features)
    np.testing.assert_array_equal(first, scorer(features))
    np.testing.assert_array_equal(before, features.matrix)


@EVERY_SCORER
def test_a_timer_scores_above_chance(scorer: Any, pair: Make) -> None:
    timers = [pair(seed=seed) for seed in range(20)]
    chance = [pair(rhythm=False, seed=seed) for seed in range(20)]
    scores = scorer(extract(Pairs.build(timers + chance)))
    assert scores[:20].mean() > scores[20:].mean() + 0.2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_fused_scores_stay_in_range(seed: int) -> None:
    fused = SCORING.fuse(SCORING.score(random_features(20, seed)))
    assert ((fused >= 0) & (fused <= 1)).all()


def test_every_rule_reads_a_feature_and_is_named_once() -> None:
    names = {feature.name for feature in CATALOGUE}
    assert all(rule.feature in names for rule in rules.RULES)
    assert len({rule.code for rule in rules.RULES}) == len(rules.RULES)
    context = {feature.name for feature in CATALOGUE if feature.family == "context"}
    rhythm = [rule.weight for rule in rules.RULES if rule.weight > 0 and rule.feature not in context]
    assert sum(rhythm) == pytest.approx(1.0), "a perfect rhythm needs no odd destination"


def test_the_chance_of_a_gap_is_the_maximum_over_all_paces() -> None:
    paces = np.linspace(0.01, 20, 20_000)
    for jitter in (0.05, 0.3, 0.9):
        by_search = (np.exp(-paces * (1 - jitter)) - np.exp(-paces)).max()
        assert chance_of_gap(jitter) == pytest.approx(by_search, rel=1e-4)


def test_wider_jitter_needs_more_evidence() -> None:
    counts = [count for _, count in chance_table()]
    assert counts == sorted(counts)
    assert needed(np.array([0.0, 0.1, 0.55, 1.0, np.nan]), chance_table()).tolist() == [
        counts[0],
        6,
        10,
        counts[-1],
        counts[-1],
    ]


def test_a_perfect_jitter_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        chance_of_gap(1.0)


# A quarter and four fifths of the way up each rule, and what it adds there: (code, feature, values, contributions).
ALONG_THE_RULES = (
    ("one_interval", "near_folded_20", (0.575, 0.85), (0.065, 0.208)),
    ("steady", "block_mad", (0.27, 0.094), (0.04, 0.128)),
    ("not_chance", "llr_poisson", (0.55, 1.32), (0.035, 0.112)),
    ("in_phase", "coherence", (0.45, 0.78), (0.02, 0.064)),
    ("regular_windows", "best_window", (0.5375, 0.84), (0.025, 0.08)),
    ("same_request", "orig_near_median", (0.62, 0.884), (0.025, 0.08)),
    ("same_answer", "resp_near_median", (0.62, 0.884), (0.015, 0.048)),
    ("persistent", "parts_filled", (0.625, 0.9), (0.015, 0.048)),
    ("ladder", "step_gain", (0.35, 0.68), (0.01, 0.032)),
    ("odd_service", "service_fit", (-0.25, -0.8), (0.025, 0.08)),
    ("odd_port", "port_class", (1.5, 2.6), (0.02, 0.064)),
    ("shared", "prevalence", (0.35, 0.68), (-0.0375, -0.12)),
    ("bursts", "short_gap_share", (0.325, 0.6), (-0.05, -0.16)),
    ("wild_waits", "gap_mad", (0.625, 0.9), (-0.0375, -0.12)),
)


def test_rules_rise_where_they_are_said_to() -> None:
    assert [(rule.code, rule.feature) for rule in rules.RULES] == [row[:2] for row in ALONG_THE_RULES]
    for rule, (_code, _feature, values, expected) in zip(rules.RULES, ALONG_THE_RULES, strict=True):
        assert rule.weight * rule.membership(np.array(values)) == pytest.approx(expected), rule.code


def test_a_rule_never_adds_more_than_its_weight_and_nothing_for_the_undefined() -> None:
    for rule in rules.RULES:
        way = rule.full - rule.start
        beyond = np.array([rule.start - way, np.nan, rule.start, rule.full, rule.full + 5 * way])
        assert rule.membership(beyond).tolist() == [0, 0, 0, 1, 1], rule.code
