"""The shape of the jitter: gap distributions fitted to the gaps, and the sleep and jitter they imply.

Every fit is a mixture: a core of gaps around the base interval, and a rest (missed beats, pauses, tasks) spread like
Poisson gaps. Log-likelihood ratios are nats a gap over an exponential distribution of the same mean (Poisson arrivals).
A uniform core [low, high] can be a shortened, a symmetric or a lengthened sleep; its likelihood is the same for all
three. What decides is which of them makes round numbers of sleep and jitter (people configure 60 s and 50 %, not 45 s
and 33.3 %), and Cobalt Strike's shortening where nothing does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from zeek_beacons.features.checkins import Checkins
from zeek_beacons.features.padded_rows import clear, held, pick, quantile, total
from zeek_beacons.features.timing import base, middle_between
from zeek_beacons.pairs import Bools, Floats, Ints

JITTER_KINDS = ("constant", "shortened", "symmetric", "gaussian", "lengthened", "exponential")
CONSTANT, SHORTENED, SYMMETRIC, GAUSSIAN, LENGTHENED, EXPONENTIAL = range(6)

MIN_GAPS = 5
TRIM = 0.015  # share of the core left out at each edge, where it meets missed beats
FINEST = 1e-3  # narrowest core, relative to the base interval: bounds the ratio of a perfect beacon near ln(1000)
TIGHT = 0.02  # a core whose middle 80 % is narrower than this share of its median is constant
GAUSSIAN_MARGIN = 2.0  # nats a Gaussian must win over the uniform distribution
EXPONENTIAL_MARGIN = 0.05  # nats a gap below which a fit is no better than Poisson arrivals
SLEEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds of which round sleeps are multiples
JITTERS = (0.05, 0.1)
COMMON, RARE = 0.55, -1.0  # jitter above half the sleep is seldom configured, log odds
WAYS = (SHORTENED, SYMMETRIC, LENGTHENED)  # to read the edges of a uniform distribution
PRIOR = {SHORTENED: 0.0, SYMMETRIC: -0.25, LENGTHENED: -1.5}  # log odds of a kind before its numbers are seen


class Core(NamedTuple):
    """The gaps of single beats: a slice of the ordered gaps, and the uniform distribution's edges."""

    begin: Ints  # (m,) first column of the slice
    size: Ints  # (m,) gaps in it
    middle: Floats  # median, seconds
    spread: Floats  # 10 % to 90 % quantile, seconds
    low: Floats  # unbiased edges of a uniform distribution, seconds
    high: Floats
    error: Floats  # of an edge, seconds


class Fits(NamedTuple):
    """Log-likelihood ratios against Poisson, nats a gap, and the Gaussian's parameters."""

    constant: Floats
    uniform: Floats
    gaussian: Floats
    mean: Floats  # seconds
    std: Floats  # seconds


class SleepAndJitter(NamedTuple):
    """What the implant was configured with, as estimated."""

    sleep: Floats  # seconds
    jitter: Floats  # 0 to 1
    kind: Ints  # index into JITTER_KINDS


def core(block: Checkins) -> Core:
    """Gaps within 60 % of the base interval, or up to twice of it where that leaves out a fifth (jitter above 80 %).

    The edges come from the extremes inside what the 10 % and 90 % quantiles allow, so that some missed beats among
    the gaps do not stretch them.
    """
    rows, around = block.gaps, block.memo(base)
    near = middle_between(rows, 0.4 * around, 1.6 * around)
    wide = middle_between(rows, 0.0 * around, 2.1 * around)
    spread_out = near[2] < 0.8 * wide[2]
    begin, count = np.where(spread_out, wide[1], near[1]), np.where(spread_out, wide[2], near[2])
    low, high = quantile(rows.ordered, count, 0.1, begin), quantile(rows.ordered, count, 0.9, begin)
    slack = 0.275 * (high - low) + FINEST * around
    _middle, begin, count = middle_between(
        rows,
        np.maximum(low - slack, pick(rows.ordered, begin)),
        np.minimum(high + slack, top(rows.ordered, begin, count)),
    )
    trimmed = (count * TRIM).astype(np.int64)
    least, most = pick(rows.ordered, begin + trimmed), top(rows.ordered, begin, count - trimmed)
    step = (most - least) / np.maximum(count - 1 - 2 * trimmed, 1)
    beyond = (trimmed + 1) * step
    sure = (rows.count >= MIN_GAPS) & (count >= MIN_GAPS - 1) & (around > 0)
    return Core(
        begin,
        count,
        clear(quantile(rows.ordered, count, 0.5, begin), sure),
        clear(high - low, sure),
        clear(np.maximum(least - beyond, 0), sure),
        clear(most + beyond, sure),
        step * np.sqrt(trimmed + 1),
    )


