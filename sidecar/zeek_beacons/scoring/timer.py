"""What timer an implant would keep: the sleep and jitter that a beacon's waits are sure enough of for a hint.

A hint names a configuration. It is given where the waits fit one timer, and no other reading of them fits about as
well: the edges of the waits may be a sleep that jitter shortens, spreads or lengthens, and only round numbers of sleep
and jitter tell these apart. tests/beacons/scoring/test_timer.py measures how often hints are right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.features.checkins import Checkins
from zeek_beacons.features.jitter import CONSTANT, WAYS, core, round_config
from zeek_beacons.features.matrix import measure
from zeek_beacons.pairs import Floats, Ints, Pairs
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


@dataclass(frozen=True, slots=True)
class _Fit:
    explained: float  # share of the time
    single: float  # share of the waits
    checkins: int
    middle: float  # seconds
    spread: float  # of the middle
    low: float
    high: float
    error: float


def hinted(verdicts: Verdicts, spoken: Pairs, features: Features, feature_row: Ints) -> Verdicts:
    """The verdicts with hints for what alerts, and with the sleep, jitter and kind that the hints name.

    `spoken`: the measured pairs, rows as in `features`; `feature_row`: of each verdict there, -1 where not measured.
    """
    alerts = np.flatnonzero(verdicts.alerts & (feature_row >= 0) & (verdicts.look_alike < 0))
    rows = feature_row[alerts]  # an implant is not what it looks like, so look-alikes get no hint
    retried = features.column("failed_share")[rows] > HINT_FAILED  # false also where not known
    retried |= ~np.isnan(features.column("growth")[rows])
    alerts, rows = alerts[~retried], rows[~retried]
    if not len(alerts):
        return verdicts
    _features, checkins = measure(spoken.take(rows))
    names = ("sleep", "jitter", "jitter_kind", "hint_sleep", "hint_jitter")
    columns = {name: getattr(verdicts, name).copy() for name in names}
    duration = 10.0 ** features.column("log_duration")[rows]
    for place, row in enumerate(alerts.tolist()):
        fit = _fit(checkins.block(np.array([place]), max(2, int(checkins.counts[place]))))
        if fit is None or duration[place] > HINT_DURATION * fit.middle:
            continue
        hint = _hint(fit)
        if hint is not None:
            columns["sleep"][row], columns["jitter"][row], columns["jitter_kind"][row] = hint
            columns["hint_sleep"][row], columns["hint_jitter"][row] = hint[:2]
    return replace(verdicts, **columns)


def _fit(block: Checkins) -> _Fit | None:
    """How a timer fits the check-ins of one pair."""
    with np.errstate(all="ignore"):
        found = block.memo(core)
    middle, low, high = (float(edge[0]) for edge in (found.middle, found.low, found.high))
    if not middle > 0:
        return None
    waits = block.gaps.values[0][block.gaps.valid[0]]
    beats = np.rint(waits / middle)
    single = (waits >= low - 0.01 * middle) & (waits <= high + 0.01 * middle)
    off = 0.03 * middle + np.sqrt(np.maximum(beats, 1)) * (high - low) / 2
    missed = (beats >= 2) & (beats <= BEATS) & (np.abs(waits - beats * middle) <= off)
    counted: Floats = np.minimum(waits, LONGEST * middle)
    return _Fit(
        explained=float(counted[single | missed].sum() / counted.sum()),
        single=float(single.mean()),
        checkins=int(block.count[0]),
        middle=middle,
        spread=float(found.spread[0]) / middle,
        low=low,
        high=high,
        error=float(found.error[0]),
    )


def _hint(fit: _Fit) -> tuple[float, float, int] | None:
    """Sleep, jitter and kind of the one configuration that explains a fit; None where it is poor, or others do too."""
    if fit.checkins < HINT_CHECKINS or fit.explained < HINT_EXPLAINED or fit.single < HINT_SINGLE:
        return None
    if fit.spread <= FIXED_SPREAD:
        return fit.middle, 0.0, CONSTANT
    if not 0 < fit.low < fit.high:
        return None
    low, high = np.array([fit.low]), np.array([fit.high])
    sleeps = np.stack([high, (low + high) / 2, low])
    jitters = np.stack([1 - low / high, (high - low) / (high + low), high / low - 1])
    odds = round_config(sleeps, jitters, np.array([fit.error]))[:, 0]
    best, next_best = np.argsort(-odds, kind="stable")[:2].tolist()
    if not odds[best] - odds[next_best] >= HINT_MARGIN:
        return None
    return float(sleeps[best, 0]), float(jitters[best, 0]), WAYS[best]
