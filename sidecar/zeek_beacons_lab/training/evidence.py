"""How many check-ins a model needs: pairs of both classes, equally long, that differ in nothing but their rhythm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zeek_beacons.features import Features, extract
from zeek_beacons.pairs import STATE_CODE, Floats, Pairs, round_time
from zeek_beacons.scoring.evidence import JITTERS, EvidenceTable

LENGTHS = (4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 25, 30, 40)  # check-ins tried
FPR = 0.01
WANTED = 0.8  # share found
BENIGN, C2 = 1000, 200  # pairs of each length; C2 for each law and jitter
BEGIN = 1_767_225_600.0

Rng = np.random.Generator


def measured_table(score: Callable[[Features], Floats], seed: int) -> EvidenceTable:
    """The least check-ins from which on 80 % are found at 1 % false positives, by jitter.

    The harder of two laws counts: a sleep shortened by up to the jitter, and one moved both ways. Benign are Poisson
    arrivals of the same mean. What is not found with the most check-ins tried needs these.
    """
    found = np.array([_found(score, n, np.random.default_rng((seed, n))) for n in LENGTHS])
    table: list[tuple[float, int]] = []
    for jitter, shares in zip(JITTERS, found.T, strict=True):
        below = np.flatnonzero(shares < WANTED)
        place = min(int(below[-1]) + 1 if len(below) else 0, len(LENGTHS) - 1)
        table.append((jitter, max(LENGTHS[place], table[-1][1] if table else 0)))
    return tuple(table)


def _found(score: Callable[[Features], Floats], n: int, rng: Rng) -> list[float]:
    """Share found by jitter, with `n` check-ins."""
    benign = np.sort(score(extract(dressed(rng, rng.exponential(1.0, (BENIGN, n - 1))))))
    limit = benign[-1 - int(FPR * BENIGN)]

    def share(gaps: Floats) -> float:
        return float((score(extract(dressed(rng, gaps))) > limit).mean())

    shape = (C2, n - 1)
    return [min(share(rng.uniform(1 - j, 1, shape)), share(rng.uniform(1 - j, 1 + j, shape))) for j in JITTERS]


def dressed(rng: Rng, gaps: Floats) -> Pairs:
    """Pairs with these gaps (pairs, gaps), in units of 10 s to 1 h; all else is drawn alike for every class."""
    count, n = gaps.shape[0], gaps.shape[1] + 1
    sleep = np.exp(rng.uniform(np.log(10), np.log(3600), (count, 1)))
    begin = BEGIN + rng.uniform(0, 3600, (count, 1))
    start = np.concatenate([begin, begin + np.cumsum(gaps * sleep, axis=1)], axis=1)
    varied = np.where(rng.random((count, 1)) < 0.5, 0.0, rng.normal(0, 0.7, (2, count, n)))
    sizes = np.exp(rng.uniform(4, 8, (2, count, 1)) + varied)
    seconds = np.minimum(np.exp(rng.normal(-1, 0.5, (count, n))), 0.4 * sleep)
    texts = {"resp": "203.0.113.9", "proto": "tcp", "addr": "203.0.113.9", "service": "ssl"}
    texts |= {"server_name": "", "dns_name": ""}
    return Pairs(
        orig_h=np.array([f"10.{k // 60_000}.{k // 250 % 240}.{k % 250 + 1}" for k in range(count)], dtype=object),
        resp_p=np.full(count, 443),
        conns=np.full(count, n),
        named=np.zeros(count, dtype=np.int64),
        name_conns=np.zeros(count, dtype=np.int64),
        dns_named=np.full(count, np.nan),
        orig_local=np.ones(count, dtype=np.bool_),
        resp_local=np.zeros(count, dtype=np.bool_),
        first_ts=round_time(start[:, 0]),
        resp_hosts=np.full(count, np.nan),
        site_hosts=np.full(count, np.nan),
        site_tls_named=np.full(count, np.nan),
        offsets=np.arange(0, count * n + 1, n),
        start=round_time(start.ravel()),
        duration=round_time(seconds.ravel()),
        orig_bytes=np.rint(sizes[0].ravel()),
        resp_bytes=np.rint(sizes[1].ravel()),
        state=np.full(count * n, STATE_CODE["SF"], dtype=np.uint8),
        **{name: np.full(count, text, dtype=object) for name, text in texts.items()},
    )
