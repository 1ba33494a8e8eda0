"""Work on blocks of rows, in threads where that pays."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from zeek_beacons.pairs import Ints

Task: TypeAlias = tuple[Ints, int]  # rows, and the width of their block

THREADS = 2
WORTH_THREADS = 50_000  # observations below which starting threads costs more than it saves


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
