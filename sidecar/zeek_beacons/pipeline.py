"""From pairs to verdicts: the one place where the flow can be read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from zeek_beacons import incidents
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.features import Features, extract
from zeek_beacons.incidents import Incidents
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.scoring import Scoring, place
from zeek_beacons.scoring.judge import judge
from zeek_beacons.scoring.site import SiteBaseline
from zeek_beacons.verdicts import (
    ALLOW_LISTED,
    NAMED_TWIN,
    NOT_SUPPRESSED,
    Verdicts,
)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A batch of `n` pairs and what was concluded about each of them."""

    pairs: Pairs
    verdicts: Verdicts  # n
    features: Features  # of the pairs with enough connections only
    feature_row: Ints  # (n,) the row in `features`, -1 for pairs that were not measured
    incidents: Incidents  # what alerts, by what belongs together

    @property
    def may_alert(self) -> Bools:
        """Pairs that a high enough score makes an alert, (n,): scored, and nothing suppresses them."""
        may: Bools = (self.feature_row >= 0) & (self.verdicts.suppressed == NOT_SUPPRESSED)
        return may


def score(
    pairs: Pairs,
    scoring: Scoring,
    config: Config,
    allow: AllowList | None = None,
    threshold: float | None = None,
) -> Scored:
    """Verdicts for a batch of pairs; batch, live, API and evaluation all call this.

    Pairs with fewer than `config.min_connections` connections stay in the batch, unscored, as
    `insufficient_evidence`. A `threshold` takes the place of the profile's.
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
        threshold = scoring.threshold(config.profile)
    certain = max(threshold, scoring.thresholds["conservative"])
    fused = scoring.fuse(scores)
    why = scoring.explain(features, fused)
    verdicts = judge(pairs.take(enough), features, scores, fused, threshold, certain, scoring.evidence, why)
    verdicts = replace(verdicts, calibrated=bool(scoring.calibration)).spread(enough, config.min_connections)
    allowed = (allow or AllowList()).covers(pairs)
    quiet = {ALLOW_LISTED: allowed, NAMED_TWIN: pairs.is_twin} | place.gates(pairs, config)
    verdicts = replace(verdicts, kind=place.kinds(pairs)).suppress(quiet)
    return Scored(pairs, verdicts, features, row, incidents.find(pairs, verdicts))
