"""What names addresses were looked up by: the answers in dns.log, to be joined to connections by client and address.

An answer with an address, to a query for A or AAAA, holds from when it came (`ts` and `rtt`) for as long as `lifetime`
says, and until this client gets another answer with that address. The name is the one that was asked for, whatever the
chain of CNAMEs in between. Answers of one name that follow each other while they hold are kept as one. A name server's
word about its own network (/24, of IPv6 /64) counts only in private space: who runs a C2 server can run a name server
beside it, and let implants ask that one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.locality import is_private
from zeek_beacons.pairs import MICROSECONDS, Bools, Floats, Ints
from zeek_beacons.readers.addresses import Intern, address, server_name
from zeek_beacons.readers.arrow_parse import NUMBER, Table, numbers, possible, texts, times
from zeek_beacons.readers.columns import Connections, Texts
from zeek_beacons.readers.files import Input, Source, opened
from zeek_beacons.readers.keys import HOST_BITS, pack
from zeek_beacons.readers.runs import Runs, Timeline, joined, no_runs, ranks
from zeek_beacons.readers.side_logs import BadRows
from zeek_beacons.readers.where import Where
from zeek_beacons.readers.zeek_rows import log_rows, set_separator

SHORTEST, LONGEST = 3600.0, 86_400.0  # seconds that an answer holds, whatever its TTL
PENDING = 2_000_000  # answers held before those that say the same are made one
MOST = 4_000_000  # answers kept; beyond, the oldest are forgotten
QUERY_TYPES = ("A", "AAAA")
NEEDED = ("ts", "id.orig_h", "query", "answers")
_ADDRESS = r"^[0-9A-Fa-f:.]{2,45}$"


def lifetime(ttl: Floats) -> Floats:
    """Seconds that answers with these TTLs hold; NaN: not known."""
    return np.clip(np.nan_to_num(ttl, nan=SHORTEST), SHORTEST, LONGEST)


NO_NAME, NOT_KNOWN = -1, -2  # the address was not looked up; the client had got no answer at all yet


class Answers:
    """The answers of some dns logs."""

    def __init__(self, hosts: Sequence[str], names: Sequence[str], runs: Runs) -> None:
        self.names = names
        self._hosts = {host: code for code, host in enumerate(hosts)}
        self._runs = Timeline(runs)
        self._begin = np.full(len(hosts) + 1, np.iinfo(np.int64).max)  # of each client's first answer; the last: nobody
        np.minimum.at(self._begin, runs.key >> HOST_BITS, runs.since)
        self._codes = np.zeros(0, dtype=np.int64)  # of the hosts of connections, -1: not in any answer

    @classmethod
    def none(cls) -> Self:
        """No answers at all."""
        return cls([], [], no_runs())

    def of(self, rows: Connections, hosts: Sequence[str]) -> Ints:
        """The number of the name that each connection's address was looked up by, else NO_NAME or NOT_KNOWN.

        `hosts`: the addresses of the connections by number; they may have become more since the last call.
        """
        found = np.full(len(rows), NOT_KNOWN, dtype=np.int64)
        if not len(self._runs.runs):
            return found
        fresh = [self._hosts.get(host, -1) for host in hosts[len(self._codes) :]]
        self._codes = np.append(self._codes, np.array(fresh, dtype=np.int64))
        client, server = self._codes[rows.orig_h], self._codes[rows.resp_h]
        found[self._begin[client] <= rows.start_us] = NO_NAME
        known = np.flatnonzero((client >= 0) & (server >= 0))
        name = self._runs.name(pack(client[known], server[known], HOST_BITS), rows.start_us[known])
        found[known[name >= 0]] = name[name >= 0]
        return found


class AnswerCollector:
    """Takes dns logs, gives Answers. Holds at most MOST answers, and PENDING not yet looked at."""

    def __init__(self) -> None:
        self._hosts, self._names = Intern(address), Intern(server_name)
        self._runs: list[Runs] = []
        self.forgotten = 0

    def read(self, path: Source, bad: BadRows) -> None:
        """Takes one dns log (TSV or JSON) whole, or nothing of it where it raises InputError."""
        log = AnswerCollector()
        for table in _tables(opened(path), bad):
            log._add(table)
            log._bound()
        self.forgotten += log.forgotten
        self._runs += [self._numbered_here(run, log._hosts, log._names) for run in log._runs]
        self._bound()

    def notes(self) -> list[str]:
        """What to tell where the logs held more than is kept."""
        return [f"DNS answers beyond {MOST}: the oldest {self.forgotten} were left out"] if self.forgotten else []

    def answers(self) -> Answers:
        """All that was read."""
        if not self._runs:
            return Answers.none()
        return Answers(self._hosts.values, self._names.values, self._settled())

    def _add(self, table: Table) -> None:
        """Takes the rows of a table with the columns client, query, at, ttl, answer and, where known, resolver."""
        client, server = (_numbered(texts(table, column), self._hosts) for column in ("client", "answer"))
        name = _numbered(texts(table, "query"), self._names)
        since = np.rint(table.column("at").to_numpy() * MICROSECONDS)
        life = np.rint(lifetime(table.column("ttl").to_numpy()) * MICROSECONDS)
        good = (client >= 0) & (name >= 0) & (server >= 0)
        if "resolver" in table.column_names:
            good &= ~self._of_own_network(_numbered(texts(table, "resolver"), self._hosts), server)
        since_us = since[good].astype(np.int64)
        key = pack(client[good], server[good], HOST_BITS)
        self._runs.append(Runs(key, since_us, since_us + life[good].astype(np.int64), name[good]))

    def _of_own_network(self, resolver: Ints, server: Ints) -> Bools:
        """Which answers a name server gave about its own network outside private space."""
        hosts = self._hosts.values
        networks: dict[str, int] = {}
        own = np.zeros(len(server), dtype=np.bool_)
        at = np.zeros(len(hosts) + 1, dtype=np.int64)  # the last: no address
        for code in np.unique(np.concatenate((resolver, server))).tolist():
            at[code] = networks.setdefault(_network(hosts[code]), len(networks)) if code >= 0 else -1
        same = np.flatnonzero((resolver >= 0) & (server >= 0) & (at[resolver] == at[server]))
        own[same] = [not is_private(hosts[code]) for code in server[same].tolist()]
        return own

    def _bound(self) -> None:
        """Makes one of the answers that say the same, once there are many."""
        if sum(map(len, self._runs)) > PENDING + MOST:
            self._runs = [self._renumbered(self._settled())]

    def _settled(self) -> Runs:
        """Runs of what follows each other, by key and time, without the oldest where they are too many."""
        runs = Runs(*(np.concatenate([getattr(run, field.name) for run in self._runs]) for field in fields(Runs)))
        runs = joined(runs.take(np.lexsort((ranks(runs.name, self._names.values), runs.since, runs.key))))
        if len(runs) > MOST:
            kept = np.sort(np.argpartition(runs.since, -MOST)[-MOST:])
            self.forgotten += len(runs) - MOST
            runs = runs.take(kept)
        return runs

    def _renumbered(self, runs: Runs) -> Runs:
        """The runs with texts numbered anew, those left out that none of them needs."""
        client, server = runs.key >> HOST_BITS, runs.key & ((1 << HOST_BITS) - 1)
        hosts, numbers_ = np.unique(np.concatenate((client, server)), return_inverse=True)
        names, name = np.unique(runs.name, return_inverse=True)
        old_hosts, old_names = self._hosts.values, self._names.values
        self._hosts, self._names = Intern(address), Intern(server_name)
        client, server = (
            self._hosts.codes([old_hosts[code] for code in hosts.tolist()])[part]
            for part in (numbers_[: len(runs)], numbers_[len(runs) :])
        )
        key = pack(client, server, HOST_BITS)
        name = self._names.codes([old_names[code] for code in names.tolist()])[name]
        order = np.lexsort((runs.since, key))
        return Runs(key, runs.since, runs.until, name).take(order)

    def _numbered_here(self, runs: Runs, hosts: Intern, names: Intern) -> Runs:
        """Runs of another collector, with these numbers of its texts, by the numbers that they have here."""
        host, name = self._hosts.codes(hosts.values), self._names.codes(names.values)
        client, server = runs.key >> HOST_BITS, runs.key & ((1 << HOST_BITS) - 1)
        return Runs(pack(host[client], host[server], HOST_BITS), runs.since, runs.until, name[runs.name])


def _network(host: str) -> str:
    """The /24 of an IPv4 address, the /64 of an IPv6 address."""
    if ":" not in host:
        return host.rpartition(".")[0]
    return str(ipaddress.ip_address(host).packed[:8])


def _numbered(column: Texts, known: Intern) -> Ints:
    return column.map(known.codes(column.values))


def _tables(source: Input, bad: BadRows) -> Iterator[Table]:
    """The answers that hold an address, a row each: client, query, at, ttl, answer. A log without them has none."""
    head = source.head()
    as_json = head.lstrip().startswith(b"{")
    text, listed = pa.string(), pa.list_(pa.string()) if as_json else pa.string()
    ttls = pa.list_(NUMBER) if as_json else text
    wanted = {"ts": NUMBER, "id.orig_h": text, "id.resp_h": text, "query": text, "qtype_name": text, "rtt": NUMBER}
    wanted |= {"answers": listed, "TTLs": ttls}
    for part in log_rows(source, wanted, ()):
        bad.add_lines(part.bad)
        if part.table is not None and set(part.table.column_names) >= set(NEEDED):
            timed = _timed(part.table, Where(source.path, part.line, part.data), bad)
            yield _flattened(_asked(timed), "" if as_json else set_separator(head))


def _timed(table: Table, where: Where, bad: BadRows) -> Table:
    """The rows whose answer came at a time that can be, with that time as the column `at`."""
    asked, took = times(table, "ts"), np.nan_to_num(numbers(table, "rtt"), nan=0.0)
    good = np.ones(table.num_rows, dtype=np.bool_)
    for sane, problem in (
        (possible(asked), "time missing or impossible"),
        ((took >= 0) & possible(took), "round-trip time negative or impossible"),
    ):
        if len(wrong := np.flatnonzero(good & ~sane)):
            bad.add(problem, where.locate(int(wrong[0]))[0], len(wrong))
        good &= sane
    return table.append_column("at", pa.array(np.where(good, asked, 0.0) + np.where(good, took, 0.0))).filter(good)


def _asked(table: Table) -> Table:
    """The rows that answer a query for an address; a log that does not tell the type has all."""
    wanted = pc.and_(pc.is_valid(table.column("answers")), pc.is_valid(table.column("query")))
    if "qtype_name" in table.column_names:
        types = table.column("qtype_name")
        wanted = pc.and_(wanted, pc.or_(pc.is_null(types), pc.is_in(types, pa.array(QUERY_TYPES))))
    return table.filter(wanted)


def _flattened(table: Table, separator: str) -> Table:
    """A row for each answer that looks like an address."""
    answers = table.column("answers").combine_chunks()
    ttls = table.column("TTLs").combine_chunks() if "TTLs" in table.column_names else None
    if separator:
        answers = pc.split_pattern(answers, separator)
        ttls = None if ttls is None else pc.split_pattern(ttls, separator)
    parent = pc.list_parent_indices(answers).to_numpy()
    flat = pc.list_flatten(answers)
    kept = pc.fill_null(pc.match_substring_regex(flat, _ADDRESS), False).to_numpy(zero_copy_only=False)
    known = {name: ours for name, ours in _COLUMNS.items() if ours in table.column_names}
    columns = {name: table.column(ours).take(pa.array(parent[kept])) for name, ours in known.items()}
    return pa.table({**columns, "ttl": _ttl_of(answers, ttls)[kept], "answer": flat.filter(pa.array(kept))})


_COLUMNS = {"client": "id.orig_h", "resolver": "id.resp_h", "query": "query", "at": "at"}


def _ttl_of(answers: Any, ttls: Any) -> Floats:
    """The TTL of each answer; NaN where a row has another number of them than of answers, or something else."""
    lengths = pc.fill_null(pc.list_value_length(answers), 0).to_numpy(zero_copy_only=False)
    life = np.full(int(lengths.sum()), np.nan)
    if ttls is None:
        return life
    given = pc.fill_null(pc.list_value_length(ttls), 0).to_numpy(zero_copy_only=False)
    flat = pc.list_flatten(ttls)
    if pa.types.is_string(flat.type):
        good = pc.match_substring_regex(flat, r"^[0-9]{1,10}(\.[0-9]{0,9})?$")
        flat = pc.cast(pc.if_else(good, flat, None), NUMBER)
    values = flat.to_numpy(zero_copy_only=False)
    fits = lengths == given
    life[np.repeat(fits, lengths)] = values[np.repeat(fits, given)]
    return life
