"""From pairs to verdicts: the one place where the flow can be read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np

from zeek_beacons import groups
from zeek_beacons.allow import AllowList
from zeek_beacons.called import Called, called
from zeek_beacons.config import Config
from zeek_beacons.features import Features
from zeek_beacons.features.checkins import FlatCheckins
from zeek_beacons.features.matrix import measure
from zeek_beacons.incidents import Incidents, find
from zeek_beacons.pairs import Bools, Bytes, Floats, Ints, Pairs, joined
from zeek_beacons.said import Said, mentioned, raised
from zeek_beacons.scoring import Scoring, counted, listed, lookalikes, place, timer, tunnel, twins
from zeek_beacons.scoring.anomaly import Anomaly
from zeek_beacons.scoring.busiest import busiest
from zeek_beacons.scoring.judge import judge
from zeek_beacons.scoring.names import ServerNames
from zeek_beacons.scoring.risk import Risk
from zeek_beacons.scoring.site import SiteBaseline
from zeek_beacons.verdicts import (
    ALLOW_LISTED,
    BEACON,
    BENIGN,
    BY_FEEDBACK,
    EXPECTED,
    LOOK_UP,
    NAMED_TWIN,
    NOT_SUPPRESSED,
    OWN_BEACON,
    SNOOZED,
    STROBE,
    Verdicts,
)

NEAR = 0.05  # below the threshold: a near miss
LINES = 200  # beacons whose line of the allow-list is looked up


@dataclass(frozen=True, eq=False)
class Scored:
    """A batch of `n` pairs and what was concluded about each of them. Groups that they form are the last of them."""

    pairs: Pairs
    verdicts: Verdicts  # n
    features: Features  # of the pairs with enough connections only
    feature_row: Ints  # (n,) the row in `features`, -1 for pairs that were not measured
    scoring: Scoring  # what scored them
    stretch: Floats  # (k, 2) begin and end of what speaks for the pair, seconds, rows as in `features`; NaN: all of it
    members: Mapping[int, Ints]  # row of a group -> rows of its members, the one that began first first
    speaker: Ints  # (n,) the row that a verdict speaks of: the pair's own, or that of the group it alerts with
    context: Floats | None = None  # what is known of their servers, rows as in `features`; see scoring/context_term.py
    allowed_by: Mapping[int, str] = field(default_factory=dict)  # row -> `file:line: text` of what keeps a beacon quiet
    said: Mapping[int, str] = field(default_factory=dict)  # row -> what someone said of the pair, and who
    listed: Mapping[int, str] = field(default_factory=dict)  # row -> how the pair is on an indicator list

    @cached_property
    def incidents(self) -> Incidents:
        """What alerts, by what belongs together; formed when first asked for. A running sidecar has its own."""
        return find(self.pairs, self.verdicts, self.members)

    @cached_property
    def sentences(self) -> dict[int, str]:
        """The sentences on pairs that were made already, by row; see reports/sentence.py."""
        return {}

    @cached_property
    def called(self) -> Called:
        """What the servers are called; looked up when first asked for."""
        return called(self.pairs)

    @cached_property
    def risk(self) -> Risk:
        """Which pairs to look at first, with what endpoints know; worked out when first asked for."""
        folder = self.scoring.model.path if self.scoring.model else None
        anomaly = Anomaly.load(folder) if folder else None
        return Risk.of(self.pairs, self.verdicts.score, self.features, self.feature_row, anomaly)

    @property
    def n_pairs(self) -> int:
        """How many pairs there are, without groups, which are the rows behind them."""
        return len(self.pairs) - len(self.members)

    @property
    def each(self) -> Self:
        """The same of the pairs alone, without the groups that follow them: rows are those that were scored."""
        n = self.n_pairs
        pairs, measured = np.arange(n), np.arange(np.sum(self.feature_row[:n] >= 0))
        return replace(
            self,
            pairs=self.pairs.take(pairs),
            verdicts=self.verdicts.take(pairs),
            features=self.features.take(measured),
            feature_row=self.feature_row[:n],
            stretch=self.stretch[measured],
            context=None if self.context is None else self.context[measured],
            members={},
            speaker=pairs,
            listed={row: told for row, told in self.listed.items() if row < n},
        )

    @property
    def listed_quiet(self) -> Ints:
        """Rows of pairs with enough connections that are on an indicator list and do not alert, by falling score."""
        on_list = np.zeros(len(self.pairs), dtype=np.bool_)
        on_list[list(self.listed)] = True
        order = self.verdicts.ranking()
        rows: Ints = order[(on_list & (self.feature_row >= 0) & ~self.verdicts.alerts & ~self.pairs.is_group)[order]]
        return rows

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
    said: Said | None = None,
    told: int | None = None,
) -> Scored:
    """Verdicts for a batch of pairs; batch, live, API and evaluation all call this.

    Pairs with fewer than `config.min_connections` connections stay in the batch, unscored, as
    `insufficient_evidence`. A `threshold` takes the place of the settings'. `said`: what people have said of pairs.
    `told`: how many of the first pairs are told of (default: all): the others are there for their groups and names, and
    have neither measured reasons nor hints.
    """
    return _conclude(_measure(pairs, scoring, config), scoring, config, allow, threshold, said, told)


def score_site(
    pairs: Pairs,
    scoring: Scoring,
    config: Config,
    budget: float,
    allow: AllowList | None = None,
    said: Said | None = None,
) -> tuple[Scored, SiteBaseline]:
    """Verdicts for all that is known of a site, held against its own baseline and a budget of alerts per host-day."""
    measured = _measure(pairs, scoring, config)
    site = baseline(_conclude(measured, scoring, config, allow), budget)
    threshold = scoring.threshold(config.profile, site)
    return _conclude(measured, scoring, config, allow, threshold, said), site


def baseline(scored: Scored, budget: float) -> SiteBaseline:
    """What these pairs, all that is known of a site, say about it."""
    pairs, may = scored.pairs, scored.may_alert & ~scored.pairs.is_group
    scores, hosts = scored.verdicts.score[may], len(set(pairs.orig_h[may]))
    seconds = np.nanmax(pairs.last_ts) - np.nanmin(pairs.first_ts) if pairs.counts.any() else 0.0
    return SiteBaseline(budget, scores, hosts, max(0.0, float(seconds)))


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """`m` pairs with enough connections, and what is held against a threshold."""

    pairs: Pairs
    checkins: FlatCheckins
    spoken: Pairs  # with the observations that speak for each: all, or those of its busiest stretch
    stretch: Floats  # its begin and end, see Scored
    features: Features  # of these
    scores: Mapping[str, Floats]
    context: Floats | None
    names: ServerNames
    look: lookalikes.KnownRhythms
    look_up: Bools  # whether they are queries for other servers' addresses
    tunnel: Bools  # whether they carry data in the names that are asked for

    @classmethod
    def of(cls, pairs: Pairs, scoring: Scoring) -> Self:
        """Measures pairs, each by itself."""
        features, checkins = measure(pairs)
        facts = scoring.facts(pairs, features)
        look = lookalikes.find(pairs, features, facts.names)
        loudest = busiest(pairs, features, checkins, scoring)
        return cls(
            pairs=pairs,
            checkins=checkins,
            spoken=loudest.pairs,
            stretch=loudest.stretch,
            features=loudest.features,
            scores=loudest.scores,
            context=scoring.measure_context(facts),
            names=facts.names,
            look=look,
            look_up=tunnel.are_look_ups(pairs, facts.names),
            tunnel=tunnel.are_tunnels(pairs, facts.names, look),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """What does not depend on a threshold: `n` pairs, and behind them the `k` groups that they form."""

    pairs: Pairs  # n + k
    counted: Bytes  # (n + k,) index into KINDS: what is told by counting, see scoring/counted.py
    row: Ints  # (n + k,) of the pairs with enough connections in all that follows, -1 for the others; strobes have none
    spoken: Pairs  # m + k, as in `_Measured`
    stretch: Floats  # (m + k, 2)
    features: Features
    scores: Mapping[str, Floats]
    context: Floats | None
    look: lookalikes.KnownRhythms
    false_name: Bools  # (n + k,) whose client claims a name that it has not looked the address up by
    confirmed_name: Bools  # (n + k,) whose name somebody else than the client says too
    look_up: Bools  # (n + k,) queries for other servers' addresses; no group is
    tunnel: Bools  # (n + k,) what carries data in names; no group does
    members: Mapping[int, Ints]  # row of a group -> rows of its members

    def of_first(self, n: int) -> Bools:
        """Which rows of the features are those of the first `n` pairs, or of groups, (m + k,)."""
        rows = np.concatenate([self.row[:n], self.row[len(self.row) - len(self.members) :]])
        found = np.zeros(len(self.features.matrix), dtype=np.bool_)
        found[rows[rows >= 0]] = True
        return found


def _measure(pairs: Pairs, scoring: Scoring, config: Config) -> _Batch:
    """Measures the pairs of a batch, and the groups that they form."""
    pairs = pairs.latest(config.max_observations)
    kinds = counted.kinds(pairs, config)
    measurable = (np.minimum(pairs.conns, pairs.counts) >= config.min_connections) & (kinds != STROBE)
    enough = np.flatnonzero(measurable)
    each = _Measured.of(pairs.take(enough), scoring)
    rhythm = scoring.rhythm(each.scores)
    may_join = groups.may_join(each.pairs, each.names, each.look) & ~each.look_up & ~each.tunnel
    alike = groups.find(each.pairs, each.features, each.checkins, may_join)
    found = groups.loud(alike.latest(config.max_observations), rhythm, scoring)
    row = np.full(len(pairs) + len(found), -1, dtype=np.int64)
    row[enough] = np.arange(len(enough))
    row[len(pairs) :] = len(enough) + np.arange(len(found))
    false_name = np.zeros(len(row), dtype=np.bool_)
    false_name[enough] = each.names.false
    confirmed = np.zeros(len(row), dtype=np.bool_)
    confirmed[enough] = each.names.confirmed
    look_ups, tunnels = np.zeros(len(row), dtype=np.bool_), np.zeros(len(row), dtype=np.bool_)
    look_ups[enough], tunnels[enough] = each.look_up, each.tunnel
    kinds = np.concatenate([kinds, np.full(len(found), OWN_BEACON, dtype=np.uint8)])
    members = {len(pairs) + place: enough[members] for place, members in enumerate(found.members)}
    if not members:
        spoken, stretch, features, scores = each.spoken, each.stretch, each.features, each.scores
        look, context = each.look, each.context
        asks = look_ups, tunnels
        claims = false_name, confirmed
        return _Batch(pairs, kinds, row, spoken, stretch, features, scores, context, look, *claims, *asks, members)
    every = _Measured.of(found.pairs, scoring)
    return _Batch(
        pairs=joined([pairs, found.pairs]),
        counted=kinds,
        row=row,
        spoken=joined([each.spoken, every.spoken]),
        stretch=np.concatenate([each.stretch, every.stretch]),
        features=Features(np.concatenate([each.features.matrix, every.features.matrix])),
        scores={name: np.concatenate([each.scores[name], every.scores[name]]) for name in each.scores},
        context=None if each.context is None else np.concatenate([each.context, every.context]),
        look=lookalikes.KnownRhythms(
            np.concatenate([each.look.index, every.look.index]), np.concatenate([each.look.proven, every.look.proven])
        ),
        false_name=false_name,
        confirmed_name=confirmed,
        look_up=look_ups,
        tunnel=tunnels,
        members=members,
    )


def _conclude(
    measured: _Batch,
    scoring: Scoring,
    config: Config,
    allow: AllowList | None = None,
    threshold: float | None = None,
    said: Said | None = None,
    told: int | None = None,
) -> Scored:
    pairs, features, context = measured.pairs, measured.features, measured.context
    if threshold is None:
        threshold = alert_threshold(scoring, config)
    certain = max(threshold, scoring.thresholds["conservative"])
    fused = scoring.fuse(measured.scores, context)
    is_told = None if told is None else measured.of_first(told)
    why = scoring.explain(features, fused, context, is_told)
    usual = scoring.thresholds["balanced"]
    verdicts = judge(features, measured.look, measured.scores, fused, threshold, certain, scoring.evidence, why, usual)
    verdicts = replace(verdicts, calibrated=bool(scoring.calibration))
    verdicts = verdicts.spread(measured.row >= 0, config.min_connections)
    allowed = (allow or AllowList()).covers(pairs)
    for group, members in measured.members.items():
        allowed[group] |= allowed[members].all()
    said = said or Said()
    false, snoozed, true = (
        mentioned(words, pairs, measured.members) for words in (said.false, said.snoozed, said.true)
    )
    spoken = {ALLOW_LISTED: allowed, BY_FEEDBACK: false, SNOOZED: snoozed}
    twin = twins.spoken_for(pairs, verdicts, measured.confirmed_name, usual) & ~measured.false_name
    quiet = spoken | {NAMED_TWIN: twin} | place.gates(pairs, config)
    quiet[LOOK_UP] = measured.look_up
    verdicts = raised(replace(verdicts, kind=place.kinds(pairs)), true, measured.row >= 0)
    verdicts = counted.told(verdicts, measured.counted)
    quiet |= {EXPECTED: counted.is_expected(pairs, verdicts.kind, scoring.knowledge) & ~true}
    verdicts = tunnel.found(verdicts.suppress(quiet), measured.tunnel & ~(allowed | false | snoozed))
    on_lists = listed.listed(pairs, measured.members, scoring.local.indicators)
    verdicts = listed.severer(verdicts, on_lists)
    verdicts = timer.hinted(verdicts, measured.spoken, features, measured.row, is_told)
    speaker = groups.speaker(verdicts, measured.members)
    return Scored(
        pairs=pairs,
        verdicts=verdicts.lent(speaker),
        features=features,
        feature_row=measured.row,
        stretch=measured.stretch,
        scoring=scoring,
        context=context,
        members=measured.members,
        speaker=speaker,
        allowed_by=_lines(pairs, verdicts, allow) if allow else {},
        said=said.texts(pairs),
        listed=listed.lent(on_lists, measured.members, speaker),
    )


def _lines(pairs: Pairs, verdicts: Verdicts, allow: AllowList) -> dict[int, str]:
    """Which line of the allow-list keeps each of its beacons quiet, for the strongest ones."""
    quiet = (verdicts.label == BEACON) & (verdicts.suppressed == ALLOW_LISTED)
    order = verdicts.ranking()
    return {row: allow.line_for(pairs.take(np.array([row]))) for row in order[quiet[order]][:LINES].tolist()}
