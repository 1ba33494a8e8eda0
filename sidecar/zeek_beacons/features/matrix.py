"""`extract`: Pairs in, matrix out. The one way for training and serving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.features.catalogue import CATALOGUE, COLUMN, Feature
from zeek_beacons.features.checkins import Checkins, FlatCheckins, Observations, observations
from zeek_beacons.features.context import Context, context
from zeek_beacons.features.padded_rows import RowBlock, chunks, shared
from zeek_beacons.features.regroup import regroup
from zeek_beacons.features.threads import Task, run
from zeek_beacons.features.windows import Windows, flat_windows, regularity_of, slices, windows
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs

Matrix: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """`matrix` (n, len(CATALOGUE)) float32: a row for each pair, a column for each feature, NaN where undefined."""

    matrix: Matrix

    def column(self, name: str) -> Matrix:
        """One feature of all pairs, (n,)."""
        return self.matrix[:, COLUMN[name]]

    def take(self, rows: Ints) -> Features:
        """The features of some pairs."""
        return Features(self.matrix[rows])

    def select(self, names: tuple[str, ...]) -> Matrix:
        """Some features in the order asked for, (n, len(names)), C-contiguous."""
        return np.ascontiguousarray(self.matrix[:, [COLUMN[name] for name in names]])


def extract(pairs: Pairs) -> Features:
    """The features of every pair. A row depends on its pair alone, bit for bit."""
    return measure(pairs)[0]


def measure(pairs: Pairs) -> tuple[Features, FlatCheckins]:
    """The features of every pair, and the check-ins that they speak of."""
    matrix = np.full((len(pairs), len(CATALOGUE)), np.nan, dtype=np.float32)
    opens = np.zeros(len(pairs.start), dtype=np.bool_)
    held = pairs.counts

    def observe(task: Task) -> None:
        rows, width = task
        block = observations(pairs, rows, held[rows], width)
        opens[(pairs.offsets[rows][:, None] + np.arange(width))[block.opens]] = True
        fill(matrix, rows, block, OF[Observations])

    run(observe, list(shared(held)), len(pairs.start))
    flat = regroup(collapse(pairs, opens))

    def check_in(task: Task) -> None:
        rows, width = task
        fill(matrix, rows, flat.block(rows, width), OF[Checkins])

    run(check_in, list(shared(flat.counts)), len(flat.start))
    look_through_windows(matrix, flat.start, flat.counts)
    describe(matrix, pairs)
    return Features(matrix), flat


def check_in(pairs: Pairs) -> FlatCheckins:
    """The check-ins alone, the same as `measure` gives."""
    opens = np.zeros(len(pairs.start), dtype=np.bool_)
    for rows, width in chunks(pairs.counts):
        block = observations(pairs, rows, pairs.counts[rows], width)
        opens[(pairs.offsets[rows][:, None] + np.arange(width))[block.opens]] = True
    return regroup(collapse(pairs, opens))


def collapse(pairs: Pairs, opens: Bools) -> FlatCheckins:
    """Runs of connections as check-ins, given which connection opens one."""
    opened = np.flatnonzero(opens)
    size = np.diff(opened, append=len(opens)).astype(np.float64)
    counts = np.diff(np.searchsorted(opened, pairs.offsets))
    return FlatCheckins(pairs.start[opened], size, opened, counts, np.full(len(counts), np.nan))


def look_through_windows(matrix: Matrix, start: Floats, counts: Ints) -> None:
    """Measures every window of every pair, then sums them up for each pair."""
    with np.errstate(all="ignore"):
        pair, length, begin, held = slices(start, counts)
    measured = (np.empty(len(pair)), np.empty(len(pair)), np.empty(len(pair)))

    def look(task: Task) -> None:
        rows, width = task
        for column, values in zip(measured, regularity_of(start, begin[rows], held[rows], width), strict=True):
            column[rows] = values

    run(look, list(shared(held)), len(start))
    flat = flat_windows(pair, length, measured, len(counts))
    begins = np.cumsum(flat.counts) - flat.counts

    def sum_up(task: Task) -> None:
        rows, width = task
        fill(matrix, rows, windows(flat, begins[rows], flat.counts[rows], width), OF[Windows])

    run(sum_up, list(shared(flat.counts)), len(start))


def describe(matrix: Matrix, pairs: Pairs) -> None:
    """Measures where the pairs go, for all that hold observations."""
    rows = np.flatnonzero(pairs.counts)
    if len(rows):
        with np.errstate(all="ignore"):
            fill(matrix, rows, context(pairs, rows), OF[Context])


def fill(matrix: Matrix, rows: Ints, block: RowBlock, columns: tuple[tuple[int, Feature], ...]) -> None:
    """Writes the features of one block into their columns: clipped to their range, NaN where not finite."""
    values = np.stack([feature.compute(block) for _place, feature in columns], axis=-1)
    values[~np.isfinite(values)] = np.nan
    np.clip(
        values, [feature.low for _place, feature in columns], [feature.high for _place, feature in columns], out=values
    )
    matrix[rows[:, None], [place for place, _feature in columns]] = values


OF: dict[type[RowBlock], tuple[tuple[int, Feature], ...]] = {
    level: tuple((place, feature) for place, feature in enumerate(CATALOGUE) if feature.level is level)
    for level in (Observations, Checkins, Windows, Context)
}
