"""What check-ins, back-off, stretches, groups and evidence buy: each taken out, and everything trained anew without it.

A part is taken out by a constant of the product at which it never applies, in this process and for this study alone.
Forest, context term, calibration, thresholds and needed check-ins are what training comes to without the part. The
alert list is judged out of fold, labs left out, as in the study `alert_list`; behaviours, groups and items by the model
that this training makes, which knows the days and captures, as the shipped one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from zeek_beacons import groups
from zeek_beacons.config import Config
from zeek_beacons.features import backoff, grouping
from zeek_beacons.labels import folders_of
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.scoring import Scoring, busiest, evidence
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.studies.alert_list import parts, quiet_by_name
from zeek_beacons_lab.studies.behaviour_figures import column_of, found, share_found
from zeek_beacons_lab.studies.hidden import LENGTHS, NETWORKS, NOTHING, SLEEPS, hide
from zeek_beacons_lab.studies.tables import Cell, Report, Table
from zeek_beacons_lab.studies.whole_list import LIST_HEAD, WholeList
from zeek_beacons_lab.training import examples, forest

WHOLE = "all of it"
NOTHING_LEFT = "none of these"
SHOWN_LENGTH = 40  # check-ins of the table by behaviour
TREES = 100
NEUTRAL = ("c2", "exclude", "malicious_other", "simulated_beacon")  # labels of heads that make no item wrong
COLUMNS = [column_of(server, length) for server in NETWORKS for length in LENGTHS]

Constants = tuple[tuple[ModuleType, str, Any], ...]

PARTS: Mapping[str, Constants] = {
    "bursts told from waits": ((grouping, "LONGEST_INSIDE", -1.0),),
    "back-off evened out": ((backoff, "LEAST_SHARE", 2.0),),
    "stretches": ((busiest, "MARGIN", 2.0),),
    "groups": ((groups, "LEAST_CHECKINS", 1 << 40),),
    "evidence by rhythm (six check-ins instead)": ((evidence, "chance_of_gap", lambda _jitter: 0.09),),
    "behaviours in training": ((examples, "BEHAVIOURS_SHARE", 0.0),),
}

Made = tuple[Scoring, Sequence[Cell]]  # a model, and its line of the alert list


@dataclass(frozen=True, slots=True, eq=False)
class Without:
    """What is left without a part."""

    listed: Sequence[Cell]  # of the whole alert list, see LIST_HEAD
    shots: pd.DataFrame  # see `behaviour_figures.found`
    groups: int  # that alert on the captures
    right: int  # items on the captures' lists
    wrong: int


def variants() -> dict[str, Constants]:
    """The whole, each part taken out, and all of them."""
    return {WHOLE: (), **PARTS, NOTHING_LEFT: tuple(constant for part in PARTS.values() for constant in part)}


@contextmanager
def taken_out(constants: Constants) -> Iterator[None]:
    """The product with other constants."""
    with ExitStack() as stack:
        for module, name, value in constants:
            stack.enter_context(patch.object(module, name, value))
        yield


def run(
    root: Path,
    captures: Sequence[Capture],
    config: Config,
    pairs: int,
    seed: int,
    say: Callable[[str], None] = print,
    sleeps: Sequence[float] = SLEEPS,
) -> dict[str, Without]:
    """Every variant; `captures` are those below `root`. A minute or some each."""
    hidden = hide(captures, config, seed, sleeps)
    results = {}
    for name, constants in variants().items():
        say(f"without {name}" if constants else name)
        with taken_out(constants):
            scoring, listed = trained(root, pairs, seed)
            scored = score(hidden.pairs, scoring, config)
            items = [judged(capture, score(capture.pairs, scoring, config)) for capture in captures]
        loud, right, wrong = np.sum(items, axis=0).tolist()
        results[name] = Without(listed, found(hidden, scored.pairs, scored.verdicts), loud, right, wrong)
    return results


def trained(root: Path, pairs: int, seed: int) -> Made:
    """A model of all captures, and the line of the alert list by models that did not learn from a lab."""
    known = examples.collect(pairs, seed, root, lambda _text: None, behaviours=examples.BEHAVIOURS_SHARE)
    learned = forest.fitted(known, TREES, seed)
    with TemporaryDirectory() as scratch:
        folder = forest.write(Path(scratch, "model"), known, learned, "ablation", lambda _text: None)
        scoring = Scoring.load(folder)
    seen = [examples.look_at(folder) for folder in folders_of(root)]
    whole, mine = WholeList.of(seen), parts(known, learned.unseen, seen, scoring.evidence, {})
    return scoring, whole.line(mine.together, mine.may() & ~quiet_by_name(whole, mine), seed)


def judged(capture: Capture, scored: Scored) -> tuple[int, int, int]:
    """Groups that alert on a capture, and how many of its incidents are right and wrong, by their head's label.

    A group has the label of its member with most connections.
    """
    label = capture.label.tolist()
    label += [label[max(members, key=lambda row: scored.pairs.conns[row])] for members in scored.members.values()]
    heads = [label[rows[0]] for rows in scored.incidents.rows]
    loud = sum(bool(scored.verdicts.alerts[group]) for group in scored.members)
    return loud, heads.count("c2"), sum(one not in NEUTRAL for one in heads)


def report(results: Mapping[str, Without]) -> Report:
    """What is found without each part: on captures, and of the behaviours; then each behaviour by itself."""
    lines, by_behaviour = [], {}
    for name, result in results.items():
        shares = share_found(result.shots)
        lines.append([name, *result.listed, result.groups, result.right, result.wrong, *shares.loc["mean", COLUMNS]])
        by_behaviour[name] = shares[[column_of(server, SHOWN_LENGTH) for server in NETWORKS]].mean(axis=1)
    table = pd.DataFrame(by_behaviour).drop(index=NOTHING)
    rows: list[list[Cell]] = [[str(name), *table.loc[name].tolist()] for name in table.index]
    head = ("without", *LIST_HEAD, "groups that alert", "right items", "wrong items", *COLUMNS)
    return Report(
        {
            "ablation_checkins": Table(head, lines),
            "ablation_checkins_behaviours": Table(("behaviour", *table.columns), rows),
        }
    )
