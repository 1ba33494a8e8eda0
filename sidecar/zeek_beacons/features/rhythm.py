"""Rhythm: periodicity of the check-ins as points in time, not of the list of gaps.

A clock that misses beats, pauses or sends groups keeps its phase; an implant that sleeps anew after each check-in
drifts, which the local measures forgive. All are NaN below MIN_CHECKINS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from zeek_beacons.features.checkins import Checkins
from zeek_beacons.features.multi_gap import ladder_period
from zeek_beacons.features.padded_rows import (
    PaddedRows,
    clear,
    held,
    pick,
    share,
    tally,
    total,
)
from zeek_beacons.features.timing import base, beats
from zeek_beacons.pairs import MICROSECONDS, Bools, Floats, Ints

MIN_CHECKINS = 6
SILENCE = 4  # base intervals kept of a longer silence; whole intervals are taken out, so the phase stays
BINS = 6  # bins for each column of the block: at least so many for one check-in
MAX_BINS = 2**17
SLOWEST = 8  # longest period looked for, in mean gaps
NEAR = 0.15  # of a period: how near a later check-in must be to count as one or two periods later
LEAST_GAP = 2.0  # seconds: gaps below are no waits; also half of the modal window
LONGEST_GAP = 2**41  # microseconds, 25 days
TURN = np.float32(2 * np.pi)


class Clock(NamedTuple):
    """The straight line through beat number and time that fits the check-ins best."""

    period: Floats  # seconds, (m,)
    coherence: Floats  # Rayleigh's mean resultant length of the phases, 0 to 1


class Peak(NamedTuple):
    """The strongest line in the spectrum of the check-ins."""

    period: Floats  # seconds
    coherence: Floats  # amplitude / check-ins, 0 to 1
    excess: Floats  # log10 of power over what the best of as many frequencies has for Poisson arrivals


def enough(block: Checkins) -> Bools:
    return (block.count >= MIN_CHECKINS) & (block.span > 0)


def resultant(phase: Floats, counted: Bools, width: Ints) -> Floats:
    """Mean resultant length |sum exp(2 pi i phase)| / n, phases in turns (Rayleigh 1880; Mardia and Jupp 2000).

    `width`: how many columns of each row are looked at, (m,).
    """
    angle = (phase - np.rint(phase)).astype(np.float32) * TURN
    angle[~counted] = 0
    count = held(counted)
    east, turned = np.empty(len(count)), np.cos(angle)
    for columns in np.unique(width).tolist():
        rows = width == columns
        east[rows] = turned[rows, :columns].sum(axis=-1, dtype=np.float64)
    east -= width - count
    north = np.sin(angle).sum(axis=-1, dtype=np.float64)
    length: Floats = np.hypot(east, north) / count
    return length


def clock(block: Checkins, period: Floats) -> Clock:
    """Refines `period` by least squares of start over beat number, beats counted gap by gap, and takes the phases."""
    own = block.own
    number = np.zeros(block.times.shape)
    np.divide(block.gaps.values[:, :-1], period[:, None], out=number[:, 1:])
    np.cumsum(np.rint(number, out=number), axis=-1, out=number)
    beat = number - (total(number, own) / block.count)[:, None]
    time = block.times - (total(block.times, own) / block.count)[:, None]
    fitted = total(beat * time, own) / total(beat * beat, own)
    fitted = clear(fitted, enough(block) & (fitted > 0))
    phase = np.where(own, time / fitted[:, None] - beat, 0.0)
    return Clock(fitted, clear(resultant(phase, own, block.width), ~np.isnan(fitted)))


def base_clock(block: Checkins) -> Clock:
    return clock(block, block.memo(base))


def spectrum(block: Checkins) -> Peak:
    """The strongest line of each pair, by a periodogram as wide as the pair's own check-ins ask for."""
    found = np.empty((3, len(block.times)))
    for rows, part in block.by_width():
        found[:, rows] = _spectrum(part, block.memo(base)[rows])
    return Peak(*found)


