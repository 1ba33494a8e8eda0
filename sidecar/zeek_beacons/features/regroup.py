"""From runs of connections to check-ins: what belongs to one check-in, and what a back-off looks like evened out.

Both look at a pair's own scales, and both leave it as it is where they are not sure.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons.features import backoff, grouping
from zeek_beacons.features.checkins import Checkins, FlatCheckins
from zeek_beacons.features.padded_rows import chunks
from zeek_beacons.features.threads import Task, run
from zeek_beacons.pairs import Bools, Floats

LEAST = grouping.LEAST_SHORT + grouping.LEAST_LONG + 1  # check-ins


def regroup(flat: FlatCheckins) -> FlatCheckins:
    """The check-ins, those that belong together made one, those of a back-off as the timer of its ratios."""
    start, kept = flat.start.copy(), np.ones(len(flat.start), dtype=np.bool_)
    growth = flat.growth.copy()

    def look(task: Task) -> None:
        rows, width = task
        block = flat.block(rows, width)
        places = (flat.begins[rows][:, None] + np.arange(width))[block.own]
        growing = backoff.factor(block)
        times, own = regrouped(block, growing)
        start[places], kept[places] = (times + block.first[:, None])[block.own], own[block.own]
        growth[rows] = np.exp(growing)

    run(look, list(chunks(flat.counts, LEAST)), len(start))
    if kept.all():
        return replace(flat, start=start, growth=growth)
    opened = np.flatnonzero(kept)
    owner = np.repeat(np.arange(len(flat.counts)), flat.counts)[opened]
    size = np.add.reduceat(flat.size, opened)
    return FlatCheckins(start[opened], size, flat.at[opened], np.bincount(owner, minlength=len(flat.counts)), growth)


def regrouped(block: Checkins, growing: Floats) -> tuple[Floats, Bools]:
    """Start of each check-in and which of them remain, (m, width) each. `growing`: see `backoff.factor`."""
    times, kept = backoff.evened(block, growing)
    together = grouping.opens(block)
    return times, np.where(np.isnan(growing)[:, None], together, kept)
