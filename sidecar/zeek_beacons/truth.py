"""Verdicts held against labels: how many beacons were found, how many alerts were false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from zeek_beacons.errors import InputError
from zeek_beacons.keys import CONN
from zeek_beacons.labels import BEACONS, BENIGN, Key, PairLabel, read_labels
from zeek_beacons.metrics import Counts, roc_auc
from zeek_beacons.pairs import Bools, Floats, Ints, Strings
from zeek_beacons.pipeline import Scored


@dataclass(frozen=True, slots=True)
class Outcome:
    """Measured pairs that have a label: their truth, score, alert, case and row among the pairs."""

    beacon: Bools
    score: Floats
    alert: Bools
    case: Strings
    unmatched: int  # labelled beacons that are not among the pairs, counted as missed
    nothing_matched: str = ""  # the labels' file, where not one of its pairs is in the input
    row: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    absent: Sequence[Key] = ()  # the keys of the unmatched

    @property
    def missed(self) -> Ints:
        """Rows of beacons that do not alert."""
        return self.row[self.beacon & ~self.alert]

    @property
    def false_alerts(self) -> Ints:
        """Rows of benign pairs that alert."""
        return self.row[~self.beacon & self.alert]

    def summary(self) -> dict[str, Any]:
        """All figures as plain data."""
        cases = sorted(set(self.case) - {""})
        return self._figures(np.ones(len(self.beacon), dtype=np.bool_), self.unmatched) | {
            "by_case": {case: self._figures(self.case == case) for case in cases}
        }

    def text(self) -> str:
        """The figures as lines to print."""
        if self.nothing_matched:
            return f"\nagainst the labels: none of the labelled pairs of {self.nothing_matched} is in the input"
        figures = self.summary()
        lines = ["", _line("against the labels", figures)]
        lines += [_line(case, found) for case, found in figures["by_case"].items()]
        return "\n".join(lines)

    def _figures(self, rows: Bools, unmatched: int = 0) -> dict[str, Any]:
        beacon, alert = self.beacon[rows], self.alert[rows]
        counts = Counts(
            hits=int((beacon & alert).sum()),
            false_alerts=int((~beacon & alert).sum()),
            misses=int((beacon & ~alert).sum()) + unmatched,
        )
        return {
            "beacons": int(beacon.sum()) + unmatched,
            "benign": int((~beacon).sum()),
            "roc_auc": _rounded(roc_auc(self.score[rows], beacon)),
            "precision": _rounded(counts.precision),
            "recall": _rounded(counts.recall),
            "f1": _rounded(counts.f1),
            "false_alerts": counts.false_alerts,
        }


@dataclass(frozen=True, slots=True)
class Truth:
    """Labels by pair, and the file they come from."""

    labels: Mapping[Key, PairLabel]
    file: str = ""

    @classmethod
    def load(cls, file: Path) -> Self:
        """Reads a labels file, see `labels.read_labels`. Raises InputError."""
        read = read_labels(file)
        if not any(found.label in BEACONS | BENIGN for found in read.values()):
            raise InputError(str(file), f"no label is one of {', '.join(sorted(BEACONS | BENIGN))}")
        return cls(read, str(file))

    def compare(self, scored: Scored) -> Outcome:
        """The labelled pairs' verdicts. A pair by name that speaks for an address pair answers for its label."""
        pairs, verdicts = scored.pairs, scored.verdicts
        rows = list(zip(pairs.orig_h, pairs.resp_p, pairs.proto, strict=True))
        keys = [(orig, resp, int(port), proto) for (orig, port, proto), resp in zip(rows, pairs.resp, strict=True)]
        alerting = {keys[row] for row in np.flatnonzero(verdicts.alerts).tolist()}
        other = np.flatnonzero(verdicts.alerts & (pairs.channel != CONN))  # labels are of connections
        alerting |= {(rows[row][0], pairs.addr[row], *rows[row][1:]) for row in other.tolist()}
        found: list[tuple[bool, float, bool, str, int]] = []
        seen = set()
        for row, key in enumerate(keys):
            known = self.labels.get(key) if pairs.channel[row] == CONN else None
            if known is None:
                continue
            seen.add(key)
            label = known.label
            if label in BEACONS or (label in BENIGN and scored.feature_row[row] >= 0):
                named = (key[0], pairs.server_name[row], key[2], key[3])
                score = float(np.nan_to_num(verdicts.score[row]))
                found.append((label in BEACONS, score, key in alerting or named in alerting, known.case, row))
        absent = [key for key, known in self.labels.items() if known.label in BEACONS and key not in seen]
        columns = list(zip(*found, strict=True)) or [(), (), (), (), ()]
        return Outcome(
            np.array(columns[0], dtype=np.bool_),
            np.array(columns[1], dtype=np.float64),
            np.array(columns[2], dtype=np.bool_),
            np.array(columns[3], dtype=np.object_),
            len(absent),
            "" if seen else self.file or "the labels",
            np.array(columns[4], dtype=np.int64),
            absent,
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _line(name: str, figures: Mapping[str, Any]) -> str:
    shown = ", ".join(
        f"{key} {figures[field]:.3f}"
        for key, field in (("ROC AUC", "roc_auc"), ("precision", "precision"), ("recall", "recall"), ("F1", "f1"))
        if figures[field] is not None
    )
    counts = f"{figures['beacons']} beacons, {figures['benign']} benign, {figures['false_alerts']} false alerts"
    return f"{name}: {shown} ({counts})" if shown else f"{name}: ({counts})"
