"""Pairs of both classes, equally long, that differ in nothing but their rhythm."""

from __future__ import annotations

import numpy as np

from zeek_beacons.pairs import STATE_CODE, Floats, Pairs, round_time

FPR = 0.01
WANTED = 0.8  # share found
BENIGN, C2 = 1000, 200  # pairs of each length; C2 for each law and jitter
BEGIN = 1_767_225_600.0

Rng = np.random.Generator


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
    return Pairs.of(
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
