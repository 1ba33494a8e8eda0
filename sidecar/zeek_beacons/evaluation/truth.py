"""Verdicts held against labels: how many beacons were found, how many alerts were false."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from zeek_beacons.errors import InputError
from zeek_beacons.evaluation.metrics import Counts, roc_auc
from zeek_beacons.pairs import Bools, Floats, Strings
from zeek_beacons.pipeline import Scored
from zeek_beacons.readers.addresses import address

# What counts as a beacon, and what as benign; every other label is set aside.
BEACONS = frozenset({"c2", "simulated_beacon", "beacon"})
BENIGN = frozenset({"benign", "benign_presumed"})

Key = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Measured pairs that have a label: their truth, score, alert and case."""

    beacon: Bools
    score: Floats
    alert: Bools
    case: Strings
    unmatched: int  # labelled beacons that are not among the pairs, counted as missed

    def summary(self) -> dict[str, Any]:
        """All figures as plain data."""
        cases = sorted(set(self.case) - {""})
        return self._figures(np.ones(len(self.beacon), dtype=np.bool_), self.unmatched) | {
            "by_case": {case: self._figures(self.case == case) for case in cases}
        }

    def text(self) -> str:
        """The figures as lines to print."""
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
    """Labels by pair, and the case that each belongs to, where there are cases."""

    labels: Mapping[Key, str]
    cases: Mapping[Key, str]

    @classmethod
    def load(cls, file: Path) -> Self:
        """Reads a labels file: CSV with orig_h, resp_h or resp, resp_p, proto, label and, if it has cases, case."""
        try:
            options = arrow_csv.ConvertOptions(column_types={"resp_p": pa.int64()}, strings_can_be_null=False)
            table = arrow_csv.read_csv(file, convert_options=options)
        except OSError as error:
            raise InputError(str(file), f"labels cannot be read: {error}") from error
        except pa.ArrowInvalid as error:
            raise InputError(str(file), f"not a labels file: {error}") from error
        resp = "resp" if "resp" in table.column_names else "resp_h"
        missing = [name for name in ("orig_h", resp, "resp_p", "proto", "label") if name not in table.column_names]
        if missing:
            raise InputError(str(file), f"column {', '.join(missing)} missing", 1)
        labels: dict[Key, str] = {}
        cases: dict[Key, str] = {}
        for line, row in enumerate(table.to_pylist(), 2):
            if any(row[name] in (None, "") for name in ("orig_h", resp, "resp_p", "proto", "label")):
                raise InputError(str(file), "a pair without address, port, protocol or label", line)
            host = str(row[resp])
            key = (str(row["orig_h"]), address(host) or host, int(row["resp_p"]), str(row["proto"]))
            labels[key] = str(row["label"]).lower()
            cases[key] = str(row.get("case") or "")
        if not (BEACONS | BENIGN) & set(labels.values()):
            raise InputError(str(file), f"no label is one of {', '.join(sorted(BEACONS | BENIGN))}")
        return cls(labels, cases)

    def compare(self, scored: Scored) -> Outcome:
        """The labelled pairs' verdicts. A pair by name that speaks for an address pair answers for its label."""
        pairs, verdicts = scored.pairs, scored.verdicts
        rows = list(zip(pairs.orig_h, pairs.resp_p, pairs.proto, strict=True))
        keys = [(orig, resp, int(port), proto) for (orig, port, proto), resp in zip(rows, pairs.resp, strict=True)]
        alerting = {keys[row] for row in np.flatnonzero(verdicts.alerts).tolist()}
        found: list[tuple[bool, float, bool, str]] = []
        seen = set()
        for row, key in enumerate(keys):
            label = self.labels.get(key)
            if label is None:
                continue
            seen.add(key)
            if label in BEACONS or (label in BENIGN and scored.feature_row[row] >= 0):
                named = (key[0], pairs.server_name[row], key[2], key[3])
                score = float(np.nan_to_num(verdicts.score[row]))
                found.append((label in BEACONS, score, key in alerting or named in alerting, self.cases[key]))
        unmatched = sum(label in BEACONS and key not in seen for key, label in self.labels.items())
        columns = list(zip(*found, strict=True)) or [(), (), (), ()]
        return Outcome(
            np.array(columns[0], dtype=np.bool_),
            np.array(columns[1], dtype=np.float64),
            np.array(columns[2], dtype=np.bool_),
            np.array(columns[3], dtype=np.object_),
            unmatched,
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
