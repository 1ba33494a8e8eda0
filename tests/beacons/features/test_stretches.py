"""Medians and calmest stretches of many pairs at once: the same as of each by itself, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from zeek_beacons.features.checkins import FlatCheckins
from zeek_beacons.features.stretches import CALM, CALMEST, LONG, _calmest, _medians
from zeek_beacons.pairs import Floats


@pytest.fixture
def flat() -> FlatCheckins:
    random = np.random.default_rng(5)
    counts = np.array([0, 1, 2, 3, 59, 60, 61, 100, 127, 128, 500, 900, 0], dtype=np.int64)
    starts = []
    for place, count in enumerate(counts.tolist()):
        waits = random.exponential(60.0, count)
        if place % 2:
            waits[count // 3 : count // 3 + CALM] = 60.0 + random.random(len(waits[count // 3 : count // 3 + CALM]))
        starts.append(1_767_225_600 + np.cumsum(waits))
    start = np.concatenate(starts)
    return FlatCheckins(start, np.ones(len(start)), np.arange(len(start)), counts, np.full(len(counts), np.nan))


def waits_of(flat: FlatCheckins) -> Floats:
    waits = np.diff(flat.start, append=np.nan)
    waits[(flat.begins + flat.counts - 1)[flat.counts > 0]] = np.inf
    return waits


def test_medians(flat: FlatCheckins) -> None:
    medians = _medians(waits_of(flat), flat)
    for begin, count, median in zip(flat.begins.tolist(), flat.counts.tolist(), medians.tolist(), strict=True):
        own = np.diff(flat.start[begin : begin + count])
        assert median == (np.median(own) if len(own) else np.inf)


def test_calmest(flat: FlatCheckins) -> None:
    expected = []
    for begin, count in zip(flat.begins.tolist(), flat.counts.tolist(), strict=True):
        own = np.diff(flat.start[begin : begin + count])
        if count < LONG:
            continue
        spreads = [np.std(own[at : at + CALM]) / np.mean(own[at : at + CALM]) for at in range(len(own) - CALM + 1)]
        if min(spreads) <= CALMEST:
            expected.append(begin + int(np.argmin(spreads)))
    first, length = _calmest(waits_of(flat), flat)
    assert len(expected) > 2
    assert first.tolist() == expected
    assert set(length.tolist()) == {CALM + 1}
