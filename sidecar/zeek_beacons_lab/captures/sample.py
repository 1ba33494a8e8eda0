"""The labelled pairs of many captures, pooled: what every method is measured on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.config import PROFILES, Config
from zeek_beacons.labels import BEACONS, BENIGN
from zeek_beacons.pairs import Bools, Floats, Ints
from zeek_beacons.pipeline import Scored, score, score_site
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.judge import LEAST_SPAN
from zeek_beacons.verdicts import NOT_SUPPRESSED
from zeek_beacons_lab.captures.infrastructure import is_infrastructure
from zeek_beacons_lab.captures.labelled import Capture

# Fits without these captures (names of their folders) and gives what scores them.
Trainer = Callable[[frozenset[str]], Scoring]

Column = TypeVar("Column", np.bool_, np.int64)

UNSCORED = -2.0  # the score of a pair that a method says nothing about: below every other
BUDGETS = (0.1, 0.5)  # false alerts per host-day


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What one method says of `n` pairs. Scores rise with suspicion; any scale, never NaN."""

    score: Floats  # (n,)
    alerts: Mapping[str, Bools]  # (n,) by profile, or by whatever the method calls its threshold
    silent: Bools  # (n,) pairs that no threshold would make alert: too little evidence, or known to be benign

    @classmethod
    def of(cls, score: Floats, alerts: Mapping[str, Bools]) -> Self:
        """The result of a method that its score alone decides."""
        return cls(score, alerts, np.zeros(len(score), dtype=np.bool_))

    def take(self, rows: Ints | Bools) -> Self:
        alerts = {name: found[rows] for name, found in self.alerts.items()}
        return replace(self, score=self.score[rows], alerts=alerts, silent=self.silent[rows])


Method = Callable[[Capture], Result]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """`n` pairs labelled C2 or benign, of `k` scenarios. A pair by name counts once with those it speaks for."""

    names: Sequence[str]  # (k,)
    host_days: Floats  # (k,) 0 where false alerts do not count
    scenario: Ints  # (n,) 0 to k - 1
    beacon: Bools  # (n,)
    infrastructure: Bools  # (n,) never a beacon
    conns: Ints  # (n,)
    row: Ints  # (n,) of the pair in its capture

    def __len__(self) -> int:
        return len(self.beacon)

    @property
    def counted(self) -> Bools:
        """Rows whose false alerts count by host-day, (n,)."""
        counted: Bools = self.host_days[self.scenario] > 0
        return counted

    def take(self, rows: Ints | Bools) -> Self:
        """The sample of these rows; the scenarios and host-days stay."""
        columns = {name: getattr(self, name)[rows] for name in ("scenario", "beacon", "infrastructure", "conns", "row")}
        return replace(self, **columns)

    def of_scenario(self, number: int) -> Ints:
        return np.flatnonzero(self.scenario == number)

    def redrawn(self, scenarios: Ints) -> tuple[Self, Ints]:
        """The sample of these scenarios, one drawn twice being two, and the rows of this one that it consists of."""
        parts = [self.of_scenario(number) for number in scenarios.tolist()]
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
        drawn = replace(
            self.take(rows),
            names=[self.names[number] for number in scenarios.tolist()],
            host_days=self.host_days[scenarios],
            scenario=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        )
        return drawn, rows


def pooled(captures: Sequence[Capture], config: Config) -> Sample:
    """Every labelled pair with enough connections to be scored."""
    chosen = [np.flatnonzero(_measured(capture, config)) for capture in captures]
    number = np.repeat(np.arange(len(captures)), [len(rows) for rows in chosen])

    def column(of: Callable[[Capture], NDArray[Column]]) -> NDArray[Column]:
        return np.concatenate([of(capture)[rows] for capture, rows in zip(captures, chosen, strict=True)])

    beacon = column(_is_beacon)
    return Sample(
        names=[capture.name for capture in captures],
        host_days=np.array([capture.host_days for capture in captures]),
        scenario=number,
        beacon=beacon,
        infrastructure=column(lambda capture: is_infrastructure(capture.pairs)) & ~beacon,
        conns=column(lambda capture: capture.pairs.conns),
        row=np.concatenate(chosen),
    )


def measure(sample: Sample, captures: Sequence[Capture], method: Method) -> Result:
    """What a method says of the sample's pairs; it sees each capture whole."""
    results = [method(capture).take(sample.row[sample.of_scenario(number)]) for number, capture in enumerate(captures)]
    names = results[0].alerts
    return Result(
        score=np.nan_to_num(np.concatenate([result.score for result in results]), nan=UNSCORED),
        alerts={name: np.concatenate([result.alerts[name] for result in results]) for name in names},
        silent=np.concatenate([result.silent for result in results]),
    )


def ours(scoring_for: Callable[[Capture], Scoring], config: Config) -> Method:
    """This package's verdicts: by profile, and by site baseline for each of the alert budgets."""

    def method(capture: Capture) -> Result:
        pairs, scoring = capture.pairs, scoring_for(capture)
        found = {name: score(pairs, scoring, replace(config, profile=name)).each for name in PROFILES}
        alerts = {name: one.verdicts.alerts for name, one in found.items()}
        for budget in BUDGETS:
            alerts[f"budget {budget:g}"] = score_site(pairs, scoring, config, budget)[0].each.verdicts.alerts
        return Result(ranked(found[config.profile]), alerts, silent(found[config.profile]))

    return method


def ranked(scored: Scored) -> Floats:
    """The score of each pair, (n,). What is suppressed (look-alikes, multicast) comes after all that is not."""
    verdicts = scored.verdicts
    found: Floats = np.nan_to_num(verdicts.score - (verdicts.suppressed != NOT_SUPPRESSED), nan=UNSCORED)
    return found


def silent(scored: Scored) -> Bools:
    """Pairs that no threshold would make alert: suppressed, or with too few check-ins for their rhythm, (n,)."""
    quiet = ~proven(scored) | (scored.verdicts.suppressed != NOT_SUPPRESSED)
    never: Bools = quiet & ~scored.verdicts.alerts  # a group speaks for members that alone are not proven
    return never


def proven(scored: Scored) -> Bools:
    """Pairs with as many check-ins, and as long, as their rhythm needs, (n,)."""
    measured = scored.feature_row >= 0
    enough = np.zeros(len(measured), dtype=np.bool_)
    enough[measured] = scored.features.column("checkins") >= scored.verdicts.needed[measured]
    enough[measured] &= scored.features.column("span") >= LEAST_SPAN
    return enough


def left_out(captures: Sequence[Capture], trainer: Trainer) -> Callable[[Capture], Scoring]:
    """For each capture a scoring that saw nothing of its lab."""
    fitted: dict[str, Scoring] = {}

    def scoring_for(capture: Capture) -> Scoring:
        if capture.lab not in fitted:
            fitted[capture.lab] = trainer(frozenset(c.name for c in captures if c.lab == capture.lab))
        return fitted[capture.lab]

    return scoring_for


def _measured(capture: Capture, config: Config) -> Bools:
    pairs = capture.pairs
    labelled = _has_label(capture, BEACONS | BENIGN)
    return labelled & (pairs.conns >= config.min_connections) & ~pairs.is_twin


def _is_beacon(capture: Capture) -> Bools:
    return _has_label(capture, BEACONS)


def _has_label(capture: Capture, labels: Collection[str]) -> Bools:
    return np.isin(capture.label, list(labels))
