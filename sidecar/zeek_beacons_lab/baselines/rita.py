"""RITA v5's beacon score, from its public documentation: the mean of a time, a size, a histogram and a duration part.

Not part of it here: the modifiers of its severity (prevalence, first seen, rare signature, missing Host), which leave
the score as it is, and the grouping without ports.
"""

from __future__ import annotations

import numpy as np

from zeek_beacons.pairs import Floats, Ints
from zeek_beacons_lab.baselines.flows import Flow, cv, mad

DAY = 86_400
FEWEST_TIMES = 4
BINS = 24
BARS_FOR_SHAPE = 11  # filled bins from which the shape of the histogram counts
HOURS_SEEN = 6  # filled bins below which the duration part is 0
IDEAL_RUN = 12
LEAST_IQR = 10  # seconds or bytes; below, a distribution counts as not skewed


def rita(flow: Flow) -> float:
    """0 to 1 over the last 24 hours of the log, in whole seconds."""
    recent = flow.since(flow.log_end - DAY)
    times = np.unique(np.floor(recent.start))
    if len(times) < FEWEST_TIMES or len(recent.start) >= DAY:
        return 0.0
    bars = _bars(recent)
    parts = [regularity(np.diff(times)), _histogram(bars), _duration(times, bars, recent)]
    if len(recent.size):  # a log without sizes is judged by the other parts
        parts.append(regularity(recent.size))
    return float(np.mean(parts))


def regularity(values: Floats) -> float:
    """Mean of 1 - |Bowley skewness| and (median - MAD) / median, the latter not below 0."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    spread = high - low
    symmetric = spread < LEAST_IQR or middle in (low, high)
    skew = 0.0 if symmetric else float((low + high - 2 * middle) / spread)
    steady = max(0.0, (middle - mad(values)) / middle) if middle > 0 else 0.0
    return (1.0 - abs(skew) + float(steady)) / 2


def _bars(flow: Flow) -> Ints:
    """Connections in 24 equal bins over the window."""
    window = max(flow.log_end - flow.log_begin, 1.0)
    place = np.minimum((flow.start - flow.log_begin) / window * BINS, BINS - 1).astype(np.int64)
    return np.bincount(place, minlength=BINS)


def _histogram(bars: Ints) -> float:
    """The better of: bins of equal height, and bins of at most two heights."""
    spread = cv(bars.astype(np.float64))
    return max(0.0 if spread > 1 else 1.0 - spread, _two_heights(bars))


def _two_heights(bars: Ints) -> float:
    filled = bars[bars > 0]
    if len(filled) < BARS_FOR_SHAPE:
        return 0.0
    width = max(1, int(np.ceil(0.05 * filled.max())))
    heights = np.sort(np.unique(filled // width, return_counts=True)[1])[::-1]
    return min(1.0, float(heights[:2].sum()) / (len(filled) - 1))  # one bar may be an outlier


def _duration(times: Floats, bars: Ints, flow: Flow) -> float:
    filled = bars > 0
    if filled.sum() < HOURS_SEEN:
        return 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], filled.astype(np.int64), [0]])))
    longest = int((edges[1::2] - edges[::2]).max())
    covered = float(np.ptp(times)) / max(flow.log_end - flow.log_begin, 1.0)
    return min(1.0, max(covered, longest / IDEAL_RUN))
