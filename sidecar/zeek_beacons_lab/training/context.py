"""Fits the context term: how much each fact about the server adds to the log-odds of a rhythm's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from zeek_beacons.pairs import Bools, Floats, Ints
from zeek_beacons.scoring.context_term import CODES, INDICATORS, ContextTerm, combined, log_odds

RIDGE = 10.0  # how strongly weights are held to what was assumed; each class weighs 100
STEEPEST = (0.3, 3.0)  # of the slope
HIGHEST = 4.0  # log-odds that one fact may add
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class FittedTerm:
    """A term as it was fitted, for however many facts."""

    offset: float
    slope: float
    weights: tuple[float, ...]  # of the facts, none negative
    signs: tuple[int, ...]

    def apply(self, rhythm: Floats, context: Floats) -> Floats:
        """The score of rhythm and context together, (n,), as `ContextTerm.apply` has it."""
        return combined(self.offset, self.slope, np.multiply(self.weights, self.signs), rhythm, context)


def fit(rhythm: Floats, context: Floats, is_c2: Bools, capture: Ints) -> ContextTerm:
    """The context term that fits these rows; see `fitted`."""
    found = fitted(rhythm, context, is_c2, capture)
    return ContextTerm(found.offset, found.slope, dict(zip(CODES, found.weights, strict=True)))


def fitted(
    rhythm: Floats, context: Floats, is_c2: Bools, capture: Ints, more: Sequence[tuple[int, float]] = ()
) -> FittedTerm:
    """A penalised logistic regression on scores of rows that the forest was not trained on.

    No weight may have the sign that its indicator does not; what captures do not tell stays where it was assumed
    (`Indicator.start`). Captures weigh alike for C2, as the root of their number of pairs for benign ones. Without
    both classes the assumed weights. `more`: signs and assumed weights of facts behind those of INDICATORS.
    """
    facts_of = [*((one.sign, one.start) for one in INDICATORS), *more]
    signs, start = tuple(sign for sign, _ in facts_of), np.array([begin for _, begin in facts_of])
    if is_c2.all() or not is_c2.any():
        return _rounded(np.concatenate([[0.0, 1.0], start]), signs)
    odds, facts = log_odds(rhythm), context * np.array(signs)
    weight = np.zeros(len(is_c2))
    for rows, power in ((is_c2, 1.0), (~is_c2, 0.5)):
        size = np.bincount(capture[rows])[capture[rows]] ** -power
        weight[rows] = 100 * size / size.sum()

    def loss(found: Floats) -> tuple[float, Floats]:
        total = found[0] + found[1] * odds + facts @ found[2:]
        chance = 1 / (1 + np.exp(-total))
        error, away = weight * (chance - is_c2), np.concatenate([[0.0, found[1] - 1], found[2:] - start])
        value = float(weight @ (np.logaddexp(0, total) - is_c2 * total) + RIDGE / 2 * away @ away)
        slope = np.concatenate([[error.sum(), error @ odds], facts.T @ error]) + RIDGE * away
        return value, slope

    bounds = [(None, None), STEEPEST, *[(0.0, HIGHEST)] * len(start)]
    found = minimize(loss, np.concatenate([[0.0, 1.0], start]), jac=True, bounds=bounds, method="L-BFGS-B")
    return _rounded(found.x, signs)


def _rounded(found: Floats, signs: tuple[int, ...]) -> FittedTerm:
    offset, slope, *weights = np.round(found, DECIMALS).tolist()
    return FittedTerm(offset, slope, tuple(weights), signs)
