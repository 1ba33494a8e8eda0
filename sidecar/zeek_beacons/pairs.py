"""Pairs: who talks to whom, and when. The one data structure between readers, features, scoring and reports.

A batch of pairs in columns. Each pair owns the slice `offsets[i]:offsets[i + 1]` of the observation columns,
sorted by start inside the pair (compressed sparse rows). One live candidate is a batch of one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from typing import Any, Self, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.keys import CONN, HTTP, KEY_COLUMNS, Key
from zeek_beacons.locality import REMEMBERED, is_private

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]
Bools: TypeAlias = NDArray[np.bool_]
Strings: TypeAlias = NDArray[np.object_]
_Kind = TypeVar("_Kind", bound=np.generic)

MICROSECONDS = 1_000_000

# Zeek's conn_state values; an observation holds the index. 0: not known.
STATES = ("", "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH")
STATE_CODE: Mapping[str, int] = {name: code for code, name in enumerate(STATES)}

PROTOS = ("tcp", "udp", "icmp")

GROUP = "group:"  # what stands for the responder of a group of pairs begins so, see groups.py


def round_time(seconds: Floats) -> Floats:
    """Rounds seconds to whole microseconds, as conn.log prints them: the same float on every road."""
    rounded: Floats = np.rint(np.asarray(seconds, dtype=np.float64) * MICROSECONDS) / MICROSECONDS
    return rounded


@dataclass(frozen=True, eq=False)
class Pairs:
    """`n` pairs with `offsets[n]` observations.

    Key: `orig_h`, `resp` (address or server name), `resp_p`, `proto`, `channel`. Everything else describes.
    What is said of connections below holds for the observations of whichever channel.

    A connection's address was looked up by the name in the newest DNS answer with it that this originator had got by
    the connection's start, if that answer is no older than its TTL, at least an hour and at most a day. `dns_name` is
    the name that more than half of the `dns_named` connections had. Whether addresses were looked up is known of the
    connections of originators that had got an answer by their start; of a pair by name it is not asked.

    What is told of the certificate is that of the newest connection in which the server was seen to present one, and of
    the client that of the newest connection with an answered HTTP request.
    """

    orig_h: Strings  # (n,) originator's address
    resp: Strings  # (n,) responder: an address, or a server name for pairs formed by name
    resp_p: Ints  # (n,) responder's port; for icmp what Zeek puts there, the code
    proto: Strings  # (n,) one of PROTOS
    channel: Strings  # (n,) one of CHANNELS
    addr: Strings  # (n,) responder's address in the newest connection
    service: Strings  # (n,) most frequent non-empty service, "" where none was seen
    server_name: Strings  # (n,) the name that more than half of the named connections carried, "" if none did
    dns_name: Strings  # (n,) the name that most connections' address was looked up by, "" if none
    conns: Ints  # (n,) connections seen, also those no longer held
    named: Ints  # (n,) connections seen that carried a server name
    name_conns: Ints  # (n,) connections seen that carried `server_name`
    dns_named: Floats  # (n,) connections seen whose address was looked up; NaN where not known
    orig_local: Bools  # (n,) whether the originator belongs to the site
    resp_local: Bools  # (n,) whether the responder does, by `addr`
    first_ts: Floats  # (n,) start of the first connection ever seen, seconds
    resp_hosts: Floats  # (n,) distinct originators seen talking to this responder; NaN where not measured
    site_hosts: Floats  # (n,) distinct originators seen in all; NaN where not measured
    site_tls_named: Floats  # (n,) share of the site's TLS servers that some connection named; NaN where not measured
    cert_name: Strings  # (n,) the certificate's name that fits the SNI, else its first; "" where none was seen
    cert_issuer: Strings  # (n,) who signed it, as a distinguished name; "" where none was seen
    cert_self_signed: Floats  # (n,) 1 where it signed itself, 0 where not; NaN where none was seen
    cert_valid: Floats  # (n,) 1 where Zeek could verify it up to a public authority, 0 where not; NaN where not tried
    cert_days: Floats  # (n,) days from the begin to the end of its validity; NaN where not known
    cert_servers: Floats  # (n,) addresses of the site's traffic that presented it; NaN where none was seen
    user_agent: Strings  # (n,) what the client calls itself over HTTP, "" where it does not
    agent_hosts: Floats  # (n,) distinct originators seen that call themselves so; NaN where `user_agent` is ""
    no_host: Floats  # (n,) 1 where an answered HTTP request had no Host, 0 where all had; NaN where none was seen
    other_paths: Floats  # (n,) paths of the site asked for beside the pair's, at most; NaN but for channel http
    intel: Strings  # (n,) the newest hit of Zeek's Intel framework on the server: type and indicator; "" without one
    traits: Strings  # (n,) what else was seen of its ends, see traits.py; "" where nothing
    names_asked: Floats  # (n,) different names of the domain asked for, those told apart; NaN but for channel dns
    names_length: Floats  # (n,) characters of these names in all; NaN but for channel dns
    for_addresses: Floats  # (n,) queries for addresses alone; NaN but for channel dns
    connected: Floats  # (n,) connections to servers under the domain; NaN but for channel dns
    process: Strings  # (n,) what opened the newest connection, by an endpoint's word: a file name; "" where not known
    parent: Strings  # (n,) what started that process, likewise
    user: Strings  # (n,) who it runs as, "" where not known
    signed: Floats  # (n,) 1 where its file is signed, 0 where not; NaN where not known
    offsets: Ints  # (n + 1,) slices of the observation columns
    start: Floats  # (m,) seconds since the epoch, whole microseconds
    duration: Floats  # (m,) seconds, NaN where missing
    orig_bytes: Floats  # (m,) payload bytes sent by the originator, NaN where missing
    resp_bytes: Floats  # (m,) payload bytes sent by the responder, NaN where missing
    state: Bytes  # (m,) index into STATES

    def __len__(self) -> int:
        return len(self.resp_p)

    @cached_property
    def counts(self) -> Ints:
        """Observations held for each pair, (n,)."""
        return _kept(np.diff(self.offsets))

    @cached_property
    def last_ts(self) -> Floats:
        """Start of the newest observation of each pair, seconds, NaN for a pair that holds none."""
        return _kept(_edge(self.start, self.offsets[1:] - 1, self.counts))

    @cached_property
    def is_named(self) -> Bools:
        """Whether the responder is a server name rather than an address, (n,)."""
        by_name: Bools = self.resp != self.addr
        by_name[by_name] = [not is_group(resp) for resp in self.resp[by_name]]
        return _kept(by_name)

    def keys(self, rows: Ints | slice = slice(None)) -> list[Key]:
        """The key of each pair, or of those at some positions."""
        columns = (getattr(self, name)[rows].tolist() for name in KEY_COLUMNS)
        return cast("list[Key]", list(zip(*columns, strict=True)))

    @property
    def is_group(self) -> Bools:
        """Whether several pairs are seen as one, (n,)."""
        several: Bools = (self.resp != self.addr) & ~self.is_named
        return several

    @property
    def is_twin(self) -> Bools:
        """Address pairs whose every connection carried one server name: the pair by name speaks for them.

        Likewise pairs with a web server whose every request had one stem.
        """
        may = (self.resp == self.addr) | (self.channel == HTTP)
        twin: Bools = may & (self.name_conns >= self.conns) & (self.server_name != "")
        return twin

    @property
    def is_multicast(self) -> Bools:
        """Pairs whose responder is a multicast group or the broadcast address, no single host, (n,)."""
        return np.fromiter(map(_is_group, self.addr.tolist()), dtype=np.bool_, count=len(self))

    def take(self, index: Ints | Bools) -> Self:
        """The pairs at `index` (positions or a mask), with their observations; the batch itself where that is all."""
        chosen = np.flatnonzero(index) if index.dtype == np.bool_ else index
        if len(chosen) == len(self) and bool((chosen == np.arange(len(self))).all()):
            return self
        counts = self.counts[chosen]
        offsets = _offsets(counts)
        rows = np.repeat(self.offsets[chosen] - offsets[:-1], counts) + np.arange(offsets[-1])
        return self._select(chosen, rows, offsets)

    def latest(self, n: int) -> Self:
        """Keeps the newest `n` observations of each pair: the same reservoir as Zeek's tracker.

        The batch itself where no pair holds more.
        """
        if n < 1:
            raise ValueError(f"latest: n is {n}, expected at least 1")
        if self.counts.max(initial=0) <= n:
            return self
        counts = np.minimum(self.counts, n)
        offsets = _offsets(counts)
        rows = np.repeat(self.offsets[1:] - counts - offsets[:-1], counts) + np.arange(offsets[-1])
        return self._select(slice(None), rows, offsets)

    def cut(self, owner: Ints, begin: Ints, length: Ints) -> Self:
        """Stretches of pairs as pairs of their own: of each the pair's position, its first observation and how many."""
        offsets = _offsets(length)
        rows = np.repeat(begin - offsets[:-1], length) + np.arange(offsets[-1])
        made = self._select(owner, rows, offsets)
        return replace(made, conns=length, first_ts=made.start[offsets[:-1]] if len(length) else made.first_ts)

    def _select(self, pairs: Any, rows: Ints, offsets: Ints) -> Self:
        columns: dict[str, Any] = {name: getattr(self, name)[pairs] for name in PAIR_COLUMNS}
        columns |= {name: getattr(self, name)[rows] for name in OBSERVATION_COLUMNS}
        return replace(self, offsets=offsets, **columns)

    @classmethod
    def empty(cls) -> Self:
        """A batch without pairs."""
        return cls.build([])

    @classmethod
    def of(cls, **columns: Any) -> Self:
        """A batch of these columns. Descriptive ones that may be missing have the defaults of `build` then."""
        missing = [name for name in OPTIONAL if name not in columns]
        if missing:
            known = {name: columns[name] for name in PAIR_COLUMNS if name in columns}
            rows = [dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True)]
            filled = [with_defaults(row) for row in rows]
            columns |= {name: _column(name, [row[name] for row in filled]) for name in missing}
        return cls(**columns)

    @classmethod
    def build(cls, pairs: Iterable[Mapping[str, Any]]) -> Self:
        """A batch from one mapping a pair, observations in any order; the way in for single candidates and tests.

        Required: `orig_h, resp, resp_p, start`. `duration, orig_bytes, resp_bytes` are sequences as long as `start`
        (default NaN), `state` names of STATES. Descriptive columns have the defaults of a pair seen alone.
        """
        rows = [_normal(pair) for pair in pairs]
        columns: dict[str, Any] = {name: _column(name, [row[name] for row in rows]) for name in PAIR_COLUMNS}
        counts = np.array([len(row["start"]) for row in rows], dtype=np.int64)
        for name in OBSERVATION_COLUMNS:
            kind = np.uint8 if name == "state" else np.float64
            columns[name] = np.concatenate([np.zeros(0, kind), *(row[name] for row in rows)])
        columns |= {name: round_time(columns[name]) for name in ("start", "duration")}
        owner = np.repeat(np.arange(len(counts)), counts)
        rises = (np.diff(columns["start"]) > 0) | (np.diff(owner) > 0)
        if not rises.all():  # which they do as a rule
            order = observation_order(columns, owner)
            columns |= {name: columns[name][order] for name in OBSERVATION_COLUMNS}
        return cls(offsets=_offsets(counts), **columns)


