"""What timer a beacon keeps, as it is said: its sleep, its jitter, and whether they are sure enough for a hint.

The features see check-ins as they are, with retries and side connections among them, and so does the score. Said of an
implant is its timer: where connections that follow each other within a longer time make a clearer rhythm, sleep and
jitter are told of these.

A hint names a configuration. It is given where the waits fit one timer, and no other reading of them fits about as
well: the edges of the waits may be a sleep that jitter shortens, spreads or lengthens, and only round numbers of sleep
and jitter tell these apart. tests/beacons/scoring/test_timer.py measures how often hints are right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.features.checkins import CHAIN, STEADY, Checkins
from zeek_beacons.features.jitter import CONSTANT, WAYS, core, estimate_sleep_and_jitter, round_config
from zeek_beacons.features.padded_rows import PaddedRows, widths
from zeek_beacons.pairs import Floats, Ints, Pairs
from zeek_beacons.verdicts import Verdicts

WINDOWS = (CHAIN, 4.0, 12.0, 40.0)  # seconds tried, in which connections are one check-in: kernels retry at 1, 3, 7, 15
BREAK = 1.5  # ratio of neighbouring waits, by length, between which a gap in them is looked for
LEAST_CHECKINS = 6
BETTER = 0.1  # how much clearer the rhythm must be by another window than by the features' own
VAGUE = 0.25  # how much of the time that a timer explains a spread of its whole interval takes back
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
    own: bool  # by the window that the features use
    sleep: float
    jitter: float
    kind: int
    explained: float  # share of the time
    single: float  # share of the waits
    checkins: int
    middle: float  # seconds
    spread: float  # of the middle
    low: float
    high: float
    error: float

    @property
    def clarity(self) -> float:
        """Share of the time explained, less where it takes widely varying waits to explain it."""
        return self.explained - VAGUE * self.spread


def told(verdicts: Verdicts, spoken: Pairs, features: Features, feature_row: Ints) -> Verdicts:
    """The verdicts with the timers of what alerts looked at closely; the others keep what their features say.

    `spoken`: the measured pairs, rows as in `features`; `feature_row`: of each verdict there, -1 where not measured.
    """
    alerts = np.flatnonzero(verdicts.alerts & (feature_row >= 0))
    if not len(alerts):
        return verdicts
    names = ("sleep", "jitter", "jitter_kind", "hint_sleep", "hint_jitter")
    columns = {name: getattr(verdicts, name).copy() for name in names}
    failed, duration = (features.column(name)[feature_row].tolist() for name in ("failed_share", "log_duration"))
    for row in alerts.tolist():
        place = int(feature_row[row])
        fits = _fits(spoken.start[spoken.offsets[place] : spoken.offsets[place + 1]])
        if not fits:
            continue
        best = fits[0]
        for fit in fits[1:]:
            if fit.clarity > best.clarity + BETTER:
                best = fit
        said = None if best.own else (best.sleep, best.jitter, best.kind)
        if not failed[row] > HINT_FAILED and not 10.0 ** duration[row] > HINT_DURATION * best.middle:
            hint = _hint(best)
            if hint is not None and verdicts.look_alike[row] < 0:  # an implant is not what it looks like then
                columns["hint_sleep"][row], columns["hint_jitter"][row] = hint[:2]
                said = hint
        if said is not None:
            columns["sleep"][row], columns["jitter"][row], columns["jitter_kind"][row] = said
    return replace(verdicts, **columns)


def _fits(start: Floats) -> list[_Fit]:
    """How a timer fits the connections, by the window that makes check-ins of them; the features' own comes first."""
    tried = [(own, made) for own, made in _checkins(start) if len(made) >= LEAST_CHECKINS]
    if not tried:
        return []
    counts = np.array([len(made) for _own, made in tried], dtype=np.int64)
    times = np.full((len(tried), int(widths(counts).max())), np.nan)
    for row, (_own, made) in enumerate(tried):
        times[row, : len(made)] = made - made[0]
    block = Checkins(
        times=times,
        first=times[:, 0],
        size=PaddedRows(np.ones_like(times)),
        count=counts,
        growth=np.full(len(times), np.nan),
    )
    with np.errstate(all="ignore"):
        found, said = block.memo(core), estimate_sleep_and_jitter(block)
    fits = []
    for row, (own, made) in enumerate(tried):
        middle, low, high = (float(edge[row]) for edge in (found.middle, found.low, found.high))
        if not middle > 0:
            continue
        waits = np.diff(made)
        beats = np.rint(waits / middle)
        single = (waits >= low - 0.01 * middle) & (waits <= high + 0.01 * middle)
        off = 0.03 * middle + np.sqrt(np.maximum(beats, 1)) * (high - low) / 2
        missed = (beats >= 2) & (beats <= BEATS) & (np.abs(waits - beats * middle) <= off)
        counted = np.minimum(waits, LONGEST * middle)
        fits.append(
            _Fit(
                own=own,
                sleep=float(said.sleep[row]),
                jitter=float(np.clip(said.jitter[row], 0, 1)),
                kind=int(said.kind[row]),
                explained=float(counted[single | missed].sum() / counted.sum()),
                single=float(single.mean()),
                checkins=len(made),
                middle=middle,
                spread=float(found.spread[row]) / middle,
                low=low,
                high=high,
                error=float(found.error[row]),
            )
        )
    return fits


def _checkins(start: Floats) -> Iterator[tuple[bool, Floats]]:
    """Starts of check-ins, and whether they are the features' own: by their window first, then by longer ones."""
    waits = np.diff(start)
    if len(waits) < LEAST_CHECKINS - 1:
        return
    median = float(np.median(waits))
    steady = float(np.quantile(waits, 0.975)) <= STEADY * median
    own = min(median / 2, CHAIN) if steady else CHAIN
    for window in (own, *sorted({window for window in (*WINDOWS, *_break(waits)) if window > own})):
        yield window == own, start[np.concatenate(([True], waits > window))]


def _break(waits: Floats) -> list[float]:
    """Where the waits, ordered, leave the largest gap between short and long ones."""
    ordered = np.sort(waits[waits > 0])
    least, most = max(1, len(ordered) // 20), len(ordered) - max(1, len(ordered) // 10)
    if most <= least:
        return []
    rise = ordered[least:most] / ordered[least - 1 : most - 1]
    place = least + int(np.argmax(rise))
    return [float(np.sqrt(ordered[place] * ordered[place - 1]))] if rise.max() > BREAK else []


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
