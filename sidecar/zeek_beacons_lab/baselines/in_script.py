"""The heuristic of our own Zeek package (zeek-scripts/heuristic.zeek), which stands in while the sidecar is lost."""

from __future__ import annotations

import numpy as np

from zeek_beacons_lab.baselines.flows import Flow

OBSERVATIONS = 20  # Beacons::heuristic_observations
SHORTEST = 5.0  # seconds, Beacons::heuristic_gap
SPREAD = 0.15  # Beacons::heuristic_spread


def heuristic(flow: Flow) -> float:
    """1 less the median distance of the gaps from their median, over it; 0 where the heuristic does not look."""
    gaps = np.diff(flow.start)
    if len(flow.start) < OBSERVATIONS or np.median(gaps) < SHORTEST:
        return 0.0
    middle = np.median(gaps)
    return max(0.0, 1.0 - float(np.median(np.abs(gaps - middle)) / middle))