def top(ordered: Floats, begin: Ints, count: Ints) -> Floats:
    highest: Floats = pick(ordered, begin + np.maximum(count - 1, 0))
    return highest


def fits(block: Checkins) -> Fits:
    """The three fits, by maximum likelihood, less a penalty of half a ln(n) for each parameter (Schwarz 1978)."""
    rows, found = block.gaps, block.memo(core)
    column = np.arange(rows.values.shape[1])
    inside = (column >= found.begin[:, None]) & (column < (found.begin + found.size)[:, None])
    within = total(rows.ordered, inside)
    mean = within / found.size
    floor = FINEST * found.middle
    std = np.sqrt(total((rows.ordered - mean[:, None]) ** 2, inside) / found.size)
    std_floored = np.maximum(std, floor / np.sqrt(12))
    width = np.maximum(found.high - found.low, floor)

    even = (rows.ordered >= found.low[:, None]) & (rows.ordered <= found.high[:, None])
    tight = np.abs(rows.ordered - found.middle[:, None]) <= (TIGHT / 2 * found.middle)[:, None]
    within_tight = total(rows.ordered, tight)
    n_tight = held(tight)

    def ratio(n_core: Ints, sum_core: Floats, density: Floats, parameters: int) -> Floats:
        """`density`: mean log density of the core's gaps. The rest has the exponential's, both with their share."""
        n, scale = rows.count, rows.mean
        rest = n - n_core
        share = (n_core + 0.5) / (n + 1)
        core_part = n_core * (np.log(share) + density)
        rest_part = rest * (np.log1p(-share) - np.log(scale)) - (rows.total - sum_core) / scale
        poisson = -n * (np.log(scale) + 1)
        gain: Floats = (core_part + rest_part - poisson - parameters / 2 * np.log(n)) / n
        return gain

    gaussian = -np.log(std_floored) - 0.5 * np.log(2 * np.pi) - 0.5 * (std / std_floored) ** 2
    return Fits(
        ratio(n_tight, within_tight, -np.log(TIGHT * found.middle), 1),
        ratio(held(even), total(rows.ordered, even), -np.log(width), 2),
        ratio(found.size, within, gaussian, 2),
        mean,
        std,
    )


def roundness(value: Floats, below: Floats, above: Floats, units: tuple[float, ...]) -> Floats:
    """How surprising it is that a multiple of a unit lies in [value - below, value + above], nats; 0 if none does.

    Chance puts one there with the width of the interval / unit.
    """
    unit = np.array(units)
    middle, reach = value + (above - below) / 2, (above + below) / 2
    nearest = np.rint(middle[..., None] / unit) * unit
    hit = (nearest > 0) & (np.abs(nearest - middle[..., None]) <= reach[..., None])
    largest = np.where(hit, unit, 0.0).max(axis=-1)
    surprise: Floats = np.log(np.maximum(largest / (2 * reach), 1.0))
    return surprise


def round_config(sleep: Floats, jitter: Floats, error: Floats) -> Floats:
    """Log odds that an operator chose this sleep and jitter, (len(WAYS), m), for each of WAYS.

    Transfers take time, so gaps overshoot a sleep rather than fall short of it.
    """
    below = np.maximum(1.5 * error, 0.01 * sleep) + 0.05
    above = np.maximum(error, 0.003 * sleep) + 0.01
    off = 1.5 * error / sleep + 0.005
    prior = np.array([[PRIOR[way]] for way in WAYS]) + np.where(jitter > COMMON, RARE, 0.0)
    odds = prior + roundness(sleep, below, above, SLEEPS) + roundness(jitter, off, off, JITTERS)
    return np.where(jitter <= 1, odds, -np.inf)


