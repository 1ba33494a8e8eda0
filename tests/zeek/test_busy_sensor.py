"""A sensor with too many pairs to hold each from its first connection on: only the sketch has that one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pairs import OBSERVATION_COLUMNS, Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring

from .conftest import TRACES

# The named beacon of this trace has 12 connections, and alerts with 11.
SENSITIVE = Config(profile="sensitive")
FACTS = ("resp_hosts", "site_hosts", "site_tls_named")  # of the site: what a road has seen


def without_the_first(pairs: Pairs) -> Pairs:
    """The pairs without the connection of each that ended first, which only the sketch saw."""
    ends = pairs.start + np.nan_to_num(pairs.duration)
    owner = np.repeat(np.arange(len(pairs)), pairs.counts)
    order = np.lexsort((ends, owner))
    kept = np.ones(len(ends), dtype=np.bool_)
    kept[order[pairs.offsets[:-1]]] = False
    columns = {name: getattr(pairs, name)[kept] for name in OBSERVATION_COLUMNS}
    offsets = pairs.offsets - np.arange(len(pairs) + 1)
    named = np.minimum(pairs.named, pairs.conns - 1)  # of these traces: all connections of a pair carry a name, or none
    name_conns = np.minimum(pairs.name_conns, pairs.conns - 1)
    first = columns["start"][offsets[:-1]]
    fewer = {"conns": pairs.conns - 1, "named": named, "name_conns": name_conns}
    return replace(pairs, offsets=offsets, first_ts=first, **fewer, **columns)


@pytest.mark.parametrize("trace", ["beacon", "names", "steady"])
def test_verdicts_are_those_of_the_log_without_each_first_connection(trace: str, run_zeek: Callable[..., Path]) -> None:
    folder = run_zeek(TRACES / f"{trace}.pcap", "Beacons::exact_pairs=0")
    logged = without_the_first(read(Request([str(folder / "conn.log")]), SENSITIVE)[0])
    held = read(Request([str(folder / "beacon_candidates.log")]), SENSITIVE)[0]
    logged, held = (pairs.take(pairs.conns >= SENSITIVE.min_connections) for pairs in (logged, held))
    assert len(held) > 0
    assert (held.resp == logged.resp).all()
    assert (held.named == logged.named).all()
    assert held.is_twin.tolist() == logged.is_twin.tolist()
    logged = replace(logged, **{name: getattr(held, name) for name in FACTS})
    scoring = Scoring.load()
    one, other = (score(pairs, scoring, SENSITIVE).verdicts for pairs in (logged, held))
    np.testing.assert_array_equal(other.label, one.label)
    np.testing.assert_array_equal(other.suppressed, one.suppressed)
    np.testing.assert_allclose(other.score, one.score, rtol=0, atol=1e-6)


def test_a_named_beacon_alerts_once(run_zeek: Callable[..., Path]) -> None:
    folder = run_zeek(TRACES / "names.pcap", "Beacons::exact_pairs=0")
    pairs = read(Request([str(folder / "beacon_candidates.log")]), SENSITIVE)[0]
    scored = score(pairs, Scoring.load(), SENSITIVE)
    beacon = (scored.pairs.orig_h == "10.0.0.6") & np.isin(scored.pairs.resp, ["web.example", "203.0.113.20"])
    assert beacon.sum() == 2
    assert scored.pairs.is_twin[beacon].sum() == 1
    assert scored.verdicts.alerts[beacon].sum() == 1
