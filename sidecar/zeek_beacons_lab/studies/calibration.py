"""Whether a score means what it says: reliability and expected calibration error, classes at equal weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.features import extract
from zeek_beacons.pairs import Bools, Floats, Ints
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.captures.sample import Result, measure, pooled
from zeek_beacons_lab.studies.figures import view
from zeek_beacons_lab.studies.injection import FAMILIES, LENGTHS, can_host, inject, with_pair
from zeek_beacons_lab.studies.metrics import Reliability, reliability
from zeek_beacons_lab.studies.peers import OURS
from zeek_beacons_lab.studies.tables import Cell, Report, Table
from zeek_beacons_lab.traffic import labelled_pairs

BINS = 10
DRAWS = 200  # of the bootstrap
SYNTHETIC = 4000  # pairs that no model was trained on, half of them C2


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Scores of pairs of known class, in groups that are redrawn together."""

    score: Floats
    positive: Bools
    group: Ints

    def interval(self, seed: int) -> tuple[float, float]:
        """The middle 95 % of the calibration error over redrawn groups."""
        rng = np.random.default_rng(seed)
        names = np.unique(self.group)
        rows = {name: np.flatnonzero(self.group == name) for name in names.tolist()}
        found = []
        for _ in range(DRAWS):
            drawn = np.concatenate([rows[name] for name in rng.choice(names, len(names)).tolist()])
            if 0 < self.positive[drawn].sum() < len(drawn):
                found.append(reliability(self.score[drawn], self.positive[drawn], BINS).ece)
        low, high = np.quantile(found, (0.025, 0.975))
        return float(low), float(high)


def on_captures(captures: Sequence[Capture], scoring_for: Callable[[Capture], Scoring], config: Config) -> Judged:
    """Labelled pairs, infrastructure set aside; groups are captures."""
    sample = pooled(captures, config)
    rows = view(sample, "no infrastructure")

    def method(capture: Capture) -> Result:
        return Result.of(np.nan_to_num(score(capture.pairs, scoring_for(capture), config).each.verdicts.score), {})

    found = measure(sample, captures, method)
    return Judged(found.score[rows], sample.beacon[rows], sample.scenario[rows])


def on_injections(
    captures: Sequence[Capture], scoring_for: Callable[[Capture], Scoring], config: Config, draws: int, seed: int
) -> Judged:
    """Injected beacons against the benign pairs of the days they were injected into; groups are captures."""
    hosting = [capture for capture in captures if can_host(capture)]
    if not hosting:
        raise InputError("captures", "none is half a day long, with sizes and a host without C2")
    benign = on_captures(hosting, scoring_for, config)
    scores, groups = [], []
    for number, family in enumerate(FAMILIES):
        for length in LENGTHS:
            for draw in range(draws):
                capture = hosting[draw % len(hosting)]
                injected = with_pair(capture, inject(capture, family, length, (seed, number, length, draw)).pair)
                scores.append(float(score(injected.pairs, scoring_for(capture), config).each.verdicts.score[-1]))
                groups.append(draw % len(hosting))
    known = ~benign.positive
    return Judged(
        np.nan_to_num(np.concatenate([benign.score[known], scores])),
        np.concatenate([benign.positive[known], np.ones(len(scores), dtype=np.bool_)]),
        np.concatenate([benign.group[known], groups]),
    )


def on_synthetic(scoring: Scoring, config: Config, seed: int) -> Judged:
    """Synthetic pairs that were not trained on, from the generator that training uses; groups are its kinds."""
    pairs, truth = labelled_pairs(SYNTHETIC, seed + 1_000_003)
    found = scoring.fuse(scoring.score(extract(pairs.latest(config.max_observations))))
    _, group = np.unique(truth.kind, return_inverse=True)
    return Judged(found, np.asarray(truth.label == "c2"), group)


def report(judged: Mapping[str, Judged], seed: int) -> Report:
    """The calibration error of each set with its interval, and every bin."""
    found = {name: reliability(one.score, one.positive, BINS) for name, one in judged.items()}
    rows: list[list[Cell]] = []
    for name, one in judged.items():
        low, high = one.interval(seed)
        rows.append([name, int(one.positive.sum()), int((~one.positive).sum()), found[name].ece, low, high])
    head = ("scored", "C2 pairs", "benign pairs", "expected calibration error", "low", "high")
    tables = {"calibration": Table(head, rows), "calibration_bins": _bins(found)}

    def chart(path: Path) -> None:
        from zeek_beacons_lab.studies import plots

        curves = {"as said": (np.array([0.0, 1.0]), np.array([0.0, 1.0]))}
        curves |= {f"{name} (ECE {one.ece:.3f})": (one.said, one.so) for name, one in found.items()}
        title = f"{OURS}: reliability, classes at equal weight, {BINS} bins of equal mass"
        plots.lines(path, curves, title, "score", "share of C2", bold=["as said"])

    return Report(tables, {"calibration": chart}, ("calibration",))


def _bins(found: Mapping[str, Reliability]) -> Table:
    rows: list[list[Cell]] = [
        [name, number, *map(float, values)]
        for name, one in found.items()
        for number, values in enumerate(zip(one.said, one.so, one.mass, strict=True), 1)
    ]
    return Table(("scored", "bin", "mean score", "share of C2", "mass"), rows)
