"""Small traffic for the tests of features, built in the test that uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.features import Features, extract
from zeek_beacons.pairs import STATES, Pairs

EPOCH = 1_700_000_000.0
Floats = NDArray[np.float64]


def pair(start: Sequence[float] | Floats, **columns: Any) -> dict[str, Any]:
    return {"orig_h": "10.0.0.1", "resp": "203.0.113.7", "resp_p": 443, "start": np.asarray(start), **columns}


def of(*starts: Sequence[float] | Floats, **columns: Any) -> Features:
    """Features of pairs given by their starts; further columns are shared."""
    return extract(Pairs.build([pair(start, **columns) for start in starts]))


def value(name: str, start: Sequence[float] | Floats, **columns: Any) -> float:
    return float(of(start, **columns).column(name)[0])


def every(gap: float, n: int) -> Floats:
    return EPOCH + gap * np.arange(n, dtype=np.float64)


def after(gaps: Floats) -> Floats:
    """Starts with these gaps between them."""
    return EPOCH + np.concatenate([[0.0], np.cumsum(gaps)])


def poisson(mean: float, n: int, seed: int = 0) -> Floats:
    return after(np.random.default_rng(seed).exponential(mean, n - 1))


def mixed(sizes: Sequence[int], seed: int = 0) -> Pairs:
    """Pairs of all sorts: regular, jittered, Poisson, bursts, equal times; with missing values, zeros and huge ones."""
    rng = np.random.default_rng(seed)

    def some(values: NDArray[Any]) -> Floats:
        return np.where(rng.random(len(values)) < 0.2, np.nan, values)

    def one(n: int) -> dict[str, Any]:
        shape = rng.integers(6)
        base = float(rng.choice([0.2, 1.0, 7.0, 60.0, 3600.0, 1e6]))
        gaps = [
            np.full(n, base),
            base * (1 - 0.5 * rng.random(n)),
            rng.exponential(base, n),
            np.where(rng.random(n) < 0.7, 0.01, base),
            np.zeros(n),
            base * rng.integers(1, 5, n),
        ][shape]
        return pair(
            EPOCH + np.cumsum(gaps),
            duration=some(rng.exponential(1.0, n)),
            orig_bytes=some(rng.choice([0.0, 100.0, 100.0, 1e15, 312.0], n)),
            resp_bytes=some(rng.integers(0, 9, n) * 100.0),
            state=[STATES[code] for code in rng.integers(0, len(STATES), n)],
        )

    return Pairs.build([one(n) for n in sizes])