def _spectrum(block: Checkins, interval: Floats) -> Peak:
    """Periodogram of the binned check-ins (Bartlett 1963), long silences shortened by whole base intervals.

    Periods from about two bins up to SLOWEST mean gaps.
    """
    gaps = block.gaps.values[:, :-1]
    long = np.floor(gaps / interval[:, None]) - SILENCE
    kept = np.where(long > 0, gaps - interval[:, None] * long, gaps)
    kept[np.isnan(kept)] = 0
    time = np.zeros(block.times.shape)
    np.cumsum(kept, axis=-1, out=time[:, 1:])
    own = block.own
    count = block.count
    length = clear(time[:, -1] * (count / np.maximum(count - 1, 1)), enough(block))  # puts a perfect beacon on one line
    bins = min(BINS * block.times.shape[1], MAX_BINS)
    place = (time * np.where(length > 0, bins / length, 0.0)[:, None]).astype(np.int64)
    lines = np.fft.rfft(tally(np.minimum(place, bins - 1), own, bins), axis=-1)
    power = lines.real**2 + lines.imag**2
    first = np.maximum(-(-count // SLOWEST), 2)
    power[np.arange(bins // 2 + 1) < first[:, None]] = -1
    best = power.argmax(axis=-1)
    height = pick(power, best) / count
    chance = np.log(np.maximum(bins // 2 - first, 2))
    sure = enough(block)
    return Peak(
        clear(length / best, sure),
        clear(np.sqrt(height / count), sure),
        clear(np.log10(np.maximum(height / chance, 0.1)), sure),
    )


def spectral_clock(block: Checkins) -> Clock:
    return clock(block, block.memo(spectrum).period)


def best_clock(block: Checkins) -> Clock:
    """The clock of the base interval, unless the spectrum's own period is clearly more coherent."""
    slow, fast = block.memo(base_clock), block.memo(spectral_clock)
    other = np.fmax(fast.coherence, 0.0) > np.fmax(slow.coherence, 0.0) + 0.1
    return Clock(np.where(other, fast.period, slow.period), np.fmax(slow.coherence, fast.coherence))


def period(block: Checkins) -> Floats:
    """The dominant period, seconds: that of a ladder of gaps, else the best clock's, else the base interval."""
    best, ladder = block.memo(best_clock).period, block.memo(ladder_period)
    return np.where(ladder > 0, ladder, np.where(best > 0, best, block.memo(base)))


def coherence(block: Checkins) -> Floats:
    """Rayleigh phase coherence of the check-ins at the best period, 0 to 1."""
    return block.memo(best_clock).coherence


def gap_coherence(block: Checkins) -> Floats:
    """Rayleigh coherence of the gaps as phases of the base interval, 0 to 1: phase kept over one gap."""
    phase = block.gaps.values / block.memo(base)[:, None] - block.memo(beats)
    counted = block.gaps.valid & (block.memo(beats) >= 1)
    found = resultant(np.where(counted, phase, 0.0), counted, block.width) * share(counted, block.gaps.count)
    return clear(found, enough(block) & ~np.isnan(block.memo(base)))


def spectral_peak(block: Checkins) -> Floats:
    """Amplitude of the strongest spectral line / check-ins, 0 to 1. sqrt(ln n / n) by chance."""
    return block.memo(spectrum).coherence


def spectral_excess(block: Checkins) -> Floats:
    """log10 of the strongest line's power over the chance level of Poisson arrivals, -1 to 6."""
    return block.memo(spectrum).excess


def autocorrelation(periods: int, reach: int) -> Callable[[Checkins], Floats]:
    """Share of the check-ins followed by one `periods` periods later, over chance, -1 to 1.

    The next `reach` check-ins are looked at; near means NEAR of a period; chance is that of Poisson arrivals at the
    same rate. 1: always followed; 0: as often as by chance (Cox and Lewis 1966, intensity function).
    """

    def feature(block: Checkins) -> Floats:
        span = block.memo(period)
        found = np.zeros(block.times.shape, dtype=np.bool_)
        for step in range(1, min(reach, block.times.shape[1] - 1) + 1):
            wait = block.times[:, step:] - block.times[:, :-step]
            found[:, :-step] |= np.abs(wait - (periods * span)[:, None]) <= (NEAR * span)[:, None]
        last = block.span - (periods - NEAR) * span  # later check-ins have no chance to be followed
        judged: Ints = held(block.times <= last[:, None])
        observed = held(found) / judged
        chance = 1 - np.exp(-2 * NEAR * span * (block.count - 1) / block.span)
        return clear((observed - chance) / (1 - chance), enough(block) & (judged >= MIN_CHECKINS - 2))

    return feature


def modal_window(block: Checkins) -> Floats:
    """Share of the gaps above LEAST_GAP within LEAST_GAP seconds of the most frequent one, 0 to 1.

    An absolute window: for slow timers far stricter than a share of the interval (the modal window of Flare).
    """
    known = PaddedRows(np.where(block.gaps.ordered > LEAST_GAP, block.gaps.ordered, np.nan))
    rows, width = known.values.shape
    whole = np.fmin(known.ordered * MICROSECONDS, 2.0 * LONGEST_GAP)  # also where there is none
    # All rows in one ascending list of whole microseconds, each with a stretch of its own.
    key = (np.rint(whole).astype(np.int64) + (np.arange(rows) * 4 * LONGEST_GAP)[:, None]).ravel()
    until = np.searchsorted(key, key + round(2 * LEAST_GAP * MICROSECONDS), side="right").reshape(rows, width)
    until = np.minimum(until, (np.arange(rows) * width + known.count)[:, None])  # the longest gaps look like none
    within = np.maximum(until - np.arange(rows * width).reshape(rows, width), 0)
    return clear(within.max(axis=-1, initial=0) / known.count, enough(block) & (known.count >= MIN_CHECKINS - 1))
