"""From pairs to verdicts: the one place where the flow can be read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.features import Features
from zeek_beacons.features.matrix import measure
from zeek_beacons.incidents import Incidents, find
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.scoring import Scoring, lookalikes, place, timer
from zeek_beacons.scoring.busiest import busiest
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


@dataclass(frozen=True, eq=False)
class Scored:
    """A batch of `n` pairs and what was concluded about each of them."""

    pairs: Pairs
    verdicts: Verdicts  # n
    features: Features  # of the pairs with enough connections only
    feature_row: Ints  # (n,) the row in `features`, -1 for pairs that were not measured
    scoring: Scoring  # what scored them
    stretch: Floats  # (k, 2) begin and end of what speaks for the pair, seconds, rows as in `features`; NaN: all of it
    context: Floats | None = None  # what is known of their servers, rows as in `features`; see scoring/context_term.py
    allowed_by: Mapping[int, str] = field(default_factory=dict)  # row -> `file:line: text` of what keeps a beacon quiet

    @cached_property
    def incidents(self) -> Incidents:
        """What alerts, by what belongs together; formed when first asked for. A running sidecar has its own."""
        return find(self.pairs, self.verdicts)

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
    return _conclude(_measure(pairs, scoring, config), scoring, config, allow, threshold)


def score_site(
    pairs: Pairs, scoring: Scoring, config: Config, budget: float, allow: AllowList | None = None
) -> tuple[Scored, SiteBaseline]:
    """Verdicts for all that is known of a site, held against its own baseline and a budget of alerts per host-day."""
    measured = _measure(pairs, scoring, config)
    site = baseline(_conclude(measured, scoring, config, allow), budget)
    threshold = scoring.threshold(config.profile, site)
    return _conclude(measured, scoring, config, allow, threshold), site


def baseline(scored: Scored, budget: float) -> SiteBaseline:
    """What these pairs, all that is known of a site, say about it."""
    pairs, may = scored.pairs, scored.may_alert
    scores, hosts = scored.verdicts.score[may], len(set(pairs.orig_h[may]))
    seconds = np.nanmax(pairs.last_ts) - np.nanmin(pairs.first_ts) if pairs.counts.any() else 0.0
    return SiteBaseline(budget, scores, hosts, max(0.0, float(seconds)))


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What is held against a threshold: all that does not depend on one."""

    pairs: Pairs  # n
    row: Ints  # (n,) of the pairs with enough connections in all that follows, -1 for the others
    spoken: Pairs  # with the observations that speak for each: all, or those of its busiest stretch
    stretch: Floats  # its begin and end, see Scored
    features: Features  # of these
    scores: Mapping[str, Floats]
    context: Floats | None
    look: lookalikes.KnownRhythms
    false_name: Bools  # (n,) whose client claims a name that it has not looked the address up by


def _measure(pairs: Pairs, scoring: Scoring, config: Config) -> _Measured:
    pairs = pairs.latest(config.max_observations)
    enough = np.minimum(pairs.conns, pairs.counts) >= config.min_connections
    chosen = pairs.take(enough)
    features, checkins = measure(chosen)
    facts = scoring.facts(chosen, features)
    loudest = busiest(chosen, features, checkins, scoring)
    false_name = np.zeros(len(pairs), dtype=np.bool_)
    false_name[enough] = facts.names.false
    return _Measured(
        pairs=pairs,
        row=np.where(enough, np.cumsum(enough) - 1, -1),
        spoken=loudest.pairs,
        stretch=loudest.stretch,
        features=loudest.features,
        scores=loudest.scores,
        context=scoring.measure_context(facts),
        look=lookalikes.find(chosen, features, facts.names),
        false_name=false_name,
    )


def _conclude(
    measured: _Measured,
    scoring: Scoring,
    config: Config,
    allow: AllowList | None = None,
    threshold: float | None = None,
) -> Scored:
    pairs, features, context = measured.pairs, measured.features, measured.context
    if threshold is None:
        threshold = alert_threshold(scoring, config)
    certain = max(threshold, scoring.thresholds["conservative"])
    fused = scoring.fuse(measured.scores, context)
    why = scoring.explain(features, fused, context)
    usual = scoring.thresholds["balanced"]
    verdicts = judge(features, measured.look, measured.scores, fused, threshold, certain, scoring.evidence, why, usual)
    verdicts = replace(verdicts, calibrated=bool(scoring.calibration))
    verdicts = verdicts.spread(measured.row >= 0, config.min_connections)
    allowed = (allow or AllowList()).covers(pairs)
    quiet = {ALLOW_LISTED: allowed, NAMED_TWIN: pairs.is_twin & ~measured.false_name} | place.gates(pairs, config)
    verdicts = replace(verdicts, kind=place.kinds(pairs)).suppress(quiet)
    verdicts = timer.hinted(verdicts, measured.spoken, features, measured.row)
    return Scored(
        pairs=pairs,
        verdicts=verdicts,
        features=features,
        feature_row=measured.row,
        stretch=measured.stretch,
        scoring=scoring,
        context=context,
        allowed_by=_lines(pairs, verdicts, allow) if allow else {},
    )


def _lines(pairs: Pairs, verdicts: Verdicts, allow: AllowList) -> dict[int, str]:
    """Which line of the allow-list keeps each of its beacons quiet, for the strongest ones."""
    quiet = (verdicts.label == BEACON) & (verdicts.suppressed == ALLOW_LISTED)
    order = verdicts.ranking()
    return {row: allow.line_for(pairs.take(np.array([row]))) for row in order[quiet[order]][:LINES].tolist()}
