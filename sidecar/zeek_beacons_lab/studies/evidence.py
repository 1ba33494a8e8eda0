"""How many check-ins a verdict needs: C2 and benign pairs of equal length that differ in nothing but their rhythm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zeek_beacons.features import extract
from zeek_beacons.pairs import Floats, Pairs
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.baselines import BASELINES
from zeek_beacons_lab.studies import metrics
from zeek_beacons_lab.studies.dressed import BENIGN, C2, FPR, WANTED, dressed
from zeek_beacons_lab.studies.peers import OURS, over
from zeek_beacons_lab.studies.rhythms import RHYTHMS, bound_known, bound_unknown
from zeek_beacons_lab.studies.tables import Cell, Report, Table

LENGTHS = (3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 50, 100)  # check-ins
TARGETS = (5, 9, 12)  # check-ins at which 90 % of the bound is aimed for
BOUND_PAIRS = 20_000
SIMPLE = "plain CV of the gaps"

Scorer = Callable[[Pairs], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """TPR at 1 % FPR by number of check-ins, with its interval over seeds."""

    tpr: Floats
    low: Floats
    high: Floats

    def needed(self) -> int | None:
        """The least number of check-ins from which on at least 80 % are found; None where that is never so."""
        below = np.flatnonzero(self.tpr < WANTED)
        place = int(below[-1]) + 1 if len(below) else 0
        return LENGTHS[place] if place < len(LENGTHS) else None


Curves = Mapping[str, Mapping[str, Curve]]  # rhythm, method


def scorers(scoring: Scoring) -> dict[str, Scorer]:
    """This package's score of each pair by itself (no site to read it against), and the simplest statistic."""
    formula = over(BASELINES[SIMPLE].formula)
    return {
        OURS: lambda pairs: scoring.fuse(scoring.score(extract(pairs))),
        SIMPLE: lambda pairs: formula(pairs, np.arange(len(pairs))),
    }


def run(chosen: Mapping[str, Scorer], seeds: int, seed: int) -> Curves:
    """Curves by rhythm and method, and of the two bounds."""
    found = {name: {method: np.empty((seeds, len(LENGTHS))) for method in chosen} for name in RHYTHMS}
    for at, n in enumerate(LENGTHS):
        for number in range(seeds):
            rng = np.random.default_rng((seed, n, number))
            benign = dressed(rng, rng.exponential(1.0, (BENIGN, n - 1)))
            kinds = {name: dressed(rng, rhythm.draw(rng, (C2, n - 1))) for name, rhythm in RHYTHMS.items()}
            for method, scorer in chosen.items():
                low = scorer(benign)
                for name, pairs in kinds.items():
                    found[name][method][number, at] = _tpr(scorer(pairs), low)
    return {
        name: {method: _over_seeds(values, seed) for method, values in by_method.items()} | _bounds(name, seed)
        for name, by_method in found.items()
    }


def report(curves: Curves) -> Report:
    """Check-ins needed, TPR by length, and how near the score comes to the bounds."""
    tables = {"evidence_needed": _needed(curves), "evidence_bound": _ratio(curves), "evidence_curves": _long(curves)}

    def chart(path: Path) -> None:
        from zeek_beacons_lab.studies import plots

        at = np.array(LENGTHS, dtype=np.float64)
        lines = {name: (at, by_method[OURS].tpr) for name, by_method in curves.items()}
        bands = {name: (by_method[OURS].low, by_method[OURS].high) for name, by_method in curves.items()}
        title = f"{OURS}: C2 found at 1 % false positives, classes of equal length"
        ticks = (at, [str(n) for n in LENGTHS])
        plots.lines(path, lines, title, "check-ins", "share found", bands=bands, log_x=True, ticks=ticks)

    def bound_chart(path: Path) -> None:
        from zeek_beacons_lab.studies import plots

        groups = {
            name: {method: float(curve.tpr[LENGTHS.index(9)]) for method, curve in by_method.items()}
            for name, by_method in curves.items()
        }
        plots.bars(path, groups, "Share found at 9 check-ins and 1 % false positives", "share found")

    charts = {"evidence_curves": chart, "evidence_bound": bound_chart}
    return Report(tables, charts, ("evidence_needed", "evidence_bound"))


KNOWN, UNKNOWN = "bound, sleep known", "bound, sleep unknown"


def _bounds(name: str, seed: int) -> dict[str, Curve]:
    found: dict[str, Curve] = {}
    for title, bound in ((KNOWN, bound_known), (UNKNOWN, bound_unknown)):
        rng = np.random.default_rng((seed, 99))
        values = [bound(RHYTHMS[name], n - 1, BOUND_PAIRS, FPR, rng) for n in LENGTHS]
        tpr = np.array([np.nan if value is None else value for value in values])
        found[title] = Curve(tpr, tpr, tpr)
    return found


def _tpr(c2: Floats, benign: Floats) -> float:
    return float((c2 > metrics.limit(benign, int(FPR * len(benign)))).mean())


def _over_seeds(values: Floats, seed: int) -> Curve:
    """Mean over seeds and the middle 95 % of the means of redrawn seeds."""
    rng = np.random.default_rng(seed)
    drawn = values[rng.integers(0, len(values), (500, len(values)))].mean(axis=1)
    return Curve(values.mean(axis=0), np.quantile(drawn, 0.025, axis=0), np.quantile(drawn, 0.975, axis=0))


def _needed(curves: Curves) -> Table:
    methods = list(next(iter(curves.values())))
    rows: list[list[Cell]] = [
        [name, *(_shown(by_method[method]) for method in methods)] for name, by_method in curves.items()
    ]
    return Table(("check-ins for 80 % found at 1 % false positives", *methods), rows)


def _shown(curve: Curve) -> str:
    if np.isnan(curve.tpr).any():
        return "-"
    needed = curve.needed()
    return f"over {LENGTHS[-1]}" if needed is None else str(needed)


def _ratio(curves: Curves) -> Table:
    """At 5, 9 and 12 check-ins: share found, the bound, and their ratio."""
    rows: list[list[Cell]] = []
    for name, by_method in curves.items():
        row: list[Cell] = [name]
        for n in TARGETS:
            at = LENGTHS.index(n)
            ours, known, unknown = (float(by_method[method].tpr[at]) for method in (OURS, KNOWN, UNKNOWN))
            row += [f"{ours:.2f}", f"{known:.2f}", f"{unknown:.2f}" if unknown == unknown else "-"]
            row.append(f"{ours / (known if unknown != unknown else unknown):.2f}")
        rows.append(row)
    parts = ("found", "bound, sleep known", "bound, sleep unknown", "found / bound")
    return Table(("rhythm", *(f"{n}: {part}" for n in TARGETS for part in parts)), rows)


def _long(curves: Curves) -> Table:
    rows: list[list[Cell]] = [
        [name, method, n, float(curve.tpr[at]), float(curve.low[at]), float(curve.high[at])]
        for name, by_method in curves.items()
        for method, curve in by_method.items()
        for at, n in enumerate(LENGTHS)
    ]
    return Table(("rhythm", "method", "check-ins", "TPR at 1 % FPR", "low", "high"), rows)
