"""The eBPF beacon detector: weighted parts for the spread, the periodicity, the jitter and (newest) the sizes.

From its public sources, two states: the one its README describes, and the newest. Both take gaps of 10 s to 1 h and at
least 10 connections; the newest looks at the last hour of a pair only. Alerts at .7.
"""

from __future__ import annotations

import numpy as np

from zeek_beacons.pairs import Floats
from zeek_beacons_lab.baselines.flows import Flow, cv

FEWEST = 10
GAPS = (10.0, 3600.0)
WINDOW = 3600.0
CV_LIMIT, SIZE_LIMIT, JITTER_LIMIT = 0.15, 0.25, 5.0
RATIO_CAP = 3.0  # newest: how much a second, lower peak may raise the first


def readme(flow: Flow) -> float:
    """40 % spread, 40 % periodicity by a Fourier transform of the gap list, 20 % jitter."""
    gaps = _valid(flow)
    if gaps is None:
        return 0.0
    jitter = float(np.abs(gaps - np.median(gaps)).max())
    return 0.4 * _sigmoid(cv(gaps), CV_LIMIT) + 0.4 * _peak(gaps, np.inf) + 0.2 * _jitter(jitter, JITTER_LIMIT)


def newest(flow: Flow) -> float:
    """35 % spread, 35 % the better of consistency and spectrum, 15 % jitter, 15 % sizes."""
    recent = flow.since(float(flow.start[-1]) - WINDOW) if len(flow.start) else flow
    gaps = _valid(recent)
    if gaps is None:
        return 0.0
    median = float(np.median(gaps))
    off = np.abs(gaps - median)
    consistent = float((off <= max(CV_LIMIT * median, JITTER_LIMIT)).mean())
    ramp = min(1.0, max(0.0, (len(gaps) - 4) / 16))
    periodic = ramp * max(consistent, _peak(gaps, RATIO_CAP))
    jitter = _jitter(float(off.max()), max(JITTER_LIMIT, 0.05 * median))
    return 0.35 * _sigmoid(cv(gaps), CV_LIMIT) + 0.35 * periodic + 0.15 * jitter + 0.15 * _sizes(recent.size)


def _valid(flow: Flow) -> Floats | None:
    """The gaps that count; None where there are too few."""
    gaps = flow.gaps
    gaps = gaps[(gaps >= GAPS[0]) & (gaps <= GAPS[1])]
    return gaps if len(flow.start) >= FEWEST and len(gaps) >= FEWEST - 1 else None


def _sigmoid(spread: float, limit: float) -> float:
    return 1.0 if spread <= 0 else float(1 / (1 + np.exp(min(700.0, 10 / limit * (spread - limit)))))


def _peak(gaps: Floats, cap: float) -> float:
    """Share of the spectrum in its largest inner peak, times its lead over the second one, at most 1."""
    spectrum = np.abs(np.fft.fft(gaps - gaps.mean()))[: len(gaps) // 2]
    inner = np.arange(1, len(spectrum) - 1)
    peaks = inner[(spectrum[inner] > spectrum[inner - 1]) & (spectrum[inner] > spectrum[inner + 1])]
    if not len(peaks):
        return 0.0
    shares = np.sort(spectrum[peaks] / (spectrum.sum() + 1e-10))[::-1]
    lead = 1.0 if len(shares) == 1 else min(cap, float(shares[0] / (shares[1] + 1e-10)))
    return min(1.0, float(shares[0]) * lead)


def _jitter(jitter: float, limit: float) -> float:
    if jitter <= limit:
        return 1.0 - 0.5 * jitter / limit
    return 0.5 * float(np.exp(-(jitter - limit) / limit))


def _sizes(sizes: Floats) -> float:
    if len(sizes) < 5 or sizes.mean() <= 0:
        return 0.5
    return _sigmoid(cv(sizes), SIZE_LIMIT)
