"""How evenly captures' candidates spread over shards by the hash of host or pair, and which incidents that parts.

A pair is a candidate at the gate and at every doubling. The load of the fullest shard is told over that of an even
spread: with 4 shards 1 is even, and 4 is all in one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.pairs import Floats, Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.captures.labelled import load_all

KEYS = ("host", "pair")


@dataclass(frozen=True, slots=True)
class Spread:
    """One capture by one key."""

    load: Floats  # candidates, by shard
    incidents: int  # of several members
    parted: int  # those of them with members in several shards

    @property
    def fullest(self) -> float:
        """The load of the fullest shard over that of an even spread."""
        total = float(self.load.sum())
        return float(self.load.max()) * len(self.load) / total if total else 1.0


def shard_of(text: str, shards: int) -> int:
    """The shard of a key, as Zeek's shards.zeek has it of a host."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % shards


def report(root: Path, shards: int) -> Iterator[str]:
    """A line for each capture below `root`, and one of all. Raises InputError."""
    config, scoring = Config(), Scoring.load()
    found: dict[str, list[Spread]] = {key: [] for key in KEYS}
    yield f"{'':40}{'by host':>9}{'by pair':>9}{'incidents':>12}{'parted by host':>16}{'by pair':>9}"
    for capture in load_all(root, config):
        for key in KEYS:
            found[key].append(spread(capture.pairs, scoring, config, shards, key))
        yield _line(f"{capture.name} ({len(set(capture.pairs.orig_h))} hosts)", *(found[key][-1] for key in KEYS))
    yield _line("all as one site", *(_all(found[key]) for key in KEYS))


def spread(pairs: Pairs, scoring: Scoring, config: Config, shards: int, key: str) -> Spread:
    """Of one capture."""
    texts = pairs.orig_h.tolist() if key == "host" else ["\t".join(map(str, one)) for one in _keys(pairs)]
    of = np.array([shard_of(text, shards) for text in texts], dtype=np.int64)
    emitted = np.floor(np.log2(np.maximum(pairs.conns / config.min_connections, 0.5))) + 1
    load = np.bincount(of, weights=emitted, minlength=shards)
    incidents = [one for one in score(pairs, scoring, config).incidents.members if len(one) > 1]
    parted = 0
    for members in incidents:
        those = {shard_of(m.key[0] if key == "host" else "\t".join(map(str, m.key)), shards) for m in members}
        parted += len(those) > 1
    return Spread(np.asarray(load, dtype=np.float64), len(incidents), parted)


def _keys(pairs: Pairs) -> Iterator[tuple[object, ...]]:
    columns = (pairs.orig_h, pairs.resp, pairs.resp_p, pairs.proto, pairs.channel)
    return zip(*(column.tolist() for column in columns), strict=True)


def _all(those: Sequence[Spread]) -> Spread:
    load = np.sum([one.load for one in those], axis=0)
    return Spread(load, sum(one.incidents for one in those), sum(one.parted for one in those))


def _line(name: str, host: Spread, pair: Spread) -> str:
    return f"{name:40}{host.fullest:9.2f}{pair.fullest:9.2f}{host.incidents:12}{host.parted:16}{pair.parted:9}"
