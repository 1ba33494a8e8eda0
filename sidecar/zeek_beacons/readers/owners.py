"""Who an originator is: the network card and host name of the lease of its address, and who authenticated from it.

From dhcp.log, kerberos.log and ntlm.log, joined to connections by originator and time. A lease holds from its first
message for its time, at most LONGEST_LEASE; an authentication that succeeded holds for a day, until another one, and no
longer than the card has the address. Where an address gets another card, connections before and after are of several
tenures, and no pair. The same as zeek-scripts/owners.zeek.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from zeek_beacons.pairs import MICROSECONDS, Floats, Ints, Pairs, Strings
from zeek_beacons.readers.addresses import Intern, address
from zeek_beacons.readers.arrow_parse import NUMBER, Table, numbers, possible, texts, times
from zeek_beacons.readers.by_uid import log_tables
from zeek_beacons.readers.files import Source
from zeek_beacons.readers.runs import Runs, Timeline, joined, no_runs, ranks
from zeek_beacons.readers.side_logs import BadRows
from zeek_beacons.traits import checked, line, together

LOGS = ("dhcp", "kerberos", "ntlm")
LONGEST_LEASE, UNTOLD_LEASE, LOGIN_LASTS = 604_800.0, 86_400.0, 86_400.0  # seconds
MOST = 4_000_000  # leases and authentications kept, each; beyond, the oldest are forgotten
ACKNOWLEDGED = "ACK"
_TEXT, _LIST = pa.string(), pa.list_(pa.string())
_DHCP = {"ts": NUMBER, "assigned_addr": _TEXT, "mac": _TEXT, "host_name": _TEXT, "client_fqdn": _TEXT}
_DHCP |= {"lease_time": NUMBER, "msg_types": _LIST}
_KERBEROS = {"ts": NUMBER, "id.orig_h": _TEXT, "client": _TEXT, "success": pa.bool_()}
_NTLM = {"ts": NUMBER, "id.orig_h": _TEXT, "username": _TEXT, "hostname": _TEXT, "success": pa.bool_()}


@dataclass(frozen=True, slots=True, eq=False)
class _Leases:
    """Leases and their texts by number, columns (n,)."""

    host: Ints
    since: Ints  # microseconds
    until: Ints  # microseconds
    card: Ints
    name: Ints  # -1: none

    def __len__(self) -> int:
        return len(self.host)

    def take(self, rows: NDArray[Any]) -> Self:
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


class Owners:
    """Who had which address when. `changes`: when an address got another card, a run each."""

    def __init__(self, hosts: Sequence[str], words: Sequence[str], known: Sequence[Runs], changes: Runs) -> None:
        """`known`: cards, names of leases, workstations and users, whose names are numbers of `words`."""
        self._hosts = {host: code for code, host in enumerate(hosts)}
        self._words = words
        self._always = False
        self._known = [Timeline(runs) for runs in known]
        self._changes = Timeline(changes)
        self._codes = np.zeros(0, dtype=np.int64)  # of the hosts of connections, -1: nothing is known of them

    def __bool__(self) -> bool:
        return any(len(one.runs) for one in self._known)

    @property
    def has_changes(self) -> bool:
        """Whether any address had several cards, or may have them later."""
        return self._always or len(self._changes.runs) > 0

    def always_told(self) -> Self:
        """The same, where an address may get another card later."""
        self._always = True
        return self

    @classmethod
    def none(cls) -> Self:
        """Nothing is known of any address."""
        return cls([], [], [no_runs()] * 4, no_runs())

    def tenures(self, orig_h: Ints, hosts: Sequence[str], start_us: Ints) -> Ints:
        """How often the address of each connection had got another card by its start.

        `hosts`: the addresses by number; they may have become more since the last call.
        """
        fresh = [self._hosts.get(host, -1) for host in hosts[len(self._codes) :]]
        self._codes = np.append(self._codes, np.array(fresh, dtype=np.int64))
        return self._changes.begun(self._codes[orig_h], start_us)

    def tenures_of(self, orig_h: Strings, start: Floats) -> Ints:
        """The same of addresses as texts and starts in seconds."""
        return self._changes.begun(self._numbers(orig_h), np.rint(start * MICROSECONDS).astype(np.int64))

    def told(self, pairs: Pairs) -> Strings:
        """The traits of pairs, (n,), with those of their originators when the newest connection of each began."""
        traits = pairs.traits.copy()
        held = np.flatnonzero(pairs.counts > 0)
        code = self._numbers(pairs.orig_h[held])
        held, code = held[code >= 0], code[code >= 0]
        if not len(held):
            return traits
        newest = np.rint(pairs.last_ts[held] * MICROSECONDS).astype(np.int64)
        found = np.stack([one.name(code, newest) for one in self._known], axis=1)
        distinct, which = np.unique(found, axis=0, return_inverse=True)
        lines = [self._line(row) for row in distinct.tolist()]
        for row, number in zip(held.tolist(), which.ravel().tolist(), strict=True):
            traits[row] = together(traits[row], lines[number])
        return traits

    def _line(self, found: Sequence[int]) -> str:
        card, name, station, user = ("" if code < 0 else self._words[code] for code in found)
        told = {"orig_name": name or station, "orig_mac": card, "orig_user": user}
        return checked([line(code, text) for code, text in told.items()])

    def _numbers(self, hosts: Strings) -> Ints:
        return np.fromiter((self._hosts.get(host, -1) for host in hosts), dtype=np.int64, count=len(hosts))


class OwnerCollector:
    """Takes dhcp, kerberos and ntlm logs, gives Owners."""

    def __init__(self) -> None:
        self._hosts, self._words = Intern(address), Intern(_word)
        self._leases: list[_Leases] = []
        self._users: list[Runs] = []
        self._stations: list[Runs] = []
        self.forgotten = 0

    def read(self, path: Source, log: str, bad: BadRows) -> None:
        """Takes one of LOGS, or of a stream of all logs what is of it, whole, or nothing where it raises InputError."""
        columns, take = _READ[log]
        for table in list(log_tables(path, log, columns, bad)):
            take(self, table)
        self._bound()

    def notes(self) -> list[str]:
        """What to tell where the logs held more than is kept."""
        told = f"leases and authentications beyond {MOST}: the oldest {self.forgotten} were left out"
        return [told] if self.forgotten else []

    def owners(self) -> Owners:
        """All that was read."""
        if not (self._leases or self._users or self._stations):
            return Owners.none()
        leases = self._sorted(_one(_Leases, self._leases, 5))
        first = np.append(True, leases.host[1:] != leases.host[:-1])[: len(leases)]
        other = ~first & np.append(False, leases.card[1:] != leases.card[:-1])[: len(leases)]
        changes = leases.take(other)
        changed = Runs(changes.host, changes.since, changes.until, changes.card)
        ends = Timeline(changed)
        names = Runs(leases.host, leases.since, leases.until, _carried(leases.name, first | other))
        cards = Runs(leases.host, leases.since, leases.until, leases.card)
        known = [joined(cards), joined(_until(names.take(names.name >= 0), ends))]
        for logins in (self._stations, self._users):
            known.append(joined(_until(self._in_order(_one(Runs, logins, 4)), ends)))
        return Owners(self._hosts.values, self._words.values, known, changed)

    def leases(self, table: Table) -> None:
        """Takes rows of dhcp.log: those whose server acknowledged a lease."""
        types = table.column("msg_types").combine_chunks()
        given = np.zeros(table.num_rows, dtype=np.bool_)
        flat = pc.fill_null(pc.equal(pc.list_flatten(types), ACKNOWLEDGED), False).to_numpy(zero_copy_only=False)
        given[pc.list_parent_indices(types).to_numpy()[flat]] = True
        host, card = self._numbered(table, "assigned_addr", self._hosts), self._numbered(table, "mac", self._words)
        name, full = (self._numbered(table, column, self._words) for column in ("host_name", "client_fqdn"))
        since = times(table, "ts")
        good = given & (host >= 0) & (card >= 0) & possible(since)
        lasts = np.clip(np.nan_to_num(numbers(table, "lease_time"), nan=UNTOLD_LEASE), 0.0, LONGEST_LEASE)
        begin = np.rint(since[good] * MICROSECONDS).astype(np.int64)
        end = begin + np.rint(lasts[good] * MICROSECONDS).astype(np.int64)
        named = np.where(name >= 0, name, full)
        self._leases.append(_Leases(host[good], begin, end, card[good], named[good]))

    def tickets(self, table: Table) -> None:
        """Takes rows of kerberos.log: a client is `name/REALM`, that of a host has $ at the end of its name."""
        clients = texts(table, "client")
        parts = [text.rpartition("/") for text in clients.values]
        users = [name if slash and not name.endswith("$") else "" for name, slash, _ in parts]
        stations = [name[:-1] if slash and name.endswith("$") else "" for name, slash, _ in parts]
        self._logins(table, clients.map(self._words.codes(users)), clients.map(self._words.codes(stations)))

    def sessions(self, table: Table) -> None:
        """Takes rows of ntlm.log."""
        users = texts(table, "username")
        named = ["" if text.endswith("$") else text for text in users.values]
        self._logins(table, users.map(self._words.codes(named)), self._numbered(table, "hostname", self._words))

    def _logins(self, table: Table, user: Ints, station: Ints) -> None:
        host, since = self._numbered(table, "id.orig_h", self._hosts), times(table, "ts")
        succeeded = pc.fill_null(table.column("success"), False).to_numpy(zero_copy_only=False)
        good = succeeded & (host >= 0) & possible(since)
        for who, kept in ((user, self._users), (station, self._stations)):
            known = good & (who >= 0)
            begin = np.rint(since[known] * MICROSECONDS).astype(np.int64)
            kept.append(Runs(host[known], begin, begin + round(LOGIN_LASTS * MICROSECONDS), who[known]))

    def _numbered(self, table: Table, column: str, known: Intern) -> Ints:
        found = texts(table, column)
        return found.map(known.codes(found.values))

    def _sorted(self, leases: _Leases) -> _Leases:
        """By address and time; of those of one moment by card and name."""
        words = self._words.values
        return leases.take(
            np.lexsort((_places(leases.name, words), ranks(leases.card, words), leases.since, leases.host))
        )

    def _in_order(self, runs: Runs) -> Runs:
        return runs.take(np.lexsort((ranks(runs.name, self._words.values), runs.since, runs.key)))

    def _bound(self) -> None:
        self._leases = self._newest(_Leases, self._leases, 5)
        self._users, self._stations = (self._newest(Runs, runs, 4) for runs in (self._users, self._stations))

    def _newest(self, kind: Any, parts: list[Any], columns: int) -> list[Any]:
        if sum(map(len, parts)) <= MOST:
            return parts
        whole = _one(kind, parts, columns)
        self.forgotten += len(whole) - MOST
        return [whole.take(np.sort(np.argpartition(whole.since, -MOST)[-MOST:]))]


_READ: dict[str, tuple[dict[str, Any], Callable[[OwnerCollector, Table], None]]] = {
    "dhcp": (_DHCP, OwnerCollector.leases),
    "kerberos": (_KERBEROS, OwnerCollector.tickets),
    "ntlm": (_NTLM, OwnerCollector.sessions),
}


def left_out(pairs: int, connections: int) -> list[str]:
    """What to tell where pairs had connections of several tenures; nothing where none had."""
    if not pairs:
        return []
    plural = "s" if pairs != 1 else ""
    told = f"{pairs} pair{plural} had connections under another lease of their address"
    return [f"{told}: {connections}, which were left out"]


def _word(text: str) -> str | None:
    """A text as traits tell it; None for none."""
    return line("", text)[1:] or None


def _one(kind: Any, parts: Sequence[Any], columns: int) -> Any:
    if not parts:
        return kind(*[np.zeros(0, dtype=np.int64)] * columns)
    return kind(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(kind)))


def _carried(name: Ints, begins: NDArray[np.bool_]) -> Ints:
    """Names of leases; one without has that of the newest before it of its tenure. `begins`: the first of each."""
    if not len(name):
        return name
    rows = np.arange(len(name))
    last = np.maximum.accumulate(np.where(name >= 0, rows, -1))
    first = np.maximum.accumulate(np.where(begins, rows, 0))
    return np.where(last >= first, name[last], -1)


def _until(runs: Runs, ends: Timeline) -> Runs:
    """Runs that end when the address gets another card."""
    if not len(ends.runs) or not len(runs):
        return runs
    return Runs(runs.key, runs.since, np.minimum(runs.until, ends.next(runs.key, runs.since) - 1), runs.name)


def _places(names: Ints, words: list[str]) -> Ints:
    """The place of each name in the alphabet, -1 where there is none."""
    place = np.full(len(names), -1, dtype=np.int64)
    place[names >= 0] = ranks(names[names >= 0], words)
    return place
