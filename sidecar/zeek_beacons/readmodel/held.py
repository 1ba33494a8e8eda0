"""What the held connections of one pair show: its check-ins and the law of its waits, by the features' own code.

`pairs` is a batch of one pair, or of none.
"""

from __future__ import annotations

import numpy as np

from zeek_beacons.features import JITTER_KINDS
from zeek_beacons.features.checkins import FlatCheckins
from zeek_beacons.features.jitter import core, core_share, estimate_sleep_and_jitter, fits, sure
from zeek_beacons.features.matrix import check_in
from zeek_beacons.pairs import STATES, Floats, Ints, Pairs
from zeek_beacons.readmodel.detail import CheckinMarks, GapFit, HeldObservations


def observations(pairs: Pairs) -> HeldObservations:
    """The connections as they are held."""
    return HeldObservations(
        start=tuple(pairs.start.tolist()),
        duration=_known(pairs.duration),
        orig_bytes=_known(pairs.orig_bytes),
        resp_bytes=_known(pairs.resp_bytes),
        state=tuple(STATES[code] for code in pairs.state.tolist()),
    )


def checkins(pairs: Pairs) -> FlatCheckins | None:
    """The check-ins that the connections form; None where there are none."""
    return check_in(pairs) if len(pairs.start) else None


def marks(pairs: Pairs, flat: FlatCheckins | None) -> CheckinMarks:
    """The check-ins as they are shown."""
    if flat is None:
        return CheckinMarks((), (), (), ())
    at = flat.at
    return CheckinMarks(
        time=tuple(pairs.start[at].tolist()),
        connections=tuple(np.diff(at, append=len(pairs.start)).tolist()),
        bytes_out=_sums(pairs.orig_bytes, at),
        bytes_in=_sums(pairs.resp_bytes, at),
    )


def fit(pairs: Pairs, flat: FlatCheckins | None, stretch: tuple[float, float] | None) -> GapFit | None:
    """The law of the waits in the stretch, or in all that is held; None where there are too few."""
    if stretch is not None:
        inside = (pairs.start >= stretch[0]) & (pairs.start <= stretch[1])
        begin, held = np.flatnonzero(inside)[:1], np.array([inside.sum()])
        pairs = pairs.cut(np.arange(len(begin)), begin - pairs.offsets[:1], held[: len(begin)])
        flat = checkins(pairs)
    if flat is None or len(pairs.start) < 2:
        return None
    block = flat.block(np.arange(1), int(flat.counts[0]))
    with np.errstate(all="ignore"):
        if not block.memo(sure)[0]:
            return None
        found, laws, best = block.memo(core), block.memo(fits), block.memo(estimate_sleep_and_jitter)
        share = float(block.memo(core_share)[0])
    gaps = block.gaps.values[0]
    return GapFit(
        law=JITTER_KINDS[int(best.kind[0])],
        sleep=float(best.sleep[0]),
        jitter=float(np.clip(best.jitter[0], 0, 1)),
        low=float(found.low[0]),
        high=float(found.high[0]),
        middle=float(found.middle[0]),
        mean=float(laws.mean[0]),
        std=float(laws.std[0]),
        core_share=share,
        gaps=tuple(gaps[~np.isnan(gaps)].tolist()),
    )


def _known(values: Floats) -> tuple[float | None, ...]:
    return tuple(value if value == value else None for value in values.tolist())


def _sums(values: Floats, at: Ints) -> tuple[float | None, ...]:
    """Sums from each place to the next; None where nothing is known."""
    known = np.add.reduceat((~np.isnan(values)).astype(np.int64), at)
    sums = np.add.reduceat(np.nan_to_num(values), at)
    return tuple(total if some else None for total, some in zip(sums.tolist(), known.tolist(), strict=True))
