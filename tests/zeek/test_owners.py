"""Who an originator is, and that another network card under its address is another pair: the same on every road."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from zeek_beacons import traits
from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import Request, read

from .conftest import TRACES


def pairs_of(log: Path) -> tuple[dict[tuple[str, str], dict[str, str]], Pairs, list[str]]:
    """Traits of pairs by their ends, the pairs, and what was noted."""
    pairs, ingest = read(Request([str(log)]), Config())
    pairs = pairs.take(pairs.proto == "tcp")
    ends = zip(pairs.orig_h.tolist(), pairs.resp.tolist(), strict=True)
    return {end: dict(traits.read(text)) for end, text in zip(ends, pairs.traits, strict=True)}, pairs, ingest.notes


def test_two_laptops_of_one_address_are_not_one_beacon(run_zeek: Callable[..., Path]) -> None:
    folder = run_zeek(TRACES / "leases.pcap", "LogAscii::use_json=T")
    logs, by_logs, noted = pairs_of(folder / "conn.log")
    live, by_candidates, told = pairs_of(folder / "beacon_candidates.log")
    assert logs == live
    laptop = logs["10.0.0.5", "203.0.113.7"]
    assert laptop == {
        "orig_name": "LAPTOP-8",
        "orig_mac": "02:aa:bb:cc:dd:08",
        "server_first_seen": "2023-11-14",
    }
    assert logs["10.0.0.6", "203.0.113.8"]["orig_name"].startswith(r"a\x0a<b>\xffxxx")
    for pairs in (by_logs, by_candidates):
        of_laptop = pairs.take(pairs.orig_h == "10.0.0.5")
        assert of_laptop.conns.tolist() == of_laptop.counts.tolist() == [20]
        assert np.diff(of_laptop.start).round(3).tolist() == [90.0] * 19
    left_out = "1 pair had connections under another lease of their address: 20, which were left out"
    assert left_out in noted
    assert left_out in told