OBSERVATION_COLUMNS = ("start", "duration", "orig_bytes", "resp_bytes", "state")
PAIR_COLUMNS = tuple(f.name for f in fields(Pairs) if f.name not in {*OBSERVATION_COLUMNS, "offsets"})
# Columns that came later than the first version of logs, histories and golden files.
CERTIFICATE = ("cert_name", "cert_issuer", "cert_self_signed", "cert_valid", "cert_days", "cert_servers")
WEB_CLIENT = ("user_agent", "agent_hosts", "no_host")
CHANNEL_FACTS = ("other_paths", "names_asked", "names_length", "for_addresses", "connected")
PROCESS = ("process", "parent", "user", "signed")
PRESENTED_TEXTS = ("cert_name", "cert_issuer", "user_agent")
PRESENTED_NUMBERS = tuple(name for name in (*CERTIFICATE, *WEB_CLIENT) if name not in PRESENTED_TEXTS)
OPTIONAL = (
    "channel",
    *("dns_name", "name_conns", "dns_named", "orig_local", "resp_local", "site_tls_named"),
    *(*CERTIFICATE, *WEB_CLIENT, *CHANNEL_FACTS, *PROCESS),
    *("intel", "traits"),
)
_KINDS: Mapping[str, type] = {
    "resp_p": np.int64,
    "conns": np.int64,
    "named": np.int64,
    "name_conns": np.int64,
    "dns_named": np.float64,
    "orig_local": np.bool_,
    "resp_local": np.bool_,
    "first_ts": np.float64,
    "resp_hosts": np.float64,
    "site_hosts": np.float64,
    "site_tls_named": np.float64,
    **dict.fromkeys((*PRESENTED_NUMBERS, *CHANNEL_FACTS, "signed"), np.float64),
}


