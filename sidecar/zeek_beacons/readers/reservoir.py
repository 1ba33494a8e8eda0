"""Connections in batches -> Pairs: the part that all readers of single connections share.

Holds at most `max_observations` of each pair plus a bounded number of rows not yet sorted in, whatever the length
of the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.config import Config
from zeek_beacons.pairs import (
    MICROSECONDS,
    PROTOS,
    STATE_CODE,
    Bools,
    Floats,
    Ints,
    Pairs,
    round_time,
)
from zeek_beacons.readers.addresses import Intern, address, has_direction, locality, server_name
from zeek_beacons.readers.files import BadLine
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.merge import end_us, is_midstream, left_open, merge
from zeek_beacons.readers.pair_table import Groups, by_pair_and_start

PENDING = 3_000_000  # rows kept unsorted before they are sorted into the reservoir
LOOSE = 250_000  # open or mid-stream TCP connections kept before they are merged
_PROTO_CODE = {name: code for code, name in enumerate(PROTOS)} | {"6": 0, "17": 1, "1": 2, "58": 2}
_PROTO_CODE |= dict.fromkeys(("icmp6", "icmpv6", "ipv6-icmp"), 2)


@dataclass(frozen=True, slots=True)
class Texts:
    """A text column of few distinct values: `values[codes[i]]`, code -1 where the row has none."""

    codes: Ints  # (rows,)
    values: Sequence[str]

    @classmethod
    def constant(cls, rows: int, value: str | None = None) -> Texts:
        """A column of one value in every row, or of none."""
        return cls(np.full(rows, -1 if value is None else 0, dtype=np.int64), [] if value is None else [value])

    def map(self, table: NDArray[Any], missing: int = -1) -> Ints:
        """`table[code]` of every row, `missing` where the row has none."""
        if not len(table):
            return np.full(len(self.codes), missing, dtype=np.int64)
        mapped: Ints = table.astype(np.int64)[self.codes]
        absent = self.codes < 0
        if absent.any():
            mapped[absent] = missing
        return mapped


@dataclass(frozen=True, slots=True)
class Batch:
    """Connections as read, one row each; NaN or -1 where a value is missing. Nothing is validated yet."""

    start: Floats  # seconds
    duration: Floats  # seconds
    orig_h: Texts
    orig_p: Ints
    resp_h: Texts
    resp_p: Ints
    proto: Texts
    service: Texts
    orig_bytes: Floats
    resp_bytes: Floats
    state: Texts
    history: Texts
    name: Texts  # the server name a TLS or HTTP analyser saw

    def __len__(self) -> int:
        return len(self.start)


class Where:
    """Names the row of a batch for diagnostics: its file, its line and its text."""

    def __init__(self, path: str, line: int, data: bytes) -> None:
        self.path, self._line, self._data = path, line, data
        self._lines: list[bytes] | None = None

    def locate(self, row: int) -> tuple[int, str]:
        """Line number and text of a row; blank lines hold no row."""
        if self._lines is None:
            self._lines = self._data.split(b"\n")
        seen = -1
        for offset, line in enumerate(self._lines):
            seen += bool(line.strip())
            if seen == row:
                return self._line + offset, line.decode("utf-8", "replace")
        return self._line, ""


class Collector:
    """Takes batches of connections, gives Pairs. `start_us`/`end_us` bound the starts that are looked at."""

    def __init__(self, config: Config, ingest: Ingest, begin: float | None = None, until: float | None = None) -> None:
        self._config, self.ingest = config, ingest
        self._begin_us = None if begin is None else round(begin * MICROSECONDS)
        self._until_us = None if until is None else round(until * MICROSECONDS)
        self._hosts = Intern(address)
        self._names = Intern(server_name)
        self._services = Intern(lambda text: text)
        self._is_local = locality(config.local_nets)
        self._local: list[bool] = []
        self._groups = Groups()
        self._loose: list[dict[str, NDArray[Any]]] = []
        self._loose_rows = 0
        self._rows: list[dict[str, NDArray[Any]]] = []
        self._pending = 0
        self._settled = 0

    def add(self, batch: Batch, where: Where, left_out: Mapping[str, Bools] = MappingProxyType({})) -> None:
        """Validates a batch and takes its good rows, but for those that the reader marks as `left_out` by reason."""
        self.ingest.rows += len(batch)
        wanted = np.ones(len(batch), dtype=np.bool_)
        for reason, mask in left_out.items():
            self._leave_out(reason, wanted & mask)
            wanted &= ~mask
        rows, good = self._checked(batch, where, wanted)
        rows = _rows(rows, good)
        self.ingest.times(rows["start_us"], end_us(rows["start_us"], rows["duration"]))
        rows = self._chosen(rows)
        loose = (
            (rows["proto"] == _PROTO_CODE["tcp"])
            & (rows["midstream"] | left_open(rows["state"]))
            & (rows["orig_p"] >= 0)
        )
        if rows["midstream"].any() or self._loose or loose.any():
            self._hold({name: column[loose] for name, column in rows.items()})
            rows = {name: column[~loose] for name, column in rows.items()}
        self._take(rows)

    def skip(self, path: str, lines: Sequence[BadLine]) -> None:
        """Counts the lines of a file that do not parse."""
        for line in lines:
            self.ingest.rows += 1
            self.ingest.skip(line.problem, path, line.number, line.text)

    def pairs(self) -> Pairs:
        """Everything collected, sorted by key."""
        self._settle_loose(keep_after=None)
        self._settle()
        return self._groups.pairs(
            self._rows[0] if self._rows else None, self._hosts.values, self._names.values, self._services.values
        )

    def _checked(self, batch: Batch, where: Where, wanted: Bools) -> tuple[dict[str, NDArray[Any]], Bools]:
        states = np.array([STATE_CODE.get(state, 0) for state in batch.state.values], dtype=np.uint8)
        protos = np.array([_PROTO_CODE.get(proto.lower(), -1) for proto in batch.proto.values], dtype=np.int64)
        start = batch.start
        sane = (start > -1e11) & (start < 1e11)  # also false for NaN
        bad_duration = (batch.duration < 0) | (batch.duration > 1e9)
        rows: dict[str, NDArray[Any]] = {
            "start_us": np.rint(np.where(sane, start, 0.0) * MICROSECONDS).astype(np.int64),
            "duration": round_time(np.where(bad_duration, np.nan, batch.duration)),
            "orig_h": batch.orig_h.map(self._hosts.codes(batch.orig_h.values)),
            "orig_p": batch.orig_p,
            "resp_h": batch.resp_h.map(self._hosts.codes(batch.resp_h.values)),
            "resp_p": batch.resp_p,
            "proto": batch.proto.map(protos),
            "service": batch.service.map(self._services.codes(batch.service.values)),
            "orig_bytes": batch.orig_bytes,
            "resp_bytes": batch.resp_bytes,
            "state": batch.state.map(states, missing=0).astype(np.uint8),
            "midstream": batch.history.map(np.array([is_midstream(text) for text in batch.history.values]), 0) > 0,
            "name": batch.name.map(self._names.codes(batch.name.values)),
        }
        good = wanted.copy()
        for bad, reason in (
            (~sane, "start time missing or impossible"),
            (rows["orig_h"] < 0, "originator is no address"),
            (rows["resp_h"] < 0, "responder is no address"),
            ((batch.resp_p < 0) | (batch.resp_p > 65_535), "responder port missing or over 65535"),
            (batch.orig_p > 65_535, "originator port over 65535"),
            (bad_duration, "duration negative or impossible"),
            (_no_size(batch.orig_bytes) | _no_size(batch.resp_bytes), "byte count negative or impossible"),
        ):
            fresh = np.flatnonzero(bad & good)
            if len(fresh):
                good[fresh] = False
                shown = fresh[: self.ingest.room(reason)]
                for row in shown.tolist():
                    self.ingest.skip(reason, where.path, *where.locate(row))
                self.ingest.skipped[reason].rows += len(fresh) - len(shown)
        other = good & (rows["proto"] < 0)
        self._leave_out("protocol other than tcp, udp, icmp", other)
        return rows, good & ~other

    def _chosen(self, rows: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        keep = np.ones(len(rows["start_us"]), dtype=np.bool_)
        if self._begin_us is not None:
            keep &= rows["start_us"] >= self._begin_us
        if self._until_us is not None:
            keep &= rows["start_us"] < self._until_us
        self._leave_out("outside the time range", ~keep)
        if self._config.direction != "any":
            self._local += map(self._is_local, self._hosts.values[len(self._local) :])
            local = np.array(self._local, dtype=np.bool_)
            direction = has_direction(self._config.direction, local[rows["orig_h"]], local[rows["resp_h"]])
            self._leave_out(f"not {self._config.direction}", keep & ~direction)
            keep &= direction
        return _rows(rows, keep)

    def _leave_out(self, why: str, rows: Bools) -> None:
        if count := int(rows.sum()):
            self.ingest.outside[why] += count

    def _hold(self, rows: dict[str, NDArray[Any]]) -> None:
        """Keeps TCP connections that may continue, or be continued by, another one."""
        if len(rows["start_us"]):
            self._loose.append(rows)
            self._loose_rows += len(rows["start_us"])
        if self._loose_rows > LOOSE:
            newest = max(int(held["start_us"].max()) for held in self._loose)
            self._settle_loose(keep_after=newest - round(self._config.merge_gap * MICROSECONDS))
            if self._loose_rows > LOOSE // 2:
                self._settle_loose(keep_after=None)

    def _settle_loose(self, keep_after: int | None) -> None:
        """Merges the loose rows; what ended after `keep_after` may still be continued and stays."""
        if not self._loose:
            return
        rows = _joined(self._loose)
        rows["tuple_id"] = _five_tuples(rows)
        order = np.lexsort((rows["duration"], rows["start_us"], rows["tuple_id"]))
        repeats = _repeats(*(rows[name][order] for name in ("tuple_id", "start_us", "duration")))
        self.ingest.duplicates += int(repeats.sum())
        rows = {name: column[order[~repeats]] for name, column in rows.items()}
        kept: Bools = np.zeros(len(rows["tuple_id"]), dtype=np.bool_)
        if keep_after is not None:
            open_tuples = rows["tuple_id"][end_us(rows["start_us"], rows["duration"]) >= keep_after]
            kept = np.isin(rows["tuple_id"], open_tuples)
        merged = merge({name: column[~kept] for name, column in rows.items()}, self._config.merge_gap)
        self.ingest.merged += int((~kept).sum()) - len(merged["start_us"])
        merged.pop("tuple_id")
        rows.pop("tuple_id")
        self._loose = [{name: column[kept] for name, column in rows.items()}] if kept.any() else []
        self._loose_rows = int(kept.sum())
        self._take(merged)

    def _take(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Sorts connections to their pairs: by address, and by name where they carry one."""
        named = rows["name"] >= 0
        both = {name: np.concatenate((column, column[named])) for name, column in rows.items()} if named.any() else rows
        by_name = np.arange(len(both["start_us"])) >= len(named)
        pair = self._groups.add(both, by_name)
        self._rows.append(
            {
                "pair": pair.astype(np.int32),
                "start_us": both["start_us"],
                "duration": both["duration"],
                "orig_bytes": both["orig_bytes"],
                "resp_bytes": both["resp_bytes"],
                "state": both["state"],
                "orig_p": both["orig_p"].astype(np.int32),
                "addr": both["resp_h"].astype(np.int32),
                "named": (both["name"] >= 0).astype(np.int8) + by_name,  # 0 no name, 1 by address, 2 by name
            }
        )
        self._pending += len(pair)
        if self._pending > max(PENDING, self._settled // 2):
            self._settle()

    def _settle(self) -> None:
        """Sorts all rows by pair and start, drops duplicates, and keeps the newest of each pair."""
        if not self._rows:
            return
        rows, self._rows = _joined(self._rows), []
        kept = self._newest(rows)
        self._rows = [{name: rows.pop(name)[kept] for name in list(rows)}]
        self._pending, self._settled = 0, len(kept)

    def _newest(self, rows: Mapping[str, NDArray[Any]]) -> Ints:
        """Where the newest rows of each pair stand, by pair and start, each once; takes back what repeats."""
        order = by_pair_and_start(rows)
        pair, start, port, duration = (rows[name][order] for name in ("pair", "start_us", "orig_p", "duration"))
        unique = ~_repeats(pair, start, port, duration) | (port < 0)
        twice = rows["named"][order[~unique]]
        self._groups.forget(pair[~unique], twice > 0)
        self.ingest.duplicates += int((twice < 2).sum())
        order, pair = order[unique], pair[unique]
        ends = np.append(np.flatnonzero(pair[1:] != pair[:-1]) + 1, len(pair))
        behind = np.repeat(ends, np.diff(ends, prepend=0)) - np.arange(len(pair))
        return order[behind <= self._config.max_observations]


def _five_tuples(rows: Mapping[str, NDArray[Any]]) -> Ints:
    """One number for each TCP 5-tuple among these rows."""
    endpoint = np.unique((rows["resp_h"] << 16) | rows["resp_p"], return_inverse=True)[1]
    hosts = np.unique((rows["orig_h"] << 32) | endpoint, return_inverse=True)[1]
    ids: Ints = (hosts.astype(np.int64) << 16) | rows["orig_p"]
    return ids


def _rows(rows: dict[str, NDArray[Any]], chosen: Bools) -> dict[str, NDArray[Any]]:
    return rows if chosen.all() else {name: column[chosen] for name, column in rows.items()}


def _no_size(count: Floats) -> Bools:
    return (count < 0) | (count > 2.0**64)


def _repeats(*columns: NDArray[Any]) -> Bools:
    """Which sorted rows say the same as the one before them; a missing duration equals another missing one."""
    repeats = np.ones(len(columns[0]), dtype=np.bool_)
    repeats[:1] = False
    for column in columns:
        repeats[1:] &= (column[1:] == column[:-1]) | ((column[1:] != column[1:]) & (column[:-1] != column[:-1]))
    return repeats


def _joined(parts: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The parts as one, column by column; the parts are used up, so that no row is held twice."""
    return {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}