def estimate_sleep_and_jitter(block: Checkins) -> SleepAndJitter:
    """The configuration that explains the gaps best."""
    found, fit = block.memo(core), block.memo(fits)
    low, high = found.low, found.high
    sleeps = np.stack([high, (low + high) / 2, low])
    jitters = np.stack([1 - low / high, (high - low) / (high + low), high / low - 1])
    kind = np.array(WAYS)[round_config(sleeps, jitters, found.error).argmax(axis=0)]
    kind = np.where((fit.gaussian - fit.uniform) * found.size > GAUSSIAN_MARGIN, GAUSSIAN, kind)
    kind = np.where(block.memo(llr_poisson) <= EXPONENTIAL_MARGIN, EXPONENTIAL, kind)
    constant = (found.spread <= TIGHT * found.middle) | (fit.constant >= np.fmax(fit.uniform, fit.gaussian))
    kind = np.where(constant & (kind != EXPONENTIAL), CONSTANT, kind)
    configs = {
        CONSTANT: (found.middle, np.minimum(found.spread / found.middle, TIGHT)),
        SHORTENED: (sleeps[0], jitters[0]),
        SYMMETRIC: (sleeps[1], jitters[1]),
        GAUSSIAN: (fit.mean, np.minimum(np.sqrt(3) * fit.std / fit.mean, 1)),
        LENGTHENED: (sleeps[2], jitters[2]),
        EXPONENTIAL: (block.gaps.mean, np.ones(len(low))),
    }
    sleep, jitter = (np.choose(kind, [configs[code][part] for code in range(len(JITTER_KINDS))]) for part in (0, 1))
    return SleepAndJitter(sleep, jitter, kind)


def sure(block: Checkins) -> Bools:
    return ~np.isnan(block.memo(core).middle)


def sleep(block: Checkins) -> Floats:
    """Estimated configured sleep, seconds; the mean gap for Poisson-like pairs. NaN below 5 gaps."""
    return clear(block.memo(estimate_sleep_and_jitter).sleep, sure(block))


def jitter(block: Checkins) -> Floats:
    """Estimated jitter, 0 to 1, in the terms of its kind; sqrt(3) std / mean for a Gaussian, 1 for Poisson-like."""
    return clear(np.clip(block.memo(estimate_sleep_and_jitter).jitter, 0, 1), sure(block))


def jitter_kind(block: Checkins) -> Floats:
    """Index into JITTER_KINDS; NaN below 5 gaps."""
    return clear(block.memo(estimate_sleep_and_jitter).kind.astype(np.float64), sure(block))


def llr(name: str) -> Callable[[Checkins], Floats]:
    """Log-likelihood ratio of one fit (`constant`, `uniform`, `gaussian`) against Poisson, nats a gap, -10 to 10."""

    def feature(block: Checkins) -> Floats:
        ratio: Floats = getattr(block.memo(fits), name)
        return clear(ratio, sure(block))

    return feature


def llr_poisson(block: Checkins) -> Floats:
    """The best fit's log-likelihood ratio against Poisson, nats a gap, -10 to 10; about 0 or less for Poisson."""
    fit = block.memo(fits)
    return clear(np.fmax.reduce([fit.constant, fit.uniform, fit.gaussian]), sure(block))


def core_share(block: Checkins) -> Floats:
    """Share of the gaps that the fits explain as single beats, 0 to 1."""
    return clear(block.memo(core).size / block.gaps.count, sure(block))


def core_spread(block: Checkins) -> Floats:
    """10 % to 90 % quantile range of the single beats / their median, 0 to 2.1: jitter of whatever kind."""
    return clear(block.memo(core).spread / block.memo(core).middle, sure(block))
