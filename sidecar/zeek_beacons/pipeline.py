"""From pairs to verdicts: the one place where the flow can be read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from zeek_beacons import incidents
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.features import Features, extract
from zeek_beacons.incidents import Incidents
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.scoring import Scoring, place, timer
from zeek_beacons.scoring.judge import judge
from zeek_beacons.scoring.site import SiteBaseline
from zeek_beacons.verdicts import (
    ALLOW_LISTED,
    BEACON,
    BENIGN,
    NAMED_TWIN,
    NOT_SUPPRESSED,
    Verdicts,
)

NEAR = 0.05  # below the threshold: a near miss
LINES = 200  # beacons whose line of the allow-list is looked up


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A batch of `n` pairs and what was concluded about each of them."""

    pairs: Pairs
    verdicts: Verdicts  # n
    features: Features  # of the pairs with enough connections only
    feature_row: Ints  # (n,) the row in `features`, -1 for pairs that were not measured
    incidents: Incidents  # what alerts, by what belongs together
    allowed_by: Mapping[int, str] = field(default_factory=dict)  # row -> `file:line: text` of what keeps a beacon quiet

    @property
    def near_miss(self) -> Bools:
        """Pairs just below the threshold that nothing else keeps from alerting, (n,)."""
        score, threshold = self.verdicts.score, self.verdicts.threshold
        near: Bools = (self.verdicts.label == BENIGN) & self.may_alert & (score >= threshold - NEAR)
        return near

    @property
    def may_alert(self) -> Bools:
        """Pairs that a high enough score makes an alert, (n,): scored, and nothing suppresses them."""
        may: Bools = (self.feature_row >= 0) & (self.verdicts.suppressed == NOT_SUPPRESSED)
        return may


def alert_threshold(scoring: Scoring, config: Config) -> float:
    """The score from which a pair alerts: the one that is set, else the profile's."""
    return config.threshold or scoring.threshold(config.profile)


def score(
    pairs: Pairs,
    scoring: Scoring,
    config: Config,
    allow: AllowList | None = None,
    threshold: float | None = None,
) -> Scored:
    """Verdicts for a batch of pairs; batch, live, API and evaluation all call this.

    Pairs with fewer than `config.min_connections` connections stay in the batch, unscored, as
    `insufficient_evidence`. A `threshold` takes the place of the settings'.
    """
    pairs = pairs.latest(config.max_observations)
    enough = np.minimum(pairs.conns, pairs.counts) >= config.min_connections
    features = extract(pairs.take(enough))
    row = np.where(enough, np.cumsum(enough) - 1, -1)
    return _conclude(pairs, features, row, scoring, scoring.score(features), config, allow, threshold)


def score_site(
    pairs: Pairs, scoring: Scoring, config: Config, budget: float, allow: AllowList | None = None
) -> tuple[Scored, SiteBaseline]:
    """Verdicts for all that is known of a site, held against its own baseline and a budget of alerts per host-day."""
    first = score(pairs, scoring, config, allow)
    site = baseline(first, budget)
    scores = {name: values[first.feature_row >= 0] for name, values in first.verdicts.scorers.items()}
    threshold = scoring.threshold(config.profile, site)
    found = _conclude(first.pairs, first.features, first.feature_row, scoring, scores, config, allow, threshold)
    return found, site


def baseline(scored: Scored, budget: float) -> SiteBaseline:
    """What these pairs, all that is known of a site, say about it."""
    pairs, may = scored.pairs, scored.may_alert
    scores, hosts = scored.verdicts.score[may], len(set(pairs.orig_h[may]))
    seconds = np.nanmax(pairs.last_ts) - np.nanmin(pairs.first_ts) if pairs.counts.any() else 0.0
    return SiteBaseline(budget, scores, hosts, max(0.0, float(seconds)))


def _conclude(
    pairs: Pairs,
    features: Features,
    row: Ints,
    scoring: Scoring,
    scores: Mapping[str, Floats],
    config: Config,
    allow: AllowList | None,
    threshold: float | None,
) -> Scored:
    enough = row >= 0
    if threshold is None:
        threshold = alert_threshold(scoring, config)
    certain = max(threshold, scoring.thresholds["conservative"])
    fused = scoring.fuse(scores)
    why = scoring.explain(features, fused)
    usual = scoring.thresholds["balanced"]
    verdicts = judge(pairs.take(enough), features, scores, fused, threshold, certain, scoring.evidence, why, usual)
    verdicts = replace(verdicts, calibrated=bool(scoring.calibration)).spread(enough, config.min_connections)
    allowed = (allow or AllowList()).covers(pairs)
    quiet = {ALLOW_LISTED: allowed, NAMED_TWIN: pairs.is_twin} | place.gates(pairs, config)
    verdicts = replace(verdicts, kind=place.kinds(pairs)).suppress(quiet)
    verdicts = timer.told(verdicts, pairs, features, row)
    lines = _lines(pairs, verdicts, allow) if allow else {}
    return Scored(pairs, verdicts, features, row, incidents.find(pairs, verdicts), lines)


def _lines(pairs: Pairs, verdicts: Verdicts, allow: AllowList) -> dict[int, str]:
    """Which line of the allow-list keeps each of its beacons quiet, for the strongest ones."""
    quiet = (verdicts.label == BEACON) & (verdicts.suppressed == ALLOW_LISTED)
    order = verdicts.ranking()
    return {row: allow.line_for(pairs.take(np.array([row]))) for row in order[quiet[order]][:LINES].tolist()}
