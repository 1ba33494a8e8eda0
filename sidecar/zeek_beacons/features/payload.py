"""What the connections carry: sizes each way, durations, and how they end. Shares and ratios only.

Missing sizes and durations are left out, never taken as 0. NaN below MIN_VALUES values that are there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zeek_beacons.features.checkins import Observations
from zeek_beacons.features.padded_rows import PaddedRows, clear, held, longest_run, share
from zeek_beacons.features.timing import cv, relative_mad
from zeek_beacons.pairs import STATE_CODE, STATES, Bools, Floats, Ints

MIN_VALUES = 3
FAILED = ("S0", "REJ", "RSTOS0", "SH")  # never established, from the originator's side
COLUMNS = ("orig_bytes", "resp_bytes", "duration")


def column(name: str) -> Callable[[Observations], PaddedRows]:
    def rows(block: Observations) -> PaddedRows:
        found: PaddedRows = getattr(block, name)
        return found

    return rows


def spread(name: str) -> Callable[[Observations], Floats]:
    """Std / mean of a column, 0 to 100; 0 where all values are 0."""

    def feature(block: Observations) -> Floats:
        rows = column(name)(block)
        return np.where((rows.count >= MIN_VALUES) & (rows.total == 0), 0.0, cv(rows))

    return feature


def relative_deviation(name: str) -> Callable[[Observations], Floats]:
    """MAD / median of a column, 0 to 100; 0 where the MAD is 0."""

    def feature(block: Observations) -> Floats:
        rows = column(name)(block)
        return np.where((rows.count >= MIN_VALUES) & (rows.mad == 0), 0.0, relative_mad(rows))

    return feature


def mode_share(name: str) -> Callable[[Observations], Floats]:
    """Share of a column's values that equal the most frequent one, 0 to 1."""

    def feature(block: Observations) -> Floats:
        rows = column(name)(block)
        return clear(most_frequent(rows.ordered) / rows.count, rows.count >= MIN_VALUES)

    return feature


def most_frequent(ordered: Floats) -> Ints:
    """How often the most frequent value occurs in ascending rows; NaN is no value."""
    return longest_run(ordered[:, 1:] == ordered[:, :-1]) + 1


def near_median_size(name: str) -> Callable[[Observations], Floats]:
    """Share of a column's values within 10 % of the median, 0 to 1: padding hides the mode, not this."""

    def feature(block: Observations) -> Floats:
        rows = column(name)(block)
        return clear(share(rows.near(rows.median, 0.1), rows.count), rows.count >= MIN_VALUES)

    return feature


def distinct_share(block: Observations) -> Floats:
    """Distinct sizes sent by the originator / connections, 0 to 1."""
    rows = block.orig_bytes
    repeated = held(rows.ordered[:, 1:] == rows.ordered[:, :-1])
    return clear((rows.count - repeated) / rows.count, rows.count >= MIN_VALUES)


def both_sizes(block: Observations) -> PaddedRows:
    """One number for the two sizes of a connection, NaN where either is missing."""
    mixed = np.minimum(block.orig_bytes.values, 2.0**26) * 2.0**26 + np.minimum(block.resp_bytes.values, 2.0**26 - 1)
    return PaddedRows(mixed)


def same_size_share(block: Observations) -> Floats:
    """Share of the connections whose sizes both ways equal the most frequent ones, 0 to 1."""
    rows = block.memo(both_sizes)
    return clear(most_frequent(rows.ordered) / rows.count, rows.count >= MIN_VALUES)


def repeat_share(block: Observations) -> Floats:
    """Share of the connections that repeat the originator's size of the one before, 0 to 1."""
    before, after = block.orig_bytes.values[:, :-1], block.orig_bytes.values[:, 1:]
    known = held(~np.isnan(before) & ~np.isnan(after))
    return clear(held(before == after) / known, known >= MIN_VALUES - 1)


def byte_ratio(block: Observations) -> Floats:
    """Originator's share of all bytes, 0 to 1; NaN where no byte was sent."""
    sent, received = block.orig_bytes.total, block.resp_bytes.total
    known = (block.orig_bytes.count > 0) & (block.resp_bytes.count > 0)
    return clear(sent / (sent + received), known & (sent + received > 0))


def ratio_spread(block: Observations) -> Floats:
    """Std of the originator's share of the bytes of a connection, 0 to 0.5."""
    sent, received = block.orig_bytes.values, block.resp_bytes.values
    rows = PaddedRows(np.where(sent + received > 0, sent / (sent + received), np.nan))
    return clear(rows.std, rows.count >= MIN_VALUES)


def empty_share(block: Observations) -> Floats:
    """Share of the connections that carried no payload either way, among those whose sizes are known, 0 to 1."""
    sizes = block.orig_bytes.values + block.resp_bytes.values
    known = held(~np.isnan(sizes))
    return clear(held(sizes == 0) / known, known >= MIN_VALUES)


def duty(block: Observations) -> Floats:
    """Sum of the durations / time from first to last start, 0 to 10: how much of the time a connection is open."""
    last = np.fmax.reduce(block.start, axis=-1, initial=0.0)
    return clear(block.duration.total / last, (block.duration.count >= MIN_VALUES) & (last > 0))


def duration_to_gap(block: Observations) -> Floats:
    """log10 of median duration over median gap between connections, -6 to 6."""
    ratio = np.log10(np.maximum(block.duration.median / block.gaps.median, 1e-6))
    return clear(ratio, (block.duration.count >= MIN_VALUES) & (block.gaps.median > 0))


def missing_duration_share(block: Observations) -> Floats:
    """Share of the connections without a duration (one packet, or unknown), 0 to 1."""
    return 1 - block.duration.count / block.count


def log_median(name: str) -> Callable[[Observations], Floats]:
    """log10 of the median of a column of bytes + 1, 0 to 12."""

    def feature(block: Observations) -> Floats:
        rows = column(name)(block)
        return clear(np.log10(rows.median + 1), rows.count >= MIN_VALUES)

    return feature


def log_duration(block: Observations) -> Floats:
    """log10 of the median duration in seconds, -3 to 9."""
    return clear(np.log10(np.maximum(block.duration.median, 1e-3)), block.duration.count >= MIN_VALUES)


def large_answer_share(block: Observations) -> Floats:
    """Share of the answers above ten times the median one: tasks among empty polls, 0 to 1."""
    rows = block.resp_bytes
    large = rows.values > 10 * np.maximum(rows.median, 1.0)[:, None]
    return clear(share(large, rows.count), rows.count >= MIN_VALUES)


def states(block: Observations) -> Ints:
    """Connections by state, (m, len(STATES))."""
    return np.stack([held(block.state == code) for code in range(1, len(STATES))], axis=-1)


def known_states(block: Observations) -> tuple[Ints, Bools]:
    known = held(block.state > 0)
    return known, known >= MIN_VALUES


def failed_share(block: Observations) -> Floats:
    """Share of the connections that were never established (S0, REJ, RSTOS0, SH), 0 to 1."""
    known, enough = block.memo(known_states)
    failed = [STATE_CODE[name] - 1 for name in FAILED]
    return clear(sum(block.memo(states)[:, code] for code in failed) / known, enough)


def state_mode_share(block: Observations) -> Floats:
    """Share of the most frequent connection state, 0 to 1."""
    known, enough = block.memo(known_states)
    return clear(block.memo(states).max(axis=-1) / known, enough)
