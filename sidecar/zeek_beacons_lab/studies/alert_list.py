"""The alert list as shown, nothing set aside: what a person would find on it at a rate of wrong items, on captures.

An alert on C2 is right; one on what is set aside (scans, Tor, unsure, scripted check-ins) neither right nor wrong; any
other is wrong, labelled or not. Recall: C2 pairs with MOST_WANTED or more connections. Everything that learns saw
nothing of a capture's lab, or of its family where one lab made most of the C2. Thresholds are those that the rate
allows in hindsight, for every method alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from zeek_beacons.keys import CONN
from zeek_beacons.labels import folders_of
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.scoring import Scoring, calibration, lookalikes
from zeek_beacons.scoring.context_term import CODES, INDICATORS, ContextTerm
from zeek_beacons.scoring.evidence import EvidenceTable
from zeek_beacons.scoring.judge import proven
from zeek_beacons.verdicts import SUPPRESSIONS
from zeek_beacons_lab.studies import metrics, unused_facts
from zeek_beacons_lab.studies.calibration import BINS, Judged
from zeek_beacons_lab.studies.tables import Cell, Report, Table
from zeek_beacons_lab.studies.whole_list import BUDGETS, LIST_HEAD, Ours, WholeList
from zeek_beacons_lab.training.context import fit
from zeek_beacons_lab.training.examples import (
    C2,
    OF_BENIGN,
    Examples,
    Looked,
    collect,
    look_at,
)
from zeek_beacons_lab.training.forest import OutOfFold, folds, lessons, out_of_fold

Scores = Callable[[Pairs, Ints], Floats]  # of these rows of all pairs of a capture


def ours(examples: Examples, seen: Sequence[Looked], scoring: Scoring, seed: int) -> Ours:
    """Scores every pair of the captures by models that did not learn from its lab or family."""
    unseen = out_of_fold(examples, np.zeros(len(examples.capture)), seed)
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
    examples = collect(pairs, seed, root, say=lambda _text: None)
    mine = ours(examples, seen, scoring, seed)
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
            "alert_list_unused": unused_facts.table(whole, mine, mere_name, examples, seen, seed),
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


def weights(term: ContextTerm | None) -> Table:
    """The shipped model's context term: what each fact about the server adds to the log-odds."""
    found = {} if term is None else term.weights
    lines: list[list[Cell]] = [[one.code, one.sign * found.get(one.code, 0.0), one.meaning] for one in INDICATORS]
    return Table(("indicator", "log-odds", "means"), lines)
