"""Pairs by how long their connections are open: rows of the table `long_connections`, one a pair by address.

Made from what a pair holds, and from what Zeek tells of connections that are still open. Of what is stored several
times the most stands. Raises sqlite3.Error, and writes into the transaction that is open. Times are seconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import numpy as np

from zeek_beacons.called import called
from zeek_beacons.keys import CONN, Key
from zeek_beacons.pairs import Floats, Ints, Pairs
from zeek_beacons.store.keys import packed
from zeek_beacons.store.long_connection import LongConnection

DAY = 86_400.0
LEAST = 600.0  # seconds from which on a pair is worth a row, by either measure
Gone = Mapping[Key, tuple[float, float]]
NOTHING: Gone = MappingProxyType({})
MOST = 100_000  # rows; beyond, the shortest are left out, or forgotten


_COLUMNS = ("id", "orig_n", "addr_n", "touched", *LongConnection._fields)
# What is told of the longest connection goes together.
_OF_LONGEST = ("longest_start", "uid", "is_open")
_UPDATES = ", ".join(
    (
        *(f"{name} = iif(excluded.longest >= longest, excluded.{name}, {name})" for name in _OF_LONGEST),
        *(f"{name} = max({name}, excluded.{name})" for name in ("longest", "day_sum", "conns", "touched")),
        *(f"{name} = coalesce(excluded.{name}, {name})" for name in ("orig_bytes", "resp_bytes", "last_ts")),
        *(f"{name} = iif(excluded.{name} = '', {name}, excluded.{name})" for name in ("service", "name")),
    )
)
_STORE = (
    f"INSERT INTO long_connections ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608
    f"ON CONFLICT DO UPDATE SET {_UPDATES}"
)


def store(db: sqlite3.Connection, rows: Iterable[LongConnection], hour: int) -> None:
    """Writes rows; `hour`: when they were seen, hours since the epoch."""
    db.executemany(_STORE, ((one.id, packed(one.orig_h), packed(one.addr), hour, *one) for one in rows))


def forget(db: sqlite3.Connection, oldest: int, most: int) -> int:
    """Forgets rows not seen since the hour `oldest`, and the shortest of too many. Returns how many."""
    old = "SELECT id FROM long_connections WHERE touched < ? ORDER BY touched LIMIT ?"
    gone = db.execute(f"DELETE FROM long_connections WHERE id IN ({old})", (oldest, most)).rowcount  # noqa: S608
    (held,) = db.execute("SELECT count(*) FROM long_connections").fetchone()
    if (excess := min(held - MOST, most)) > 0:
        short = "SELECT id FROM long_connections ORDER BY longest LIMIT ?"
        gone += db.execute(f"DELETE FROM long_connections WHERE id IN ({short})", (excess,)).rowcount  # noqa: S608
    return gone


def of_pairs(pairs: Pairs, least: float = LEAST, gone: Gone = NOTHING) -> Iterator[LongConnection]:
    """The rows that the pairs by address of a batch make, from the connections they hold; the longest MOST of them.

    `gone`: start and duration of the longest connection that a pair does not hold any more, by key.
    """
    longest, where, added = _open_times(pairs, least)
    before: dict[int, float] = {}  # by row, when the longest began that is not held
    for row, (start, duration) in _rows_of(pairs, gone).items():
        added[row] = max(added[row], min(duration, DAY))
        if duration > longest[row]:
            longest[row], before[row] = duration, start
    by_address = ~pairs.is_named & ~pairs.is_group & (pairs.channel == CONN)
    chosen = np.flatnonzero(by_address & ((longest >= least) | (added >= least)))
    if len(chosen) > MOST:
        chosen = chosen[np.argsort(-longest[chosen], kind="stable")[:MOST]]
    taken = pairs.take(chosen)
    last = taken.last_ts.tolist()
    for row, name, last_ts in zip(chosen.tolist(), called(taken).name, last, strict=True):
        held = slice(*pairs.offsets[row : row + 2])
        yield LongConnection(
            orig_h=pairs.orig_h[row],
            addr=pairs.addr[row],
            resp_p=int(pairs.resp_p[row]),
            proto=pairs.proto[row],
            service=pairs.service[row],
            name=name,
            longest=float(longest[row]),
            longest_start=before[row] if row in before else float(pairs.start[where[row]]),
            uid="",
            is_open=0,
            day_sum=float(added[row]),
            conns=int(pairs.conns[row]),
            orig_bytes=_sum(pairs.orig_bytes[held]),
            resp_bytes=_sum(pairs.resp_bytes[held]),
            last_ts=last_ts,
        )


def _rows_of(pairs: Pairs, gone: Gone) -> dict[int, tuple[float, float]]:
    """What is gone, by the row of its pair."""
    partly = np.flatnonzero(pairs.conns > pairs.counts).tolist() if gone else []
    keys = zip(partly, pairs.keys(np.array(partly, dtype=np.int64)), strict=True)
    return {row: gone[key] for row, key in keys if key in gone}


def _open_times(pairs: Pairs, least: float) -> tuple[Floats, Ints, Floats]:
    """Of each pair the longest duration, which observation had it, and the most that 24 hours add up to.

    Zero for pairs all of whose connections together were open for less than `least` seconds.
    """
    n = len(pairs)
    longest, added = np.zeros(n), np.zeros(n)
    where = pairs.offsets[:-1].copy()
    every = np.repeat(np.arange(n), pairs.counts)
    lasting = pairs.duration > 0
    enough = np.bincount(every[lasting], pairs.duration[lasting], n) >= least
    known = np.flatnonzero(lasting & enough[every])
    if not len(known):
        return longest, where, added
    owner = every[known]
    duration, start = pairs.duration[known], pairs.start[known]
    order = np.lexsort((duration, owner))
    last = order[np.flatnonzero(np.diff(owner[order], append=-1))]
    longest[owner[last]], where[owner[last]] = duration[last], known[last]
    return longest, where, _most_in_a_day(owner, start, np.minimum(duration, DAY), n)


def _most_in_a_day(owner: Ints, start: Floats, duration: Floats, n: int) -> Floats:
    """For each of `n` owners the highest sum of durations that begin within 24 hours; starts ascend in each."""
    apart = float(start.max() - start.min()) + 2 * DAY
    place = owner * apart + (start - start.min())
    sums = np.concatenate([[0.0], np.cumsum(duration)])
    end = np.searchsorted(place, place + DAY)
    most = np.zeros(n)
    np.maximum.at(most, owner, sums[end] - sums[:-1])
    return most


def _sum(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.sum()) if len(known) else None
