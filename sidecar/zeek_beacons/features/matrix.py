"""`extract`: Pairs in, matrix out. The one way for training and serving."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.features.catalogue import CATALOGUE, COLUMN, Feature
from zeek_beacons.features.checkins import Checkins, Observations, checkins, observations
from zeek_beacons.features.context import Context, context
from zeek_beacons.features.padded_rows import RowBlock, chunks
from zeek_beacons.features.windows import Windows, flat_windows, measure, slices, windows
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs

Matrix: TypeAlias = NDArray[np.float32]
Task: TypeAlias = tuple[Ints, int]

THREADS = 2
WORTH_THREADS = 50_000  # observations below which starting threads costs more than it saves


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
    matrix = np.full((len(pairs), len(CATALOGUE)), np.nan, dtype=np.float32)
    opens = np.zeros(len(pairs.start), dtype=np.bool_)
    held = pairs.counts

    def observe(task: Task) -> None:
        rows, width = task
        block = observations(pairs, rows, held[rows], width)
        opens[(pairs.offsets[rows][:, None] + np.arange(width))[block.opens]] = True
        fill(matrix, rows, block, OF[Observations])

    run(observe, list(chunks(held)), len(pairs.start))
    start, size, counts = collapse(pairs, opens)
    begins = np.cumsum(counts) - counts

    def check_in(task: Task) -> None:
        rows, width = task
        fill(matrix, rows, checkins(start, size, begins[rows], counts[rows], width), OF[Checkins])

    run(check_in, list(chunks(counts)), len(start))
    look_through_windows(matrix, start, counts)
    describe(matrix, pairs)
    return Features(matrix)


def collapse(pairs: Pairs, opens: Bools) -> tuple[Floats, Floats, Ints]:
    """Start of each check-in, connections in it, and check-ins of each pair."""
    opened = np.flatnonzero(opens)
    size = np.diff(opened, append=len(opens)).astype(np.float64)
    counts = np.diff(np.searchsorted(opened, pairs.offsets))
    return pairs.start[opened], size, counts


def look_through_windows(matrix: Matrix, start: Floats, counts: Ints) -> None:
    """Measures every window of every pair, then sums them up for each pair."""
    with np.errstate(all="ignore"):
        pair, length, begin, held = slices(start, counts)
    measured = (np.empty(len(pair)), np.empty(len(pair)), np.empty(len(pair)))

    def look(task: Task) -> None:
        rows, width = task
        for column, values in zip(measured, measure(start, begin[rows], held[rows], width), strict=True):
            column[rows] = values

    run(look, list(chunks(held)), len(start))
    flat = flat_windows(pair, length, measured, len(counts))
    begins = np.cumsum(flat.counts) - flat.counts

    def sum_up(task: Task) -> None:
        rows, width = task
        fill(matrix, rows, windows(flat, begins[rows], flat.counts[rows], width), OF[Windows])

    run(sum_up, list(chunks(flat.counts)), len(start))


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


def run(work: Callable[[Task], None], tasks: list[Task], size: int) -> None:
    """Does the tasks, in threads where that pays. Tasks write to different rows, so their order does not matter."""

    def quietly(task: Task) -> None:
        with np.errstate(all="ignore"):
            work(task)

    if size < WORTH_THREADS:
        for task in tasks:
            quietly(task)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        for _done in pool.map(quietly, tasks):
            pass


OF: dict[type[RowBlock], tuple[tuple[int, Feature], ...]] = {
    level: tuple((place, feature) for place, feature in enumerate(CATALOGUE) if feature.level is level)
    for level in (Observations, Checkins, Windows, Context)
}