def joined(parts: Sequence[Pairs]) -> Pairs:
    """The pairs of several batches, at least one, as one batch, in their order."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in (*PAIR_COLUMNS, *OBSERVATION_COLUMNS)
    }
    return Pairs(offsets=_offsets(np.concatenate([part.counts for part in parts])), **columns)


def is_group(resp: str) -> bool:
    """Whether this stands for the responder of a group of pairs."""
    return resp.startswith(GROUP)


def _column(name: str, values: list[Any]) -> NDArray[Any]:
    return np.array(values, dtype=_KINDS.get(name, np.object_))


def _kept(values: NDArray[_Kind]) -> NDArray[_Kind]:
    """The same values, which nobody can change: they are computed once for all who ask."""
    values.flags.writeable = False
    return values


def _offsets(counts: Ints) -> Ints:
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


@lru_cache(REMEMBERED)
def _is_group(addr: str) -> bool:
    if ":" in addr:
        return ipaddress.ip_address(addr).is_multicast
    first = addr.partition(".")[0]
    return addr == "255.255.255.255" or (len(first) == 3 and "224" <= first <= "239")


def _edge(values: Floats, rows: Ints, counts: Ints) -> Floats:
    edge = np.full(len(counts), np.nan)
    edge[counts > 0] = values[rows[counts > 0]]
    return edge


def observation_order(columns: Mapping[str, NDArray[Any]], owner: Ints | None = None) -> Ints:
    """The one order of observations inside a pair: by start, ties by duration, sizes and state.

    `owner`: the pair of each observation, (m,), where there are several, whose order stays.
    """
    return np.lexsort(
        (
            columns["state"],
            columns["resp_bytes"],
            columns["orig_bytes"],
            columns["duration"],
            columns["start"],
            *([] if owner is None else [owner]),
        )
    )


def _normal(pair: Mapping[str, Any]) -> dict[str, Any]:
    start = np.asarray(pair["start"], dtype=np.float64)
    n = len(start)
    observed: dict[str, NDArray[Any]] = {"start": start}
    for name in ("duration", "orig_bytes", "resp_bytes"):
        given = pair.get(name)
        observed[name] = np.full(n, np.nan) if given is None else np.asarray(given, dtype=np.float64)
        if len(observed[name]) != n:
            raise ValueError(f"{name}: {len(observed[name])} values for {n} starts")
    states = pair.get("state", [""] * n)
    observed["state"] = np.array([STATE_CODE.get(state, 0) for state in states], dtype=np.uint8)
    given = {name: pair[name] for name in PAIR_COLUMNS if pair.get(name) is not None}
    plain = {
        "proto": "tcp",
        "addr": pair["resp"],
        "service": "",
        "server_name": "",
        "conns": n,
        "named": 0,
        "first_ts": float(round_time(start.min())) if n and "first_ts" not in given else np.nan,
        "resp_hosts": np.nan,
        "site_hosts": np.nan,
    }
    return with_defaults(plain | given) | observed


def _is_private(addr: str) -> bool:
    try:
        return is_private(addr)
    except ValueError:
        return False


def with_defaults(pair: Mapping[str, Any]) -> dict[str, Any]:
    """The descriptive columns of a pair, those of OPTIONAL too that are missing or None.

    All named connections then carried `server_name`, and what is local is what Zeek takes for local by itself.
    """
    made = {name: value for name, value in pair.items() if value is not None}
    made.setdefault("channel", CONN)
    made.setdefault("dns_name", "")
    made.setdefault("dns_named", made["conns"] if made["dns_name"] else np.nan)
    made.setdefault("name_conns", made["named"] if made["server_name"] else 0)
    for column, end in (("orig_local", "orig_h"), ("resp_local", "addr")):
        if column not in made:
            made[column] = _is_private(made[end])
    made.setdefault("site_tls_named", np.nan)
    for column in (*PRESENTED_TEXTS, *PROCESS[:-1], "intel", "traits"):
        made.setdefault(column, "")
    for column in (*PRESENTED_NUMBERS, *CHANNEL_FACTS, "signed"):
        made.setdefault(column, np.nan)
    return made
