"""The significance scorer: how much evidence there is, in two parts.

The forest judges shapes and is free of scale: ten regular waits look like ten thousand. This one counts. Its first half
is the strongest line in the spectrum of the check-ins, in powers of ten above what chance would put there (Fisher's
g-test of the periodogram, 1929): it grows with the number of check-ins and forgives disturbances. Its second half is
the number of check-ins itself, up to about a dozen: from there on, statistics of the waits can be trusted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.features import Features
from zeek_beacons.pairs import Floats

# Edges between which a half rises from 0 to full. In four of five benign pairs of the captures the line is below 0.3.
LINE = (0.2, 1.5)  # log10 of power over chance
CHECKINS = (0.7, 1.1)  # log10 of check-ins: 5 to 13


def score(features: Features) -> Floats:
    """The mean of both halves, (n,), 0 to 1; a half that is not defined counts as 0."""
    mean: Floats = (_ramp(features.column("spectral_excess"), LINE) + _ramp(features.column("log_n"), CHECKINS)) / 2
    return mean


def _ramp(values: NDArray[np.float32], edges: tuple[float, float]) -> Floats:
    low, high = edges
    risen: Floats = np.clip((np.nan_to_num(values.astype(np.float64), nan=low) - low) / (high - low), 0.0, 1.0)
    return risen
