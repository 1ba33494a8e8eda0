"""Labelled captures, scored one by one: where the C2 ranks, what was found, what alerted falsely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zeek_beacons.config import PROFILES, Config
from zeek_beacons.labels import BEACONS
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.captures.sample import Method, Result, Sample, measure, pooled
from zeek_beacons_lab.studies.figures import VIEWS, Figure, ranks_of_c2, view, with_intervals
from zeek_beacons_lab.studies.tables import Report, Table

NONE = "-"


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    """A method measured on captures."""

    captures: Sequence[Capture]
    sample: Sample
    result: Result

    def report(self, seed: int) -> Report:
        """Captures one by one, families, and every figure."""
        tables = {"captures": self.by_capture(), "families": self.by_family(), "figures": self.figures(seed)}
        return Report({f"real_{name}": table for name, table in tables.items()})

    def figures(self, seed: int) -> Table:
        """Every figure, a column a view."""
        found = {name: self._of_view(name, seed) for name in VIEWS}
        names = found["all"]
        rows = [(name, *(shown(found[column][name]) for column in VIEWS)) for name in names]
        return Table(("figure", *VIEWS), rows)

    def by_capture(self) -> Table:
        """A line a capture: infrastructure set aside, unless it is C2."""
        rows = view(self.sample, "no infrastructure")
        sample, result = self.sample.take(rows), self.result.take(rows)
        ranks = ranks_of_c2(sample, result.score)
        head = ("capture", "lab", "host-days", "benign", "C2", "C2 too short", "best rank")
        columns = (*head, *(f"found, {p}" for p in PROFILES), *(f"false, {p}" for p in PROFILES))
        return Table(columns, [self._line(sample, result, ranks, number) for number in range(len(self.captures))])

    def by_family(self) -> Table:
        """A line a family of C2: its pairs, and how many of them each profile finds."""
        families = np.concatenate(
            [
                capture.family[self.sample.row[self.sample.of_scenario(number)]]
                for number, capture in enumerate(self.captures)
            ]
        )
        lines: list[tuple[str, ...]] = []
        for name in sorted(set(families[self.sample.beacon])):
            rows = self.sample.beacon & (families == name)
            captures = len(set(self.sample.scenario[rows].tolist()))
            found = (str(int(self.result.alerts[profile][rows].sum())) for profile in PROFILES)
            lines.append((str(name), str(captures), str(int(rows.sum())), *found))
        return Table(("family", "captures", "C2 pairs", *(f"found, {profile}" for profile in PROFILES)), lines)

    def _of_view(self, name: str, seed: int) -> dict[str, Figure]:
        rows = view(self.sample, name)
        return with_intervals(self.sample.take(rows), self.result.take(rows), seed)

    def _too_short(self, number: int) -> int:
        """C2 pairs with too few connections to be scored: neither found nor missed."""
        pairs, label = self.captures[number].pairs, self.captures[number].label
        beacon = np.isin(label, list(BEACONS)) & ~pairs.is_twin
        return int(beacon.sum()) - int(self.sample.beacon[self.sample.of_scenario(number)].sum())

    def _line(self, sample: Sample, result: Result, ranks: dict[int, int], number: int) -> tuple[str, ...]:
        capture = self.captures[number]
        rows = sample.of_scenario(number)
        beacon = sample.beacon[rows]
        alerts = [result.alerts[profile][rows] for profile in PROFILES]
        return (
            *(capture.name, capture.lab, f"{capture.host_days:.1f}", str((~beacon).sum()), str(beacon.sum())),
            *(str(self._too_short(number)), str(ranks.get(number, NONE))),
            *(str((alert & beacon).sum()) if beacon.any() else NONE for alert in alerts),
            *(str((alert & ~beacon).sum()) for alert in alerts),
        )


def evaluate(captures: Sequence[Capture], method: Method, config: Config) -> Real:
    """Measures a method that alerts by profile on every labelled pair of the captures."""
    sample = pooled(captures, config)
    return Real(captures, sample, measure(sample, captures, method))


def shown(figure: Figure) -> str:
    """A figure with its interval as text."""
    if figure.value is None:
        return NONE
    if isinstance(figure.value, int):
        return str(figure.value)
    interval = "" if figure.low is None else f" ({figure.low:.2f} to {figure.high:.2f})"
    return f"{figure.value:.3f}{interval}"
