"""How evenly a key spreads candidates, as `bench shards` tells it."""

from __future__ import annotations

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.bench.shards import shard_of, spread

T0 = 1_767_225_600.0


def pair(host: str, resp: str, conns: int, sleep: float = 60.0) -> dict[str, object]:
    rng = np.random.default_rng(7)
    start = T0 + np.cumsum(sleep * rng.uniform(0.95, 1.05, conns))
    same = {"duration": 0.25, "orig_bytes": 300.0, "resp_bytes": 900.0}
    columns = {name: np.full(conns, value) for name, value in same.items()}
    key = {"orig_h": host, "resp": resp, "resp_p": 443, "proto": "tcp", "addr": resp, "service": "ssl"}
    return key | columns | {"start": start, "state": ["SF"] * conns, "conns": conns}


def test_one_host_is_in_one_shard_and_its_pairs_are_spread() -> None:
    pairs = Pairs.build([pair("10.0.0.5", f"203.0.113.{n}", 5 if n else 40) for n in range(40)])
    scoring = Scoring.rules_only()
    by_host, by_pair = (spread(pairs, scoring, Config(), 4, key) for key in ("host", "pair"))
    assert by_host.fullest == 4.0
    assert 1.0 <= by_pair.fullest < 2.0
    assert by_host.load.sum() == by_pair.load.sum() == 39 + 4  # at the gate, and at 10, 20 and 40
    assert by_host.load[shard_of("10.0.0.5", 4)] == 43
    assert by_host.parted == 0
