"""Whatever a pair holds: a verdict, never an exception or a NaN score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.config import Config
from zeek_beacons.pairs import STATES, Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports.sentence import reasons, sentence
from zeek_beacons.scoring import Scoring

SHIPPED, RULES = Scoring.load(), Scoring.rules_only()
EPOCH = 1_700_000_000.0


def _scored(start: Any, **columns: Any) -> Scored:
    pair = {"orig_h": "10.0.0.1", "resp": "203.0.113.7", "resp_p": 443, "start": start, **columns}
    return score(Pairs.build([pair]), SHIPPED, Config())


def _is_sound(scored: Scored) -> None:
    measured = scored.feature_row >= 0
    found = scored.verdicts.score
    assert np.isnan(found[~measured]).all()
    assert ((found[measured] >= 0) & (found[measured] <= 1)).all()
    for row in range(len(scored.pairs)):
        assert "nan" not in sentence(scored, row)
        assert all("nan" not in reason for reason in reasons(scored, row))


@pytest.mark.parametrize(
    "start",
    [
        [EPOCH],
        [EPOCH] * 50,
        np.zeros(20),
        EPOCH + 86_400.0 * 365 * np.arange(30),
        [*(EPOCH + 60 * np.arange(10)), *(EPOCH - 1e8 + 60 * np.arange(10))],
        EPOCH + np.repeat(np.arange(10), 5),
        np.linspace(-1e9, 4e9, 40),
    ],
)
@pytest.mark.parametrize("size", [0.0, np.nan, 1e18])
def test_odd_pairs_get_a_verdict(start: Any, size: float) -> None:
    sizes = np.full(len(start), size)
    _is_sound(_scored(start, orig_bytes=sizes, resp_bytes=sizes, duration=sizes))


def test_a_million_observations() -> None:
    _is_sound(_scored(EPOCH + 60.0 * np.arange(1_000_000)))


Numbers = st.one_of(st.floats(0, 1e12), st.just(0.0), st.just(float("nan")))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 2e9), Numbers, Numbers, Numbers, st.sampled_from(STATES)), min_size=1, max_size=40),
    st.integers(0, 65_535),
    st.sampled_from(("tcp", "udp", "icmp")),
    st.sampled_from(("", "ssl", "http", "dns", "smb,gssapi", "\x00odd")),
    st.one_of(st.just(float("nan")), st.floats(0, 1e6)),
)
def test_any_pair_gets_a_verdict(
    rows: list[tuple[float, float, float, float, str]], port: int, proto: str, service: str, hosts: float
) -> None:
    start, duration, sent, received, state = (list(column) for column in zip(*rows, strict=True))
    described = {
        "orig_h": "10.0.0.1",
        "resp": "203.0.113.7",
        "resp_p": port,
        "proto": proto,
        "service": service,
        "resp_hosts": hosts,
        "site_hosts": hosts,
        "start": start,
        "duration": duration,
        "orig_bytes": sent,
        "resp_bytes": received,
        "state": state,
    }
    pairs = Pairs.build([described])
    for scoring in (SHIPPED, RULES):
        _is_sound(score(pairs, scoring, Config()))
