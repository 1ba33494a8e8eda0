"""Why a pair has its score: what each group of features contributes to it.

A contribution is how far the fused score falls when exactly the features of one group are set to what an unremarkable
benign pair has (occlusion against one stated row, occlusion_baseline.py). Where the score rises instead, the
contribution is negative: the group speaks against a beacon. Contributions do not add up to the score: several groups
may say the same, or count only together. The rules alone do add up, and need no such trial. A fact about the server is
tried the same way: the contribution of an indicator is how far the score falls where it is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.features import Features
from zeek_beacons.features.matrix import Matrix
from zeek_beacons.pairs import Bools, Floats
from zeek_beacons.scoring import rules
from zeek_beacons.scoring.context_term import CODES
from zeek_beacons.scoring.occlusion_baseline import unremarkable
from zeek_beacons.scoring.reasons import GROUPS, PLACE, REASONS, Group
from zeek_beacons.scoring.rules import RULES, Rule

GIVEN = 4  # reasons, at most
LEAST = 0.02  # contribution below which a reason is not worth reading, unless nothing speaks more for it
DECIMALS = 6  # of a contribution
BLOCK = 256  # pairs tried at once, which bounds the memory
LEAST_ROWS = 64  # for 50 rows and fewer onnxruntime may add up the trees in another order

Places: TypeAlias = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Trial:
    """How scores come about, to try out what they would be otherwise."""

    rhythm: Callable[[Features], Floats]  # the score of the rhythm alone, (n,)
    together: Callable[[Floats, Floats | None], Floats]  # with the context, (n, len(CODES))


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The reasons of `n` pairs: from what speaks most for a beacon to what speaks most against it."""

    reasons: Places  # (n, GIVEN) indices into REASONS, -1 where there are fewer
    contributions: Floats  # (n, GIVEN) to the fused score, NaN where there is no reason, or none was measured

    @classmethod
    def strongest(cls, told: Places, contributions: Floats) -> Self:
        """What speaks most for a beacon, and the strongest others. Both arguments: by group, (n, groups)."""
        most = contributions == contributions.max(axis=1, keepdims=True)
        strength = np.where(most & (contributions > 0), np.inf, np.abs(contributions))
        chosen = np.argsort(-strength, axis=1, kind="stable")[:, :GIVEN]
        added = np.take_along_axis(contributions, chosen, axis=1)
        added[np.take_along_axis(strength, chosen, axis=1) < LEAST] = np.nan
        order = np.argsort(-added, axis=1, kind="stable")  # NaN comes last
        chosen, added = np.take_along_axis(chosen, order, axis=1), np.take_along_axis(added, order, axis=1)
        places = np.take_along_axis(told, chosen, axis=1)
        return cls(np.where(np.isnan(added), -1, places).astype(np.int16), added)


def by_rules(features: Features) -> Explanation:
    """What the rules add, exactly: the contributions where the rules alone score."""
    told = np.tile(np.arange(len(RULES), dtype=np.int16), (len(features.matrix), 1))
    return Explanation.strongest(told, rules.contributions(features))


def by_occlusion(features: Features, context: Floats | None, fused: Floats, worth: Bools, trial: Trial) -> Explanation:
    """Contributions to the fused score of the pairs that are `worth` it; for the others the rules' reasons, unmeasured.

    `trial` is what made `fused`, (n,), from features and context.
    """
    why = by_rules(features)
    why.contributions[:] = np.nan
    for rows in np.array_split(np.flatnonzero(worth), -(-int(worth.sum()) // BLOCK) or 1):
        tried, known = Features(features.matrix[rows]), None if context is None else context[rows]
        found = Explanation.strongest(told(tried, known), contributions(tried, known, fused[rows], trial))
        why.reasons[rows], why.contributions[rows] = found.reasons, found.contributions
    return why


def contributions(features: Features, context: Floats | None, fused: Floats, trial: Trial) -> Floats:
    """How far the score of each pair falls without each group and each fact, (n, len(GROUPS) + len(CODES)).

    Without the facts' columns where no context was measured.
    """
    n = len(features.matrix)
    if not n:
        return np.zeros((0, len(GROUPS) + (0 if context is None else len(CODES))))
    rows = np.concatenate([features.matrix, *(without(group, features.matrix) for group in GROUPS)])
    padded = rows if len(rows) >= LEAST_ROWS else np.resize(rows, (LEAST_ROWS, rows.shape[1]))
    rhythm = trial.rhythm(Features(padded))[: len(rows)].reshape(len(GROUPS) + 1, n)
    if context is None:
        left = trial.together(rhythm[1:].ravel(), None)
    else:
        known = np.tile(context, (len(GROUPS) + len(CODES), 1, 1))
        for place in range(len(CODES)):
            known[len(GROUPS) + place, :, place] = 0.0
        alone = np.concatenate([rhythm[1:].ravel(), np.tile(rhythm[0], len(CODES))])
        left = trial.together(alone, known.reshape(len(alone), -1))
    return np.round(fused[:, None] - left.reshape(-1, n).T, DECIMALS)


def without(group: Group, matrix: Matrix) -> Matrix:
    """The same pairs, unremarkable in what the group covers. What is not known stays so: it is no reason."""
    changed = matrix.copy()
    taken = matrix[:, group.columns]
    changed[:, group.columns] = np.where(np.isnan(taken), taken, unremarkable()[group.columns])
    return changed


def told(features: Features, context: Floats | None) -> Places:
    """Which of REASONS tells of each group and, where context was measured, of each fact; as `contributions`."""
    columns = [np.where(_holds(group, features), PLACE[group.code], PLACE[group.plain]) for group in GROUPS]
    if context is not None:
        columns += [np.full(len(features.matrix), PLACE[code]) for code in CODES]
    return np.stack(columns, axis=1).astype(np.int16)


def _holds(group: Group, features: Features) -> Bools:
    """Whether what the group's reason says is true of each pair, (n,)."""
    reason = REASONS[PLACE[group.code]]
    if not group.otherwise or not isinstance(reason, Rule):
        return np.ones(len(features.matrix), dtype=np.bool_)
    holds: Bools = reason.membership(features.column(reason.feature).astype(np.float64)) > 0
    return holds
