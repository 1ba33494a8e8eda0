"""Detectors of one statistic: modal gap, modal window, autocovariance, Fisher's test, coefficient of variation."""

from __future__ import annotations

import numpy as np

from zeek_beacons.pairs import Floats
from zeek_beacons_lab.baselines.flows import Flow, cv

FEWEST = 10  # gaps up to which the modal window says nothing
SHORTEST = 2.0  # seconds; it leaves out shorter gaps
TOLERANCE = 2.0  # seconds to each side of the best gap
HOUR = 3600.0
BUCKET = 60.0  # seconds; six hours are 360 buckets
STEADY_BYTES = 0.05  # CV up to which the bytes count as constant


def plain_cv(flow: Flow) -> float:
    """1 / (1 + coefficient of variation of the gaps)."""
    spread = cv(flow.gaps)
    return 0.0 if np.isnan(spread) else 1 / (1 + spread)


def modal_gap(flow: Flow) -> float:
    """Share of the gaps that equal the most frequent whole second (a published Sentinel query; alert at .8)."""
    gaps = flow.gaps
    return float(np.unique(np.rint(gaps), return_counts=True)[1].max()) / len(gaps) if len(gaps) else 0.0


def modal_window(flow: Flow) -> float:
    """Share of the gaps within 2 s of the best gap, in whole seconds, gaps under 2 s left out (flare; alert at .05)."""
    gaps = np.diff(np.floor(flow.start))
    gaps = np.sort(gaps[gaps >= SHORTEST])
    if len(gaps) <= FEWEST:
        return 0.0
    held = np.searchsorted(gaps, gaps + TOLERANCE, "right") - np.searchsorted(gaps, gaps - TOLERANCE, "left")
    return float(held.max()) / len(gaps)


def autocovariance(flow: Flow) -> float:
    """Best normalised autocovariance of connections a minute, in any six hours (as Elastic's package; alert at .7).

    Halved where the bytes vary by more than 5 %: its rule wants both.
    """
    best = 0.0
    for begin in np.arange(flow.log_begin, max(flow.log_end, flow.log_begin + 1), 6 * HOUR):
        inside = (flow.start >= begin) & (flow.start < begin + 6 * HOUR)
        counts = np.histogram(flow.start[inside], 360, (begin, begin + 360 * BUCKET))[0].astype(np.float64)
        sizes = flow.size[inside] if len(flow.size) else flow.size
        steady = len(sizes) > 1 and (cv(sizes) <= STEADY_BYTES or not sizes.any())
        best = max(best, _best_lag(counts) * (1.0 if steady else 0.5))
    return best


def fisher(flow: Flow) -> float:
    """-log10 of the p-value of Fisher's g-test on the periodogram of connections a second (as msticpy; alert at 2)."""
    seconds = int(flow.span) + 1
    if len(flow.start) < 4 or seconds < 8:
        return 0.0
    counts = np.bincount((flow.start - flow.start[0]).astype(np.int64), minlength=seconds)
    power = np.abs(np.fft.rfft(counts - counts.mean())[1:]) ** 2
    if not power.sum() > 0:
        return 0.0
    g = min(float(power.max() / power.sum()), 1 - 1e-12)
    # The first term of Fisher's sum, an upper bound that is tight where p is small.
    return max(0.0, -float(np.log10(len(power)) + (len(power) - 1) * np.log10(1 - g)))


def _best_lag(counts: Floats) -> float:
    """Largest autocovariance at 2 to 120 buckets, over the variance."""
    centred = counts - counts.mean()
    variance = float(centred @ centred)
    if not variance > 0:
        return 1.0 if counts.any() else 0.0  # one in every bucket: a constant is its own period
    spectrum = np.fft.rfft(centred, 2 * len(centred))
    covariance = np.fft.irfft(np.abs(spectrum) ** 2)[: len(centred)]
    lags = np.arange(2, 121)
    return float((covariance[lags] / variance * len(centred) / (len(centred) - lags)).max())
