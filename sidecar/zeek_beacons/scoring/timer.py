"""What timer an implant would keep: the sleep and jitter that a beacon's waits are sure enough of for a hint.

A hint names a configuration. It is given where the waits fit one timer, and no other reading of them fits about as
well: the edges of the waits may be a sleep that jitter shortens, spreads or lengthens, and only round numbers of sleep
and jitter tell these apart. tests/beacons/scoring/test_timer.py measures how often hints are right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.features.checkins import Checkins
from zeek_beacons.features.jitter import CONSTANT, WAYS, core, round_config
from zeek_beacons.features.matrix import check_in
from zeek_beacons.features.padded_rows import chunks, clear, share, total
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.verdicts import Verdicts

LONGEST = 6.0  # base intervals that one wait counts for, at most: a night is no counter-evidence
BEATS = 5  # base intervals of a wait that missed beats explain, at most

HINT_CHECKINS = 20
HINT_EXPLAINED = 0.9  # of the time
HINT_SINGLE = 0.75  # share of the waits that are one beat
HINT_FAILED = 0.3  # share of connections never established, above which waits are retries as often as beats
HINT_DURATION = 0.03  # of the interval: longer connections add to the waits what was never configured
FIXED_SPREAD = 0.03  # of the interval, from the 10 % to the 90 % quantile: a timer without jitter
HINT_MARGIN = 3.5  # log odds of the best reading of sleep and jitter over the next


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """How a timer fits the check-ins of `m` pairs."""

    explained: Floats  # share of the time
    single: Floats  # share of the waits
    checkins: Ints
    middle: Floats  # seconds, NaN where there is no timer
    spread: Floats  # of the middle
    low: Floats
    high: Floats
    error: Floats

    @classmethod
    def of(cls, block: Checkins) -> Self:
        """Fits the check-ins of each pair of a block."""
        found, waits = block.memo(core), block.gaps
        middle, low, high = (edge[:, None] for edge in (found.middle, found.low, found.high))
        beats = np.rint(waits.values / middle)
        single = (waits.values >= low - 0.01 * middle) & (waits.values <= high + 0.01 * middle)
        off = 0.03 * middle + np.sqrt(np.maximum(beats, 1)) * (high - low) / 2
        missed = (beats >= 2) & (beats <= BEATS) & (np.abs(waits.values - beats * middle) <= off)
        counted: Floats = np.minimum(waits.values, LONGEST * middle)
        return cls(
            explained=total(counted, single | missed) / total(counted, waits.valid),
            single=share(single, waits.count),
            checkins=block.count,
            middle=np.where(found.middle > 0, found.middle, np.nan),
            spread=found.spread / found.middle,
            low=found.low,
            high=found.high,
            error=found.error,
        )


class _Hints(NamedTuple):
    """The one configuration that explains each of `m` fits; NaN where a fit is poor, or others explain it too."""

    sleep: Floats  # seconds
    jitter: Floats
    kind: Ints  # index into JITTER_KINDS

    @classmethod
    def of(cls, fit: _Fit, duration: Floats) -> Self:
        """`duration`: of each pair's connections, seconds."""
        good = (fit.checkins >= HINT_CHECKINS) & (fit.explained >= HINT_EXPLAINED) & (fit.single >= HINT_SINGLE)
        good &= ~(duration > HINT_DURATION * fit.middle) & (fit.middle > 0)
        low, high = fit.low, fit.high
        sleeps = np.stack([high, (low + high) / 2, low])
        jitters = np.stack([1 - low / high, (high - low) / (high + low), high / low - 1])
        odds = round_config(sleeps, jitters, fit.error)
        order, column = np.argsort(-odds, axis=0, kind="stable"), np.arange(len(low))
        best, next_best = order[0], order[1]
        sure = (low > 0) & (low < high) & (odds[best, column] - odds[next_best, column] >= HINT_MARGIN)
        fixed = fit.spread <= FIXED_SPREAD
        sleep = np.where(fixed, fit.middle, sleeps[best, column])
        jitter = np.where(fixed, 0.0, jitters[best, column])
        hint = good & (fixed | sure)
        return cls(
            clear(sleep, hint), clear(jitter, hint), np.where(fixed, CONSTANT, np.array(WAYS)[best]).astype(np.int64)
        )


def hinted(
    verdicts: Verdicts, spoken: Pairs, features: Features, feature_row: Ints, told: Bools | None = None
) -> Verdicts:
    """The verdicts with hints for what alerts, and with the sleep, jitter and kind that the hints name.

    `spoken`: the measured pairs, rows as in `features`; `feature_row`: of each verdict there, -1 where not measured.
    `told`: which of these are told of, rows as in `features`; by default all.
    """
    alerts = np.flatnonzero(verdicts.alerts & (feature_row >= 0) & (verdicts.look_alike < 0))
    if told is not None:
        alerts = alerts[told[feature_row[alerts]]]
    rows = feature_row[alerts]  # an implant is not what it looks like, so look-alikes get no hint
    retried = features.column("failed_share")[rows] > HINT_FAILED  # false also where not known
    retried |= ~np.isnan(features.column("growth")[rows])
    alerts, rows = alerts[~retried], rows[~retried]
    if not len(alerts):
        return verdicts
    checkins = check_in(spoken.take(rows))
    names = ("sleep", "jitter", "jitter_kind", "hint_sleep", "hint_jitter")
    columns = {name: getattr(verdicts, name).copy() for name in names}
    duration = 10.0 ** features.column("log_duration")[rows].astype(np.float64)
    for places, width in chunks(checkins.counts, HINT_CHECKINS):
        with np.errstate(all="ignore"):
            hints = _Hints.of(_Fit.of(checkins.block(places, width)), duration[places])
        given = ~np.isnan(hints.sleep)
        of = alerts[places[given]]
        columns["sleep"][of] = columns["hint_sleep"][of] = hints.sleep[given]
        columns["jitter"][of] = columns["hint_jitter"][of] = hints.jitter[given]
        columns["jitter_kind"][of] = hints.kind[given]
    return replace(verdicts, **columns)
