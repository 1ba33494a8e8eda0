"""How a pair is there over hours and days: counts, silences, and how evenly it fills its span."""

from __future__ import annotations

import numpy as np

from zeek_beacons.features.checkins import Checkins
from zeek_beacons.features.padded_rows import (
    PaddedRows,
    clear,
    held,
    longest_run,
    pick,
    tally,
)
from zeek_beacons.features.timing import MIN_GAPS
from zeek_beacons.pairs import Bools, Floats, Ints

HOUR = 3600.0  # seconds
PARTS = 24  # of the span, for evenness
MIN_CHECKINS = 12  # for evenness


def connections(block: Checkins) -> Floats:
    """Connections held, a count."""
    return block.size.total


def checkin_count(block: Checkins) -> Floats:
    """Check-ins, a count."""
    return block.count.astype(np.float64)


def log_n(block: Checkins) -> Floats:
    """log10 of the number of check-ins, 0 to 9."""
    return np.log10(block.count)


def median_gap(block: Checkins) -> Floats:
    """Median gap between check-ins, seconds. NaN below one gap."""
    return block.gaps.median


def log_median_gap(block: Checkins) -> Floats:
    """log10 of the median gap in seconds, -6 to 9. NaN for a zero median."""
    return clear(np.log10(block.gaps.median), block.gaps.median > 0)


def span(block: Checkins) -> Floats:
    """First to last check-in, seconds."""
    return block.span


def active_hours(block: Checkins) -> tuple[Ints, Ints, Ints]:
    """Clock hours with a check-in, clock hours touched by the span, longest run of neighbouring active ones."""
    hour = np.floor((block.times + block.first[:, None]) / HOUR)
    step = hour[:, 1:] - hour[:, :-1]
    changes = step > 0
    active = held(changes) + 1
    last = pick(hour, np.maximum(block.count - 1, 0)) - hour[:, 0]
    broken = np.where(step > 1, np.cumsum(changes, axis=-1), 0)  # active hours before each break
    edges = np.maximum.accumulate(broken, axis=-1)
    run = np.where(step >= 0, np.cumsum(changes, axis=-1) - edges, 0).max(axis=-1, initial=0) + 1
    return active, np.fmax(last, 0.0).astype(np.int64) + 1, run


def hours_active(block: Checkins) -> Floats:
    """Clock hours with at least one check-in, a count."""
    return block.memo(active_hours)[0].astype(np.float64)


def active_share(block: Checkins) -> Floats:
    """Share of the clock hours between first and last that hold a check-in, 0 to 1."""
    active, touched, _run = block.memo(active_hours)
    return active / touched


def active_run(block: Checkins) -> Floats:
    """Longest run of neighbouring active clock hours / 12, 0 to 1 (RITA's measure of duration)."""
    return np.minimum(block.memo(active_hours)[2] / 12, 1)


def silence_to_span(block: Checkins) -> Floats:
    """Longest gap / span, 0 to 1."""
    return clear(longest_gap(block) / block.span, (block.gaps.count >= MIN_GAPS) & (block.span > 0))


def silence_to_gap(block: Checkins) -> Floats:
    """log10 of the longest gap over the median gap, 0 to 9. NaN for a zero median."""
    enough = (block.gaps.count >= MIN_GAPS) & (block.gaps.median > 0)
    return clear(np.log10(longest_gap(block) / block.gaps.median), enough)


def longest_gap(block: Checkins) -> Floats:
    longest: Floats = pick(block.gaps.ordered, np.maximum(block.gaps.count - 1, 0))
    return longest


def parts(block: Checkins) -> PaddedRows:
    """Check-ins in PARTS equal parts of the span, (m, PARTS)."""
    counts = tally(np.minimum(place(block, PARTS), PARTS - 1), block.own, PARTS)
    return PaddedRows(counts.astype(np.float64))


def place(block: Checkins, parts: Ints | int) -> Ints:
    """In which of `parts` equal parts of the span each check-in lies, from 0; the last lies at `parts`."""
    scale = np.where(block.span > 0, parts / block.span, 0.0)
    column: Ints = (np.where(block.own, block.times, 0.0) * scale[:, None]).astype(np.int64)
    return column


def even(block: Checkins) -> Bools:
    return (block.count >= MIN_CHECKINS) & (block.span > 0)


def parts_filled(block: Checkins) -> Floats:
    """Share of the 24 equal parts of the span that hold a check-in, 0 to 1. NaN below 12 check-ins."""
    return clear(held(block.memo(parts).values > 0) / PARTS, even(block))


def parts_cv(block: Checkins) -> Floats:
    """Std / mean of the check-ins in 24 equal parts of the span, 0 to 5. NaN below 12 check-ins."""
    return clear(block.memo(parts).std / block.memo(parts).mean, even(block))


def drift(block: Checkins) -> Floats:
    """Largest distance of the check-ins' distribution over the span from an even one, 0 to 1 (Kolmogorov's D)."""
    expected = np.arange(block.times.shape[1]) / np.maximum(block.count - 1, 1)[:, None]
    off = np.abs(block.times / block.span[:, None] - expected)
    return clear(np.fmax.reduce(off, axis=-1, initial=0.0), even(block))


def busy_run(block: Checkins) -> Floats:
    """Longest run of filled parts of the span / 24, 0 to 1. NaN below 12 check-ins."""
    return clear(longest_run(block.memo(parts).values > 0) / PARTS, even(block))
