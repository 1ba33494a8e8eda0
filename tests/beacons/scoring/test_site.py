"""The site baseline: the prior for a new site, the budget for a known one, and beacons never hidden by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import baseline, score, score_site
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.site import DAY, PRIOR_DAYS, SiteBaseline

RATES = ((0.95, 0.02), (0.9, 0.1), (0.8, 0.5), (0.6, 2.0))
LOWEST, CERTAIN = 0.5, 0.9
Make = Callable[..., dict[str, Any]]


def _site(scores: list[float], budget: float = 0.5, days: float = 1.0, hosts: int = 10) -> SiteBaseline:
    return SiteBaseline(budget, np.array(scores), hosts, days * DAY)


def _threshold(site: SiteBaseline) -> float:
    return site.threshold(RATES, LOWEST, CERTAIN)


def test_a_new_site_has_the_rate_of_the_captures() -> None:
    assert _threshold(SiteBaseline(0.5)) == pytest.approx(0.8)
    assert _threshold(SiteBaseline(0.1)) == pytest.approx(0.9)


def test_one_pair_changes_next_to_nothing() -> None:
    assert _threshold(_site([0.99], days=0.1)) == pytest.approx(_threshold(SiteBaseline(0.5)), abs=0.02)


def test_a_noisy_site_alerts_later_and_a_quiet_one_earlier() -> None:
    new = _threshold(SiteBaseline(0.5))
    assert _threshold(_site([0.1] * 200)) < new
    assert _threshold(_site([0.85] * 200)) > 0.85


def test_the_budget_holds_at_a_known_site() -> None:
    rng = np.random.default_rng(1)
    scores = rng.uniform(0, 0.89, 3000).tolist()
    site = _site(scores, budget=0.5, days=10, hosts=10)
    alerts = sum(score >= _threshold(site) for score in scores)
    assert 10 < alerts <= 0.5 * (site.host_days + PRIOR_DAYS)


def test_sure_beacons_do_not_raise_the_threshold() -> None:
    quiet = [0.1] * 200
    assert _threshold(_site([*quiet, *[0.97] * 30])) == _threshold(_site(quiet))


@given(st.lists(st.floats(0, 1), max_size=50), st.floats(0, 30), st.integers(1, 50), st.sampled_from([0.05, 0.3, 2]))
def test_no_traffic_raises_it_above_what_is_certain(
    scores: list[float], days: float, hosts: int, budget: float
) -> None:
    most = max(CERTAIN, _threshold(SiteBaseline(budget)))
    assert LOWEST <= _threshold(_site(scores, budget, days, hosts)) <= most


def test_never_below_the_lowest() -> None:
    assert _threshold(_site([0.0] * 500, days=100)) == LOWEST


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_is_a_positive_number(budget: float) -> None:
    with pytest.raises(ConfigError):
        SiteBaseline(budget)


def test_a_batch_and_its_pairs_one_by_one_agree_under_one_baseline(pair: Make) -> None:
    pairs = Pairs.build([pair(n=60, jitter=j / 12, seed=j) for j in range(12)])
    scoring, config = Scoring.load(), Config()
    together, _site = score_site(pairs, scoring, config, 0.3)
    for row in range(len(pairs)):
        alone = score(pairs.take(np.array([row])), scoring, config, threshold=together.verdicts.threshold)
        assert alone.verdicts.label[0] == together.verdicts.label[row]
        assert alone.verdicts.score[0] == together.verdicts.score[row]
        assert alone.verdicts.threshold == together.verdicts.threshold


def test_scores_do_not_depend_on_the_site(pair: Make) -> None:
    pairs = Pairs.build([pair(n=60, jitter=j / 12, seed=j) for j in range(12)])
    plain = score(pairs, Scoring.load(), Config())
    found, site = score_site(pairs, Scoring.load(), Config(), 0.3)
    np.testing.assert_array_equal(plain.verdicts.score, found.verdicts.score)
    again = baseline(plain, 0.3)
    np.testing.assert_array_equal(again.scores, site.scores)
    assert (again.hosts, again.seconds) == (site.hosts, site.seconds)
    assert site.hosts == 1
    assert site.seconds == pairs.last_ts.max() - pairs.first_ts.min()
