"""Rhythm classes with known laws, and the best that any test can do with them: likelihood ratios against Poisson.

A law describes the gaps of a pair in units of its sleep. Two bounds, both by Neyman and Pearson: with law and sleep
known (no detector does better), and with the law known but not the sleep (the ratio of the two marginal densities, for
a sleep and a mean gap that are log-uniform without limits; no detector that must find the sleep itself does better).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import Floats

Rng = np.random.Generator
STEPS = 121  # of an integral over the sleep


@dataclass(frozen=True, slots=True)
class Rhythm:
    """One class. Gaps are arrays (pairs, gaps)."""

    draw: Callable[[Rng, tuple[int, int]], Floats]  # gaps of a sleep of 1
    density: Callable[[Floats], Floats]  # log density of single gaps of a sleep of 1
    marginal: Callable[[Floats], Floats] | None = None  # log marginal density of all gaps (pairs,), sleep unknown


def uniform(low: float, high: float) -> Rhythm:
    """Uniform between two multiples of the sleep."""

    def density(gaps: Floats) -> Floats:
        inside = (gaps >= low) & (gaps <= high)
        return np.where(inside, -math.log(high - low), -np.inf)

    def marginal(gaps: Floats) -> Floats:
        m = gaps.shape[1]
        shortest, longest = gaps.max(axis=1) / high, gaps.min(axis=1) / low  # that the sleep can be
        with np.errstate(divide="ignore", invalid="ignore"):
            share = -np.expm1(-m * np.log(np.maximum(longest / shortest, 1.0)))
            found: Floats = np.log(share) - m * np.log(shortest) - math.log(m) - m * math.log(high - low)
        return found

    return Rhythm(lambda rng, shape: rng.uniform(low, high, shape), density, marginal)


def normal(spread: float) -> Rhythm:
    """Normal about the sleep, never below a twentieth of it."""

    def draw(rng: Rng, shape: tuple[int, int]) -> Floats:
        gaps: Floats = np.maximum(rng.normal(1, spread, shape), 0.05)
        return gaps

    def density(gaps: Floats) -> Floats:
        return _log_normal(gaps, np.ones(1), spread)

    def marginal(gaps: Floats) -> Floats:
        m, step = gaps.shape[1], 12 * spread / (STEPS - 1)
        total, squares = gaps.sum(axis=1)[:, None], (gaps**2).sum(axis=1)[:, None]
        sleep = total / m * np.exp(np.linspace(-6 * spread, 6 * spread, STEPS))
        off = (squares - 2 * sleep * total + m * sleep**2) / (spread * sleep) ** 2
        inner = -0.5 * off - m * np.log(math.sqrt(2 * math.pi) * spread * sleep)
        return _log_sum(inner, axis=1) + math.log(step)

    return Rhythm(draw, density, marginal)


def missed(share: float, spread: float) -> Rhythm:
    """Nearly constant, and each check-in leaves no trace with this chance. The sleep-unknown bound is not derived."""
    most = 12

    def draw(rng: Rng, shape: tuple[int, int]) -> Floats:
        beats = np.minimum(rng.geometric(1 - share, shape), most)
        return beats + spread * np.sqrt(beats) * rng.normal(0, 1, shape)

    def density(gaps: Floats) -> Floats:
        beats = np.arange(1.0, most + 1)[:, None, None]
        weight = np.log(1 - share) + (beats - 1) * np.log(share)
        return _log_sum(weight + _log_normal(gaps[None], beats, spread / np.sqrt(beats)), axis=0)

    return Rhythm(draw, density)


RHYTHMS: Mapping[str, Rhythm] = {
    "constant (1 % spread)": normal(0.01),
    "shortened 10 %": uniform(0.9, 1.0),
    "shortened 20 %": uniform(0.8, 1.0),
    "shortened 30 %": uniform(0.7, 1.0),
    "shortened 50 %": uniform(0.5, 1.0),
    "shortened 90 %": uniform(0.1, 1.0),
    "lengthened 50 %": uniform(1.0, 1.5),
    "both ways 30 %": uniform(0.7, 1.3),
    "both ways 50 %": uniform(0.5, 1.5),
    "normal 10 %": normal(0.1),
    "normal 25 %": normal(0.25),
    "20 % of the beats missed": missed(0.2, 0.02),
}


def poisson_marginal(gaps: Floats) -> Floats:
    """Log marginal density of the gaps of a Poisson process, its mean gap unknown, (pairs,)."""
    m = gaps.shape[1]
    found: Floats = math.lgamma(m) - m * np.log(gaps.sum(axis=1))
    return found


def bound_known(rhythm: Rhythm, gaps: int, pairs: int, fpr: float, rng: Rng) -> float:
    """TPR at this FPR of the likelihood ratio with law and sleep known, against Poisson of the same mean gap."""
    c2 = rhythm.draw(rng, (pairs, gaps))
    mean = float(rhythm.draw(rng, (1, 100_000)).mean())
    benign = rng.exponential(mean, (pairs, gaps))

    def ratio(given: Floats) -> Floats:
        found: Floats = (rhythm.density(given) + given / mean + math.log(mean)).sum(axis=1)
        return found

    return _tpr(ratio(c2), ratio(benign), fpr, rng)


def bound_unknown(rhythm: Rhythm, gaps: int, pairs: int, fpr: float, rng: Rng) -> float | None:
    """TPR at this FPR of the likelihood ratio with the law known but not the sleep; None where it is not derived."""
    marginal = rhythm.marginal
    if marginal is None:
        return None

    def ratio(given: Floats) -> Floats:
        return marginal(given) - poisson_marginal(given)

    return _tpr(ratio(rhythm.draw(rng, (pairs, gaps))), ratio(rng.exponential(1.0, (pairs, gaps))), fpr, rng)


def _tpr(c2: Floats, benign: Floats, fpr: float, rng: Rng) -> float:
    """Ties are drawn for, as a randomised test does."""
    allowed = int(fpr * len(benign))
    edge = np.sort(benign)[::-1][allowed]
    above, tied = float((c2 > edge).mean()), float((c2 == edge).mean())
    room = (allowed - int((benign > edge).sum())) / max(1, int((benign == edge).sum()))
    return above + tied * min(1.0, max(0.0, room))


def _log_normal(values: Floats, mean: Floats, spread: float | Floats) -> Floats:
    """Log density of a normal law with a standard deviation of `spread` times the mean."""
    found: Floats = -0.5 * ((values - mean) / (spread * mean)) ** 2 - np.log(math.sqrt(2 * math.pi) * spread * mean)
    return found


def _log_sum(values: Floats, axis: int) -> Floats:
    top = values.max(axis=axis, keepdims=True)
    found: Floats = np.log(np.exp(values - top).sum(axis=axis)) + np.squeeze(top, axis=axis)
    return found
