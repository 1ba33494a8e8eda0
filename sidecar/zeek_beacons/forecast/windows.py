"""Tables of connections -> windows of each pair, each host, and each (host, service), in one pass over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.errors import InputError
from zeek_beacons.forecast.cells import PORT_BITS, SQUARES, SUMS, Active, Cells, Gatherer, added, distinct
from zeek_beacons.pairs import Bools, Floats, Ints
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.connection_table import YES, ConnectionTable

# What a series is of. A pair is a host and a server here, over all ports: the aggregates count those.
LEVELS = ("pair", "host", "service")
MOST_CELLS = {"pair": 2_400_000, "host": 1_600_000, "service": 1_200_000}  # held in memory: about 80 bytes each
# The published aggregates of a window. A window without connections is 0 in all of them.
AGGREGATES = (
    *("connections", "bytes_sum", "bytes_mean", "bytes_std", "packets", "duration_mean", "duration_std"),
    *("distinct_ports", "tcp_share", "udp_share", "https_share", "dns_share", "small_share"),
)
SHARES = slice(8, 13)  # those from 0 to 1; of all others the logarithm of one more is taken
CALENDAR = ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos")  # UTC
NO_SERVICE = "none"
SMALL = 2048  # bytes both ways below which a connection is small
GAP = 6 * 3600  # seconds without any connection at all from which on nobody was watching, and silence says nothing
DAY, WEEK, MONDAY = 86_400, 7 * 86_400, 4 * 86_400  # Monday: the first one of the epoch
_FAR = 2**31 - 2  # windows
_MIXED = np.uint64(0x9E3779B97F4A7C15)


class Numbered:
    """Texts numbered in the order in which they come."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, value: str) -> int:
        """The number of a text."""
        found = self._codes.setdefault(value, len(self.values))
        if found == len(self.values):
            self.values.append(value)
        return found

    def find(self, value: str) -> int:
        """The number of a text that was seen, else -1."""
        return self._codes.get(value, -1)

    def of(self, column: Texts, missing: str = "") -> Ints:
        """The numbers of a column of texts."""
        used = np.unique(column.codes)
        table = np.full(len(column.values) + 1, -1, dtype=np.int64)
        for code in used.tolist():
            table[code] = self.code(column.values[code] if code >= 0 else missing)
        return table[column.codes]


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """The windows in which somebody was watching, in order; those in a gap are not among them."""

    window: Ints  # (w,) seconds since the epoch / width
    width: float  # seconds
    gaps: int = 0
    longest_gap: float = 0.0  # seconds

    def __len__(self) -> int:
        return len(self.window)

    @property
    def start(self) -> Floats:
        """When each window begins, seconds since the epoch."""
        return self.window.astype(np.float64) * self.width

    def place(self, window: Ints | NDArray[np.int32]) -> Ints:
        """Where on the axis these windows are."""
        return np.searchsorted(self.window, window)

    def calendar(self) -> NDArray[np.float32]:
        """Hour and weekday on a circle, (w, len(CALENDAR))."""
        day, week = self.start % DAY / DAY, (self.start - MONDAY) % WEEK / WEEK
        turns = (np.sin, day), (np.cos, day), (np.sin, week), (np.cos, week)
        return np.stack([turn(2 * np.pi * at) for turn, at in turns], axis=1).astype(np.float32)

    @classmethod
    def of(cls, active: Ints, width: float) -> Axis:
        """The axis over windows in which anybody had a connection, sorted."""
        if not len(active):
            return cls(np.zeros(0, np.int64), width)
        long = np.diff(active) > max(GAP / width, 1)
        ends, begins = np.append(active[:-1][long], active[-1]), np.insert(active[1:][long], 0, active[0])
        stretches = [np.arange(begin, end + 1) for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        longest = float(np.diff(active).max() - 1) * width if len(active) > 1 and long.any() else 0.0
        return cls(np.concatenate(stretches), width, int(long.sum()), longest)


@dataclass(frozen=True, slots=True, eq=False)
class SiteWindows:
    """All series of an input. Keys: host; or host and server, or host and service, as two halves of a number."""

    cells: dict[str, Cells]  # level -> its cells
    axis: Axis
    hosts: Numbered
    services: Numbered
    local: frozenset[int]  # hosts that opened connections from inside; all where none is known to be
    dropped: dict[str, int] = field(default_factory=dict)  # level -> cells that memory had no room for
    connections: int = 0

    def who(self, level: str, key: int) -> tuple[str, str, str]:
        """orig_h, resp_h and service of a series, "" where it is not of one."""
        host, other = (key, -1) if level == "host" else (key >> 32, key & 0xFFFFFFFF)
        server = self.hosts.values[other] if level == "pair" else ""
        return self.hosts.values[host], server, self.services.values[other] if level == "service" else ""

    def values(self, level: str, active: Active, rows: Ints) -> NDArray[np.float32]:
        """The aggregates of some series in every window of the axis, (n, w, len(AGGREGATES))."""
        dense = np.zeros((len(rows), len(self.axis), len(AGGREGATES)), np.float32)
        counts = active.windows[rows]
        cells = self.cells[level].take(
            np.repeat(active.begin[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        )
        dense[np.repeat(np.arange(len(rows)), counts), self.axis.place(cells.window)] = aggregates(cells)
        return dense


def read(tables: Iterable[ConnectionTable], width: float) -> SiteWindows:
    """Adds up connections by series and window. Raises InputError where there are none."""
    hosts, services = Numbered(), Numbered()
    gatherers = {level: Gatherer(MOST_CELLS[level]) for level in LEVELS}
    windows: list[Ints] = []
    local: set[int] = set()
    everyone: set[int] = set()
    connections = 0
    for table in tables:
        orig, resp = hosts.of(table.orig_h), hosts.of(table.resp_h)
        service = services.of(table.service, NO_SERVICE)
        single = _single(table, width)
        keys = {"pair": (orig << 32) | resp, "host": orig, "service": (orig << 32) | service}
        for level, key in keys.items():
            gatherers[level].add(added([_with_key(single, key)]))
        windows = [np.unique(np.concatenate([*windows, single.window.astype(np.int64)]))]
        everyone.update(np.unique(orig).tolist())
        local.update(np.unique(orig[table.local_orig == YES]).tolist())
        connections += len(table)
    if not connections:
        raise InputError("input", "no connections to forecast")
    cells = {level: gatherer.cells() for level, gatherer in gatherers.items()}
    dropped = {level: gatherer.dropped for level, gatherer in gatherers.items()}
    axis = Axis.of(windows[0], width)
    return SiteWindows(cells, axis, hosts, services, frozenset(local or everyone), dropped, connections)


def _single(table: ConnectionTable, width: float) -> Cells:
    """Each connection as a cell of its own, not yet of any series."""
    size = np.nan_to_num(table.orig_bytes) + np.nan_to_num(table.resp_bytes)
    timed = np.isfinite(table.duration)
    lasted = np.where(timed, table.duration, 0.0)
    proto = table.proto
    columns = {
        "connections": np.ones(len(table)),
        "bytes": size,
        "packets": np.nan_to_num(table.orig_pkts) + np.nan_to_num(table.resp_pkts),
        "timed": timed,
        "duration": lasted,
        "tcp": proto.among("tcp"),
        "udp": proto.among("udp"),
        "https": table.resp_p == 443,
        "dns": (table.resp_p == 53) | table.service.among("dns"),
        "small": size < SMALL,
    }
    return Cells(
        np.zeros(len(table), np.int64),
        np.clip(np.floor(table.ts / width), -_FAR, _FAR).astype(np.int32),
        np.stack([columns[name] for name in SUMS], axis=1).astype(np.float32),
        np.stack([columns[name] ** 2 for name in SQUARES], axis=1),
        _port_bits(table.resp_p),
    )


def _with_key(single: Cells, key: Ints) -> Cells:
    return Cells(key, single.window, single.sums, single.squares, single.ports)


def _port_bits(port: Ints) -> NDArray[np.uint64]:
    mixed = (np.maximum(port, 0).astype(np.uint64) + np.uint64(1)) * _MIXED
    bits: NDArray[np.uint64] = np.uint64(1) << (mixed >> np.uint64(64 - PORT_BITS.bit_length() + 1))
    return bits


def aggregates(cells: Cells) -> NDArray[np.float32]:
    """The thirteen aggregates of cells, (n, len(AGGREGATES)): shares, and of the others log(1 + value)."""
    total = {name: cells.sums[:, place].astype(np.float64) for place, name in enumerate(SUMS)}
    count, timed = total["connections"], np.maximum(total["timed"], 1)
    bytes_mean, duration_mean = total["bytes"] / count, total["duration"] / timed
    large = np.stack(
        [
            count,
            total["bytes"],
            bytes_mean,
            _deviation(cells.squares[:, 0], bytes_mean, count),
            total["packets"],
            duration_mean,
            _deviation(cells.squares[:, 1], duration_mean, timed),
            distinct(cells.ports),
        ],
        axis=1,
    )
    shares = np.stack([total[name] / count for name in ("tcp", "udp", "https", "dns", "small")], axis=1)
    return np.concatenate([np.log1p(large), shares], axis=1).astype(np.float32)


def _deviation(squares: Floats, mean: Floats, count: Floats) -> Floats:
    """Standard deviation; what rounding leaves of that of equal values is nothing."""
    variance = squares / count - mean**2
    return np.sqrt(np.where(variance > 1e-6 * mean**2, variance, 0.0))


def seen_until(cells: Cells, active: Active, window: int) -> Bools:
    """Which series have a cell before this window."""
    first = cells.window[active.begin] if len(active.key) else np.zeros(0, np.int32)
    return np.asarray(first < window, dtype=np.bool_)
