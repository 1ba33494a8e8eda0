"""Traits: what Zeek saw of the two ends of a pair beside its rhythm, each with a name: `tls_version=TLSv13`.

They are told beside a verdict, and are no part of its score. A trait that is not known is missing. The traits of a pair
are one text, a trait a line, in the order of TRAITS; candidates have them as a list of such lines. To add one is a line
here, and what finds it: a reader of Zeek's logs (readers/traits.py) and a handler in zeek-scripts/traits.zeek.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from zeek_beacons.pairs import Floats, Pairs, Strings
from zeek_beacons.printable import words

LONGEST = 120  # characters of a value, as Zeek's package cuts it
YES, NO = "yes", "no"
DAY = 86_400
MOST = 64  # lines that are looked at; more are no candidate's


@dataclass(frozen=True, slots=True)
class Trait:
    """Something that may be known of a pair."""

    code: str  # its name in candidates, histories and CSVs
    text: str  # in words, with the value for {}; without {} it is told where the value is "yes"
    about: str  # what it is, for the docs
    source: str = ""  # traits of one source are told together, by the same connection; "": it stands alone


TRAITS: tuple[Trait, ...] = (
    Trait("tls_version", "{}", "version of TLS that the newest session agreed on", "tls"),
    Trait("tls_resumed", "resumed", "whether the newest session resumed an earlier one: yes or no", "tls"),
    Trait("ja3", "JA3 {}", "JA3 of the newest session's client", "tls"),
    Trait("ja3s", "JA3S {}", "JA3S of its server", "tls"),
    Trait("ja4", "JA4 {}", "JA4 of its client", "tls"),
    Trait("cert_age_days", "certificate {} days old", "age of the newest certificate when it was seen", "cert"),
    Trait("tls_name_mismatch", "its names do not fit the name asked for", "whether no name covers the SNI", "cert"),
    Trait("http_method", "HTTP {}", "method of the newest request that was answered", "http"),
    Trait("http_uri", "for {}", "its path without the query", "http"),
    Trait("http_status", "answered {}", "status code of its answer", "http"),
    Trait("http_content", "with {}", "first MIME type that Zeek saw in its answer", "http"),
    Trait("ssh_client", "SSH client {}", "what the newest SSH client calls itself", "ssh"),
    Trait("ssh_server", "SSH server {}", "what its server calls itself", "ssh"),
    Trait("ja3_hosts", "hosts here with this JA3: {}", "originators whose pairs by address have this JA3", "tls"),
    Trait("ja3_servers", "servers it was used toward: {}", "responders of these pairs", "tls"),
    Trait("agent_servers", "servers this user agent was used toward: {}", "responders of pairs by address with it"),
    Trait("port_hosts", "hosts here that use this port outside: {}", "originators of pairs by address that do"),
    Trait("server_first_seen", "server first seen here on {}", "day of the earliest connection to it, of judged pairs"),
    Trait("dns_types", "queries for {}", "what the queries ask for, with percents, the 4 most frequent"),
    Trait("dns_entropy", "names of {} bits a character", "how random the names asked for are, left of the domain"),
    Trait("dns_nxdomain", "{} % of the answers say no such name", "percent of the answered queries: NXDOMAIN"),
    Trait("dns_unanswered", "{} % of the queries unanswered", "percent of the queries that got no answer"),
    Trait("orig_name", "host {}", "name of the originator's host: by its lease, else by who authenticated from it"),
    Trait("orig_mac", "MAC {}", "network card of the originator, by its lease"),
    Trait("orig_user", "user {}", "who authenticated from the originator last"),
)  # fmt: skip
BY_CODE: Mapping[str, Trait] = {one.code: one for one in TRAITS}


def line(code: str, value: str | float) -> str:
    """A trait as a line; "" where the value is unknown: an empty text, or NaN."""
    if isinstance(value, float):
        value = "" if math.isnan(value) else f"{value:g}"
    known = words(value, LONGEST)
    return f"{code}={known}" if known else ""


def checked(lines: Iterable[object]) -> str:
    """The traits of a candidate, whoever wrote it: those that are known here, of several the last. Never raises."""
    found = {}
    for given, _ in zip(lines, range(MOST), strict=False):
        code, _, value = str(given).partition("=")
        if code in BY_CODE and (known := words(value, LONGEST)):
            found[code] = known
    return _text(found)


@lru_cache(65_536)
def read(text: str) -> Mapping[str, str]:
    """The traits of one pair by their codes."""
    return dict(one.split("=", 1) for one in text.split("\n") if "=" in one)


def together(earlier: str, later: str) -> str:
    """What two candidates of a pair tell: of each source that the later one knows, what that one tells."""
    if not earlier or not later:
        return later or earlier
    told = {BY_CODE[code].source or code for code in read(later)}
    kept = {code: value for code, value in read(earlier).items() if (BY_CODE[code].source or code) not in told}
    return _text({**kept, **read(later)})


def joined(one: str, other: str) -> str:
    """The traits of two texts, of a trait that both have the other one's."""
    return _text({**read(one), **read(other)}) if one and other else other or one


def with_first_sight(text: str, first_ts: float) -> str:
    """The traits of a pair with the day on which its server was first seen, epoch seconds; as they are for NaN."""
    return text if math.isnan(first_ts) else joined(text, _first_sight(int(first_ts // DAY)))


@lru_cache(4096)
def _first_sight(day: int) -> str:
    return line("server_first_seen", str(np.datetime64(day, "D")))


def of(pairs: Pairs, code: str) -> Strings:
    """A trait of each pair, (n,), "" where it is not known."""
    values = np.full(len(pairs), "", dtype=np.object_)
    for row in np.flatnonzero(pairs.traits != "").tolist():
        values[row] = read(pairs.traits[row]).get(code, "")
    return values


def numbers(pairs: Pairs, code: str) -> Floats:
    """The same of a trait that is a number, NaN where it is not known or none."""
    return np.array([_number(text) for text in of(pairs, code)], dtype=np.float64)


def in_words(pairs: Pairs, row: int) -> str:
    """The traits of one pair: `TLSv13, JA3 ...`; "" where none is known."""
    told = ((BY_CODE[code].text, value) for code, value in read(pairs.traits[row]).items())
    return ", ".join(text.format(value) for text, value in told if "{}" in text or value == YES)


def _text(found: Mapping[str, str]) -> str:
    return "\n".join(f"{one.code}={found[one.code]}" for one in TRAITS if one.code in found)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
