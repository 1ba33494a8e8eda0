"""Reasons are faithful: taking away what a reason names moves the score as far as the reason says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.features import CATALOGUE, MODEL_FEATURES, Features, extract
from zeek_beacons.features.catalogue import COLUMN
from zeek_beacons.pairs import Floats, Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.reports.sentence import reasons
from zeek_beacons.scoring import Scoring, explain, rules
from zeek_beacons.scoring.context_term import CODES, Facts, Indicator
from zeek_beacons.scoring.occlusion_baseline import unremarkable
from zeek_beacons.scoring.reasons import GROUPS, REASONS, Group
from zeek_beacons_lab.traffic import labelled_pairs

Make = Callable[..., dict[str, Any]]
SHIPPED, RULES = Scoring.load(), Scoring.rules_only()
# Of a contribution: a fused score is rounded to four digits, and calibration stretches the last one up to fivefold.
EXACT = 1e-3


def rhythm(features: Features) -> Floats:
    return SHIPPED.rhythm(SHIPPED.score(features))


TRIAL = explain.Trial(rhythm, SHIPPED.together)


def fused(scoring: Scoring, matrix: Any) -> Floats:
    return scoring.fuse(scoring.score(Features(matrix)))


@pytest.fixture(scope="module")
def traffic() -> Features:
    """Beacons and benign pairs, some with parts of what is known taken away."""
    pairs, _truth = labelled_pairs(500, 12)
    return extract(pairs.latest(512))


@pytest.fixture(scope="module")
def why(traffic: Features) -> explain.Explanation:
    return SHIPPED.explain(traffic, fused(SHIPPED, traffic.matrix))


def group_of(place: int) -> Group:
    code = REASONS[place].code
    return next(group for group in GROUPS if code in (group.code, group.otherwise))


def measured(why: explain.Explanation) -> list[int]:
    return np.flatnonzero(np.isfinite(why.contributions[:, 0])).tolist()


def test_every_feature_that_scores_belongs_to_one_reason() -> None:
    known, grouped = {feature.name for feature in CATALOGUE}, Counter(name for group in GROUPS for name in group.covers)
    scoring = {*MODEL_FEATURES, *(rule.feature for rule in rules.RULES)}
    assert not grouped.keys() - known, "features of groups in scoring/reasons.py that the catalogue does not have"
    assert not scoring - grouped.keys(), "features that score and are in no group of scoring/reasons.py"
    assert not [name for name, times in grouped.items() if times > 1], "features in several groups"


def test_every_reason_tells_of_one_group_by_a_feature_of_the_catalogue() -> None:
    codes = [code for group in GROUPS for code in (group.code, group.otherwise) if code]
    assert sorted(codes) == sorted(reason.code for reason in REASONS if not isinstance(reason, Indicator))
    assert {reason.feature for reason in REASONS if not isinstance(reason, Indicator)} <= COLUMN.keys()


def test_what_a_rule_names_is_what_it_adds(traffic: Features) -> None:
    for row, strength in enumerate(rules.contributions(traffic)[:60]):
        if np.clip(strength.sum(), 0, 1) != strength.sum():
            continue
        for rule, added in zip(rules.RULES, strength, strict=True):
            without = traffic.matrix[[row]].copy()
            without[0, COLUMN[rule.feature]] = np.nan
            rest = rules.contributions(Features(without)).sum()
            np.testing.assert_allclose(strength.sum() - rest, added, atol=1e-6)


def test_taking_a_reason_away_lowers_the_score_by_its_contribution(traffic: Features, why: explain.Explanation) -> None:
    before = fused(SHIPPED, traffic.matrix)
    usual = unremarkable()
    rows = measured(why)
    assert len(rows) > 150
    for row in rows:
        for place, added in zip(why.reasons[row], why.contributions[row], strict=True):
            if place < 0:
                continue
            changed = traffic.matrix[[row]].copy()
            for name in group_of(place).covers:
                if not np.isnan(changed[0, COLUMN[name]]):
                    changed[0, COLUMN[name]] = usual[COLUMN[name]]
            assert before[row] - fused(SHIPPED, changed)[0] == pytest.approx(added, abs=EXACT)


def test_no_other_group_speaks_more_for_a_beacon_than_the_first_reason(
    traffic: Features, why: explain.Explanation
) -> None:
    before = fused(SHIPPED, traffic.matrix)
    for row in measured(why):
        left = [fused(SHIPPED, explain.without(group, traffic.matrix[[row]]))[0] for group in GROUPS]
        falls = before[row] - np.array(left)
        given = why.contributions[row][why.reasons[row] >= 0]
        assert given[0] >= falls.max() - EXACT
        assert list(given) == sorted(given, reverse=True)


def test_beacons_have_a_reason_that_speaks_for_them(why: explain.Explanation) -> None:
    rows = measured(why)
    assert (why.contributions[rows, 0] > 0).all()
    assert (np.isnan(why.contributions) | (why.reasons >= 0)).all()


def test_only_what_may_alert_is_tried(traffic: Features, why: explain.Explanation) -> None:
    before = fused(SHIPPED, traffic.matrix)
    assert set(measured(why)) == set(np.flatnonzero(before >= SHIPPED.thresholds["sensitive"]).tolist())
    seen: list[int] = []

    def counting(tried: Features) -> Floats:
        seen.append(len(tried.matrix))
        return np.zeros(len(tried.matrix))

    trial = explain.Trial(counting, SHIPPED.together)
    explain.by_occlusion(traffic, None, before, np.zeros(len(before), dtype=np.bool_), trial)
    assert not seen


def test_a_pair_has_the_same_reasons_alone_and_in_a_batch(traffic: Features, why: explain.Explanation) -> None:
    before = fused(SHIPPED, traffic.matrix)
    for row in measured(why)[:50]:
        alone = SHIPPED.explain(Features(traffic.matrix[[row]]), before[[row]])
        np.testing.assert_array_equal(alone.reasons[0], why.reasons[row])
        np.testing.assert_array_equal(alone.contributions[0], why.contributions[row])


def test_few_rows_are_summed_up_like_many(traffic: Features, why: explain.Explanation) -> None:
    """With 50 rows or fewer and several threads, onnxruntime adds up the trees in another order."""
    asked: list[int] = []

    def asking(tried: Features) -> Floats:
        asked.append(len(tried.matrix))
        return rhythm(tried)

    explain.contributions(Features(traffic.matrix[[0]]), None, np.zeros(1), explain.Trial(asking, SHIPPED.together))
    assert min(asked) > 50


def test_blocks_make_no_difference(
    traffic: Features, why: explain.Explanation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain, "BLOCK", 7)
    other = SHIPPED.explain(traffic, fused(SHIPPED, traffic.matrix))
    np.testing.assert_array_equal(other.reasons, why.reasons)
    np.testing.assert_array_equal(other.contributions, why.contributions)


def test_equal_pairs_have_equal_reasons(pair: Make) -> None:
    for scoring in (SHIPPED, RULES):
        verdicts = score(Pairs.build([pair(), pair(rhythm=False), pair()]), scoring, Config()).verdicts
        np.testing.assert_array_equal(verdicts.reasons[0], verdicts.reasons[2])
        np.testing.assert_array_equal(verdicts.contributions[0], verdicts.contributions[2])


def test_an_unremarkable_pair_has_nothing_to_take_away() -> None:
    row = np.array([unremarkable()])
    before = fused(SHIPPED, row)
    assert before[0] < 0.1
    found = explain.contributions(Features(row), None, before, TRIAL)
    assert np.abs(found).max() < EXACT


def test_what_is_not_known_is_no_reason(pair: Make) -> None:
    timer = {"service": "ssl", "orig_bytes": None, "resp_bytes": None}
    nothing, rare = pair(**timer), pair(**timer, resp_hosts=1.0, site_hosts=20.0)
    features = extract(Pairs.build([nothing, rare]))
    found = explain.contributions(features, None, fused(SHIPPED, features.matrix), TRIAL)
    columns = {group.code: values for group, values in zip(GROUPS, found.T, strict=True)}
    assert columns["shared"][0] == pytest.approx(0, abs=EXACT)
    assert columns["shared"][1] > EXACT
    assert np.abs(columns["same_request"]).max() < EXACT


def test_rules_alone_need_no_trial(traffic: Features) -> None:
    why = RULES.explain(traffic, fused(RULES, traffic.matrix))
    added = rules.contributions(traffic)
    told = why.reasons >= 0
    np.testing.assert_array_equal(why.contributions[told], np.take_along_axis(added, why.reasons, axis=1)[told])
    assert np.isnan(why.contributions[~told]).all()
    strongest = np.abs(added).max(axis=1) > explain.LEAST
    np.testing.assert_allclose(np.nanmax(np.abs(why.contributions[strongest]), 1), np.abs(added[strongest]).max(1))


def test_a_reason_says_only_what_is_true(pair: Make) -> None:
    """A port that everybody uses is not called odd, whatever it contributes."""
    loud = replace(SHIPPED, thresholds=dict.fromkeys(SHIPPED.thresholds, 0.0))
    usual, odd = pair(service="ssl"), pair(resp_p=50_123, service="ssl")
    features = extract(Pairs.build([usual, odd]))
    told = explain.told(features, None)
    for group, (of_usual, of_odd) in zip(GROUPS, told.T, strict=True):
        if group.code in ("odd_port", "odd_service"):
            assert (REASONS[of_usual].code, REASONS[of_odd].code) == (group.otherwise, group.code)
    scored = score(Pairs.build([pair(seed=seed, jitter=seed / 20) for seed in range(20)]), loud, Config())
    for row in range(20):
        assert all("nan" not in text for text in reasons(scored, row))
        assert np.isfinite(scored.verdicts.contributions[row, 0])


def test_a_fact_contributes_what_the_score_falls_by_without_it(pair: Make) -> None:
    pairs = Pairs.build(
        [pair(resp="203.0.113.7", resp_p=4444, service="ssl", resp_local=False, state=["S0"] * 60, n=60)]
    )
    features = extract(pairs)
    context = SHIPPED.measure_context(Facts.of(pairs, features))
    assert context is not None
    assert {code for code, holds in zip(CODES, context[0], strict=True) if holds} == {
        "unknown_server", "failing", "uncommon_port", "unfit_service"
    }  # fmt: skip
    scores = SHIPPED.score(features)
    whole = SHIPPED.fuse(scores, context)
    why = SHIPPED.explain(features, whole, context)
    for place, added in zip(why.reasons[0], why.contributions[0], strict=True):
        reason = REASONS[place]
        if place >= 0 and isinstance(reason, Indicator):
            without = context.copy()
            without[0, CODES.index(reason.code)] = 0
            assert whole[0] - SHIPPED.fuse(scores, without)[0] == pytest.approx(added, abs=EXACT)
            assert added > 0
