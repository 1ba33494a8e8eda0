"""Pairs of captures as the alert list of a person, and the figures of whatever scores them: see alert_list.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from zeek_beacons.metrics import roc_auc
from zeek_beacons.pairs import Bools, Floats, Ints, Strings
from zeek_beacons_lab.studies import metrics
from zeek_beacons_lab.studies.tables import Cell
from zeek_beacons_lab.training.examples import ASIDE, C2, OF_BENIGN, SIMULATED, Looked, roles

BUDGETS = (0.02, 0.1, 0.5)  # wrong items a host-day: conservative, balanced, sensitive
MOST_WANTED = 10  # connections
DRAWS = 200  # of the bootstrap over captures
LIST_HEAD = (
    "AUC",
    *(
        column
        for budget in BUDGETS
        for column in (f"recall @ {budget:g}, pooled", f"by capture @ {budget:g}", f"precision @ {budget:g}")
    ),
    "C2 first",
)


@dataclass(frozen=True, slots=True, eq=False)
class WholeList:
    """`n` pairs of `k` captures that anything might alert on."""

    capture: Ints  # (n,) 0 to k - 1
    role: Ints  # (n,) index into ROLES
    wanted: Bools  # (n,) C2 that recall counts
    host_days: Floats  # (k,)

    @property
    def wrong(self) -> Bools:
        """Pairs whose alert is a wrong item, (n,)."""
        wrong: Bools = ~np.isin(self.role, (C2, SIMULATED, ASIDE))
        return wrong

    @classmethod
    def of(cls, seen: Sequence[Looked]) -> Self:
        role = np.concatenate([roles(one.label) for one in seen]).astype(np.int64)
        conns = np.concatenate([one.pairs.conns for one in seen])
        capture = np.repeat(np.arange(len(seen)), [len(one.rows) for one in seen])
        days = np.array([one.host_days for one in seen])
        return cls(capture, role, (role == C2) & (conns >= MOST_WANTED), days)

    def alerting(self, score: Floats, may: Bools, budget: float, days: float) -> Bools:
        """What alerts at the lowest threshold that keeps wrong items to `budget` a host-day, (n,)."""
        bound = metrics.limit(score[self.wrong & may], int(budget * days + 1e-9))
        return may & (score > bound)

    def recall(self, alert: Bools) -> tuple[float, float]:
        """Share of the wanted C2 pairs that alert, pooled and as the mean over captures."""
        wanted = self.wanted
        return float(alert[wanted].mean()), metrics.mean_by_group(alert[wanted], self.capture[wanted]) or 0.0

    def line(self, score: Floats, may: Bools, seed: int) -> list[Cell]:
        """The figures of one method: `score` rises with suspicion, `may` says what it may alert on at all."""
        days = float(self.host_days.sum())
        cells: list[Cell] = []
        for budget in BUDGETS:
            alert = self.alerting(score, may, budget, days)
            pooled, mean = self.recall(alert)
            right, wrong = int((alert & (self.role == C2)).sum()), int((alert & self.wrong).sum())
            low, high = self._interval(score, may, budget, seed)
            cells += [pooled, f"{mean:.2f} ({low:.2f} to {high:.2f})", right / max(1, right + wrong)]
        known = may & np.isin(self.role, (C2, OF_BENIGN))
        return [roc_auc(score[known], self.role[known] == C2), *cells, self.first(score, may)]

    def first(self, score: Floats, may: Bools) -> str:
        """In how many of the captures with wanted C2 a C2 pair comes before everything wrong."""
        captures = np.unique(self.capture[self.wanted])
        won = 0
        for number in captures.tolist():
            rows = may & (self.capture == number)
            best = score[rows & (self.role == C2)].max(initial=-np.inf)
            won += bool(best > score[rows & self.wrong].max(initial=-np.inf))
        return f"{won} of {len(captures)}"

    def _interval(self, score: Floats, may: Bools, budget: float, seed: int) -> tuple[float, float]:
        """The middle 95 % of the mean recall, captures redrawn; the threshold is chosen anew each time."""
        rng, k = np.random.default_rng(seed), len(self.host_days)
        recall = []
        for _ in range(DRAWS):
            times = np.bincount(rng.integers(0, k, k), minlength=k)
            days = float(times @ self.host_days)
            wrong = self.wrong & may
            repeated = np.repeat(score[wrong], times[self.capture[wrong]])
            alert = may & (score > metrics.limit(repeated, int(budget * days + 1e-9)))
            by_capture = [
                (alert[self.wanted & (self.capture == number)].mean(), times[number])
                for number in np.unique(self.capture[self.wanted]).tolist()
            ]
            total = sum(weight for _, weight in by_capture)
            recall.append(sum(value * weight for value, weight in by_capture) / max(1, total))
        low, high = np.quantile(recall, (0.025, 0.975))
        return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class Ours:
    """What this package's parts say of the pairs of a whole list, (n,) each."""

    rhythm: Floats  # the score of the rhythm alone, out of fold
    together: Floats  # with the context
    without: Mapping[str, Floats]  # `together` where one indicator is not known, by its code
    proven: Bools  # enough check-ins for the rhythm
    gates: Mapping[str, Bools]  # what each gate and the look-alikes keep quiet
    by_name: Bools  # kept quiet below the conservative threshold by a mere name
    channel: Strings  # of each pair

    def may(self, besides: str = "") -> Bools:
        """What may alert by its score, (n,), with every gate but the one named."""
        quiet = [rows for name, rows in self.gates.items() if name != besides]
        may: Bools = self.proven & ~np.any(quiet, axis=0)
        return may
