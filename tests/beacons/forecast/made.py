"""Tables of connections made of a few numbers: hosts that browse, and timers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from zeek_beacons.forecast.windows import SiteWindows, read
from zeek_beacons.pairs import Floats
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.connection_table import YES, ConnectionTable

MONDAY = 1_767_571_200.0  # 2026-01-05 00:00 UTC
HOUR = 3600.0


def table(
    ts: Floats | Sequence[float],
    orig: str = "10.0.0.1",
    resp: str = "198.51.100.1",
    *,
    port: int | np.ndarray = 443,
    proto: str = "tcp",
    service: str | None = "ssl",
    size: float | Floats = 600.0,
    duration: float | Floats = 1.0,
    packets: float = 10.0,
) -> ConnectionTable:
    """One pair's connections."""
    starts = np.asarray(ts, dtype=np.float64)
    n = len(starts)
    sizes, lasted = (np.broadcast_to(np.asarray(one, dtype=np.float64), (n,)).copy() for one in (size, duration))
    return ConnectionTable(
        ts=starts,
        duration=lasted,
        orig_h=Texts.constant(n, orig),
        orig_p=np.full(n, 50_000),
        resp_h=Texts.constant(n, resp),
        resp_p=np.broadcast_to(np.asarray(port, dtype=np.int64), (n,)).copy(),
        proto=Texts.constant(n, proto),
        service=Texts.constant(n, service),
        conn_state=Texts.constant(n, "SF"),
        history=Texts.constant(n),
        orig_bytes=sizes / 3,
        resp_bytes=sizes * 2 / 3,
        orig_pkts=np.full(n, packets / 2),
        resp_pkts=np.full(n, packets / 2),
        uid=pa.nulls(n, pa.string()),
        community_id=pa.nulls(n, pa.string()),
        local_orig=np.full(n, YES, dtype=np.int8),
        local_resp=np.zeros(n, dtype=np.int8),
        labels={},
    )


def browsing(seed: int, hours: float, orig: str, resp: str, per_hour: float = 20.0, **more: object) -> ConnectionTable:
    """Connections at random moments, as many an hour all day long."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(per_hour * hours)
    ts = np.sort(MONDAY + rng.uniform(0, hours * HOUR, n))
    return table(ts, orig, resp, size=rng.lognormal(8, 1, n), duration=rng.lognormal(0, 1, n), **more)  # type: ignore[arg-type]


def site(hours: float = 24.0, hosts: int = 6, seed: int = 1) -> list[ConnectionTable]:
    """Hosts that talk to three servers each, steadily."""
    return [
        browsing(seed * 1000 + 10 * host + server, hours, f"10.0.0.{host + 1}", f"203.0.113.{server + 1}")
        for host in range(hosts)
        for server in range(3)
    ]


def timer(begin: float, hours: float, sleep: float, orig: str, resp: str, **more: object) -> ConnectionTable:
    """A beacon from `begin` hours on."""
    ts = MONDAY + begin * HOUR + np.arange(0, hours * HOUR, sleep)
    return table(ts, orig, resp, **more)  # type: ignore[arg-type]


def windows(*tables: ConnectionTable, width: float = 300.0) -> SiteWindows:
    return read(tables, width)
