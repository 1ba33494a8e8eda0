"""A conn.log of any size to measure with, like a sensor's or harder than one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from zeek_beacons.pairs import Floats, Ints

HEADER = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#open\t2026-01-01-00-00-00\n#fields\t{fields}\n#types\t{types}\n"
)
# The 22 columns of Zeek 8's conn.log: name, type, and the value where it is the same in every row.
COLUMNS = (
    *(("ts", "time", ""), ("uid", "string", ""), ("id.orig_h", "addr", ""), ("id.orig_p", "port", "")),
    *(("id.resp_h", "addr", ""), ("id.resp_p", "port", ""), ("proto", "enum", "tcp"), ("service", "string", "ssl")),
    *(("duration", "interval", ""), ("orig_bytes", "count", ""), ("resp_bytes", "count", "")),
    *(("conn_state", "string", ""), ("local_orig", "bool", "T"), ("local_resp", "bool", "F")),
    *(("missed_bytes", "count", "0"), ("history", "string", ""), ("orig_pkts", "count", "8")),
    *(("orig_ip_bytes", "count", ""), ("resp_pkts", "count", "8"), ("resp_ip_bytes", "count", "")),
    *(("tunnel_parents", "set[string]", "-"), ("ip_proto", "count", "6")),
)
FIELDS = [name for name, _, _ in COLUMNS]
BEGIN, DAY = 1_767_225_600, 86_400
CHUNK = 1_000_000  # connections made at a time
PORTS, SERVICES = (22, 53, 80, 443), ("ssh", "dns", "http", "ssl")
VISITS = 4  # of a pair with many connections, and one more, in the mean
FIRST, LAST = 0.01, 300.0  # seconds from the begin of a visit to its connections, as likely in each decade between
JITTER = 0.1  # of the timers


def make_log(
    path: Path,
    connections: int,
    pairs: int,
    seed: int = 1,
    seconds: float = DAY,
    resolver: float = 0.0,
    beacons: float | None = None,
) -> None:
    """A 22-column conn.log of a day, or of so many `seconds`: log-normal numbers of connections a pair.

    `resolver`: the share of all connections that goes to one server's port 53, from all hosts. `beacons`: the share of
    pairs that keep a timer; the others come in visits. None: every pair comes at any time alike, the hard case.
    """
    rng = np.random.default_rng(seed)
    weight = rng.lognormal(0, 1.5, pairs)
    weight /= weight.sum()
    orig = pa.array([f"10.{h >> 8}.{h & 255}.7" for h in range(max(1, pairs // 50))])
    resp = pa.array([f"203.{h >> 16 & 255}.{h >> 8 & 255}.{h & 255}" for h in range(pairs)])
    of_orig, port = (
        rng.integers(0, len(orig), pairs),
        rng.choice(PORTS if beacons is not None else [80, 443, 53, 8080], pairs),
    )
    services = pa.array(SERVICES)
    states, histories = (
        pa.array(["SF", "S0", "S1", "OTH", "RSTO"]),
        pa.array(["ShADadfF", "S", "ShADad", "DdA", "ShADadR"]),
    )
    with path.open("wb") as file:
        file.write(HEADER.format(fields="\t".join(FIELDS), types="\t".join(kind for _, kind, _ in COLUMNS)).encode())
        if beacons is None:
            drawn = _at_any_time(rng, connections, weight, seconds)
        else:
            drawn = _as_on_a_sensor(rng, connections, weight, seconds, beacons)
        for pair, start in drawn:
            n = len(pair)
            state = rng.choice(5, n, p=[0.8, 0.1, 0.04, 0.02, 0.04])
            if beacons is None:
                up, down = rng.integers(100, 2000, n), rng.integers(100, 20_000, n)
            else:
                up, down = (rng.lognormal(7, spread, n).astype(np.int64) for spread in (1.0, 2.0))
            asks = rng.random(n) < resolver if resolver else np.zeros(n, dtype=np.bool_)
            columns = {
                "ts": _decimal(start, 6),
                "uid": pc.binary_join_element_wise(
                    "C", pa.array(rng.integers(10**15, 10**16, n)).cast(pa.string()), ""
                ),
                "id.orig_h": orig.take(pa.array(of_orig[pair])),
                "id.orig_p": rng.integers(1024, 65_536, n),
                "id.resp_h": resp.take(pa.array(np.where(asks, 0, pair))),
                "id.resp_p": np.where(asks, 53, port[pair]),
                **({} if beacons is None else {"service": services.take(pa.array(np.searchsorted(PORTS, port[pair])))}),
                "duration": _decimal(rng.exponential(1.0, n), 6),
                "orig_bytes": up,
                "resp_bytes": down,
                "conn_state": states.take(pa.array(state)),
                "history": histories.take(pa.array(state)),
                "orig_ip_bytes": up + 320,
                "resp_ip_bytes": down + 320,
            }
            table = pa.table({name: columns.get(name, pa.array([same] * n)) for name, _, same in COLUMNS})
            options = arrow_csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
            arrow_csv.write_csv(table, file, options)


def _at_any_time(
    rng: np.random.Generator, connections: int, weight: Floats, seconds: float
) -> Iterator[tuple[Ints, Floats]]:
    """Pairs and starts in parts that follow each other: no pair prefers any time."""
    for begin in range(0, connections, CHUNK):
        n = min(CHUNK, connections - begin)
        pair = rng.choice(len(weight), n, p=weight)
        yield pair, BEGIN + np.sort(begin + rng.random(n) * n) / connections * seconds


def _as_on_a_sensor(
    rng: np.random.Generator, connections: int, weight: Floats, seconds: float, beacons: float
) -> Iterator[tuple[Ints, Floats]]:
    """Pairs and starts in parts, by time in each: a share of the pairs keep a timer, the others come in visits."""
    pairs = len(weight)
    conns = rng.multinomial(connections, weight)
    timer = np.zeros(pairs, dtype=np.bool_)
    timer[rng.choice(pairs, round(beacons * pairs), replace=False)] = True
    visits = np.where(timer, conns, 1 + rng.poisson(np.minimum(VISITS, conns / 20)))
    pair = np.repeat(np.arange(pairs), visits)
    beat = np.arange(len(pair)) - np.repeat(np.cumsum(visits) - visits, visits)
    spread = np.where(timer[pair], JITTER * rng.random(len(pair)) + beat, rng.random(len(pair)) * visits[pair])
    begin = spread / visits[pair] * seconds
    each = np.where(timer[pair], 1, conns[pair] // visits[pair] + (beat < conns[pair] % visits[pair]))
    order = np.argsort(begin, kind="stable")
    pair, begin, each = pair[order], begin[order], each[order]
    cuts = np.searchsorted(np.cumsum(each), np.arange(CHUNK, connections, CHUNK))
    for chosen in np.split(np.arange(len(pair)), cuts):
        one = np.repeat(pair[chosen], each[chosen])
        start = np.repeat(begin[chosen], each[chosen])
        start += np.where(timer[one], 0.0, FIRST * (LAST / FIRST) ** rng.random(len(one)))
        later = np.argsort(start, kind="stable")
        yield one[later], BEGIN + start[later]


def _decimal(values: np.ndarray[tuple[int], np.dtype[np.float64]], digits: int) -> pa.Array:
    return pa.array(np.round(values, digits)).cast(pa.decimal128(20, digits), safe=False).cast(pa.string())
