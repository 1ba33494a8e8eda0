"""What an unremarkable benign pair has: the row that features are set to when a reason is taken away.

A person's visits to a web site that others of the site visit too, measured by our own `extract`, so that it holds
whatever features there are. Visits at random moments (a Poisson process, the law that the rhythm features take for "no
timer"), one connection or a few within seconds, sizes and durations lognormal; medians over such pairs. The numbers are
assumed; a test holds each feature's value to the range that people's traffic has in the laboratory's traffic.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from zeek_beacons.features import extract
from zeek_beacons.features.matrix import Matrix
from zeek_beacons.pairs import Pairs

PAIRS = 48
VISITS = 80
PAUSE = 300.0  # seconds between visits, on average: 80 visits fill a working day
MORE_CONNECTIONS = 0.4  # chance of one more connection in a visit
SITE_HOSTS, VISITING_HOSTS = 10.0, 5.0


@cache
def unremarkable() -> Matrix:
    """One value for each feature of the catalogue, (len(CATALOGUE),), NaN where such pairs have none."""
    # RandomState and not Generator: its numbers are the same in every numpy.
    random = np.random.RandomState(1)
    matrix = extract(Pairs.build([_pair(random) for _ in range(PAIRS)])).matrix
    measured = np.isfinite(matrix).any(axis=0)
    row: Matrix = np.full(matrix.shape[1], np.nan, dtype=np.float32)
    row[measured] = np.nanmedian(matrix[:, measured], axis=0)
    row.setflags(write=False)
    return row


def _pair(random: np.random.RandomState) -> dict[str, object]:
    visits = np.cumsum(random.exponential(PAUSE, VISITS))
    connections = np.repeat(visits, random.geometric(1 - MORE_CONNECTIONS, VISITS))
    start = np.sort(connections + random.exponential(1.0, len(connections)))
    n = len(start)
    return {
        "orig_h": "192.0.2.1",
        "resp": "www.example.com",
        "addr": "192.0.2.2",
        "resp_p": 443,
        "service": "ssl",
        "conns": n,
        "named": n,
        "resp_hosts": VISITING_HOSTS,
        "site_hosts": SITE_HOSTS,
        "start": 1_767_225_600 + start,
        "duration": random.lognormal(np.log(1.0), 0.7, n),
        "orig_bytes": np.rint(random.lognormal(np.log(700), 0.35, n)),
        "resp_bytes": np.rint(random.lognormal(np.log(4_000), 0.7, n)),
        "state": ["SF"] * n,
    }
