"""The alert list as shown, nothing set aside: what a person would find on it at a rate of wrong items, on captures.

An alert on C2 is right; one on what is set aside (scans, Tor, unsure, scripted check-ins) neither right nor wrong; any
other is wrong, labelled or not. Recall: C2 pairs with MOST_WANTED or more connections. Everything that learns saw
nothing of a capture's lab, or of its family where one lab made most of the C2. Thresholds are those that the rate
allows in hindsight, for every method alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from zeek_beacons.keys import CONN
from zeek_beacons.labels import folders_of
from zeek_beacons.metrics import roc_auc
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs, Strings
from zeek_beacons.scoring import Scoring, calibration, lookalikes
from zeek_beacons.scoring.context_term import CODES, INDICATORS, ContextTerm
from zeek_beacons.scoring.evidence import EvidenceTable
from zeek_beacons.scoring.judge import proven
from zeek_beacons.verdicts import SUPPRESSIONS
from zeek_beacons_lab.studies import metrics
from zeek_beacons_lab.studies.calibration import BINS, Judged
from zeek_beacons_lab.studies.tables import Cell, Report, Table
from zeek_beacons_lab.training.context import fit
from zeek_beacons_lab.training.examples import (
    ASIDE,
    C2,
    OF_BENIGN,
    SIMULATED,
    Examples,
    Looked,
    collect,
    look_at,
    roles,
)
from zeek_beacons_lab.training.forest import OutOfFold, folds, lessons, out_of_fold

BUDGETS = (0.02, 0.1, 0.5)  # wrong items a host-day: conservative, balanced, sensitive
MOST_WANTED = 10  # connections
DRAWS = 200  # of the bootstrap over captures

Scores = Callable[[Pairs, Ints], Floats]  # of these rows of all pairs of a capture


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


def ours(root: Path, seen: Sequence[Looked], scoring: Scoring, pairs: int, seed: int) -> Ours:
    """Scores every pair of the captures below `root` by models that did not learn from its lab or family."""
    examples = collect(pairs, seed, root, say=lambda _text: None)
    real = examples.capture >= 0
    unseen = out_of_fold(examples, np.zeros(len(real)), seed)
    return parts(examples, unseen, seen, scoring.evidence, indicators(examples, unseen.rhythm, seed))


def indicators(examples: Examples, rhythm: Floats, seed: int) -> dict[str, Floats]:
    """The score of every row where one indicator is not known, by its code; `rhythm` is out of fold."""
    real = examples.capture >= 0
    without = {code: np.zeros(len(real)) for code in CODES}
    for out, known in folds(examples, seed):
        term = fit(*lessons(examples, rhythm, known & real & examples.learned))
        for place, code in enumerate(CODES):
            unknown = examples.context[out].copy()
            unknown[:, place] = 0.0
            without[code][out] = term.apply(rhythm[out], unknown)
    return without


def parts(
    examples: Examples,
    unseen: OutOfFold,
    seen: Sequence[Looked],
    evidence: EvidenceTable,
    without: Mapping[str, Floats],
) -> Ours:
    """What was scored out of fold, as the product would list it. `seen`: the captures of the examples."""
    real = examples.capture >= 0
    gates = {SUPPRESSIONS[code]: np.concatenate([one.gates[code] for one in seen]) for code in seen[0].gates}
    gates["look-alike"] = np.concatenate([one.look.proven for one in seen])
    named = np.concatenate([(one.look.index != lookalikes.NONE) & ~one.look.proven for one in seen])
    return Ours(
        rhythm=unseen.rhythm[real],
        together=unseen.together[real],
        without={code: score[real] for code, score in without.items()},
        proven=proven(unseen.features, evidence)[real],
        gates=gates,
        by_name=named,
        channel=np.concatenate([one.pairs.channel for one in seen]),
    )


def run(
    root: Path, scoring: Scoring, peers: Mapping[str, Scores], everything: Sequence[Pairs], pairs: int, seed: int
) -> Report:
    """The whole list of this package, in parts, and of the peers. `everything`: all pairs of each capture, by name."""
    seen = [look_at(folder) for folder in folders_of(root)]
    whole = WholeList.of(seen)
    mine = ours(root, seen, scoring, pairs, seed)
    mere_name = quiet_by_name(whole, mine)
    loud = mine.may() & ~mere_name
    nothing = np.ones(len(loud), dtype=np.bool_)
    lines: list[list[Cell]] = [
        ["**zeek-beacons**", *whole.line(mine.together, loud, seed)],
        ["without context", *whole.line(mine.rhythm, loud, seed)],
        ["without gates and look-alikes", *whole.line(mine.together, mine.proven, seed)],
        ["the forest and significance alone", *whole.line(mine.rhythm, nothing, seed)],
    ]
    for name, scores in peers.items():
        found = np.concatenate([scores(all_, one.rows) for all_, one in zip(everything, seen, strict=True)])
        lines.append([name, *whole.line(found, nothing, seed)])
    return Report(
        {
            "alert_list": Table(("method", *LIST_HEAD), lines),
            "alert_list_parts": Table(("without", *LIST_HEAD), without_parts(whole, mine, mere_name, seed)),
            "alert_list_context": weights(scoring.context),
            "alert_list_calibration": calibrated(whole, mine, scoring, seed),
        }
    )


def without_parts(whole: WholeList, mine: Ours, mere_name: Bools, seed: int) -> list[list[Cell]]:
    """The figures of all of it, and without each gate, fact of the context and channel; `mere_name` as told below."""
    loud = mine.may() & ~mere_name
    lines: list[list[Cell]] = [["all of it", *whole.line(mine.together, loud, seed)]]
    for gate in mine.gates:
        lines.append([f"gate: {gate}", *whole.line(mine.together, mine.may(gate) & ~mere_name, seed)])
    lines.append(["look-alikes by a mere name", *whole.line(mine.together, mine.may(), seed)])
    lines += [[f"context: {code}", *whole.line(mine.without[code], loud, seed)] for code in CODES]
    for channel in sorted(set(mine.channel.tolist()) - {CONN}):
        lines.append([f"channel: {channel}", *whole.line(mine.together, loud & (mine.channel != channel), seed)])
    return lines


def quiet_by_name(whole: WholeList, mine: Ours) -> Bools:
    """What a mere name keeps quiet, which it does below the conservative threshold only, (n,)."""
    wrong = int(BUDGETS[0] * float(whole.host_days.sum()) + 1e-9)
    quiet: Bools = mine.by_name & (mine.together <= metrics.limit(mine.together[whole.wrong & mine.may()], wrong))
    return quiet


def calibrated(whole: WholeList, mine: Ours, scoring: Scoring, seed: int) -> Table:
    """Whether a score means what it says, on pairs labelled C2 or benign that something may alert on, out of fold."""
    known = mine.may() & np.isin(whole.role, (C2, OF_BENIGN))
    said = calibration.apply(scoring.calibration, mine.together)[known]
    judged = Judged(said, whole.role[known] == C2, whole.capture[known])
    low, high = judged.interval(seed)
    error = metrics.reliability(judged.score, judged.positive, BINS).ece
    counts = int(judged.positive.sum()), int((~judged.positive).sum())
    return Table(
        ("C2 pairs", "benign pairs", "expected calibration error", "low", "high"), [[*counts, error, low, high]]
    )


LIST_HEAD = (
    "AUC",
    *(
        column
        for budget in BUDGETS
        for column in (f"recall @ {budget:g}, pooled", f"by capture @ {budget:g}", f"precision @ {budget:g}")
    ),
    "C2 first",
)


def weights(term: ContextTerm | None) -> Table:
    """The shipped model's context term: what each fact about the server adds to the log-odds."""
    found = {} if term is None else term.weights
    lines: list[list[Cell]] = [[one.code, one.sign * found.get(one.code, 0.0), one.meaning] for one in INDICATORS]
    return Table(("indicator", "log-odds", "means"), lines)
