"""The context term: what is known of the server adds to the score of the rhythm, in log-odds.

A timer alone does not tell an implant from an update check: both are regular. What is known of the server does. Each
indicator is one such fact: 0 where it does not hold or nothing is known, 1 where it holds in full. Its weight is what
the fact adds to ln(p / (1 - p)), p being the score of the rhythm. A log that is missing, a name that nobody saw and a
list that knows nothing leave the score as the rhythm made it.

Nothing here silences a pair: implants sit on clouds and behind popular names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.features.catalogue import COLUMN
from zeek_beacons.features.context import ALTERNATIVE_PORTS, ASSIGNED
from zeek_beacons.keys import CONN
from zeek_beacons.knowledge import OPERATORS, TAG_BIT, TAG_TEXTS, Knowledge, shipped_knowledge, tag_names
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.scoring.names import ServerNames

EDGE = 1e-3  # a rhythm's score is kept this far from 0 and 1, so that no fact is without effect
MOSTLY = 0.5  # share of connections, or of a site's servers, that is most of them
ATTEMPTS = 14  # connections from which failing is a habit
# How far a name is popular, by the shortest list of the most visited domains that holds it.
POPULARITY = ((1_000, 1.0), (5_000, 0.9), (10_000, 0.8), (20_000, 0.7), (1_000_000, 0.4))
FORGEABLE = 0.75  # of the popularity of a name that nobody but the client has said

OWN_NETWORKS = OPERATORS | TAG_BIT["akamai"] | TAG_BIT["fastly"]  # where nobody rents a server by the hour
RENTED_NETWORKS = TAG_BIT["aws"] | TAG_BIT["azure"] | TAG_BIT["google_cloud"] | TAG_BIT["cloudflare"]


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the indicators look at, for `n` pairs."""

    pairs: Pairs
    features: Features
    names: ServerNames
    tags: Ints  # (n,) of the address, and of a name that somebody else than the client confirms
    public: Bools  # (n,) whether the responder is outside the site

    @classmethod
    def of(cls, pairs: Pairs, features: Features, known: Knowledge | None = None) -> Self:
        """Looks everything up, by default in the knowledge that is shipped. `features` are those of `pairs`."""
        names = ServerNames.of(pairs, known or shipped_knowledge())
        tags = names.address_tags | np.where(names.confirmed & ~names.false, names.name_tags, 0)
        return cls(pairs, features, names, tags, ~pairs.resp_local)

    def has(self, mask: int) -> Bools:
        """Which pairs carry one of these tags, (n,)."""
        tagged: Bools = (self.tags & mask) != 0
        return tagged

    def serves(self, *services: str) -> Bools:
        """Whose service is one of these, (n,)."""
        return _has_service(self.pairs, services)

    def feature(self, name: str) -> Floats:
        """A feature, (n,)."""
        return self.features.matrix[:, COLUMN[name]].astype(np.float64)


@dataclass(frozen=True, slots=True)
class Indicator:
    """One fact about the server."""

    code: str
    sign: int  # 1: it speaks for a beacon, -1: against
    start: float  # weight that is assumed before any capture is seen
    meaning: str
    measure: Callable[[Facts], Any]  # (n,), 0 to 1, 0 also where it is not known
    tell: Callable[[Facts, int], str]  # the fact about the pair at a row, in plain words


def popularity(facts: Facts) -> Floats:
    """How popular the server's domain is, (n,), 0 to 1; less where only the client says that it is the server's."""
    names = facts.names
    level = np.zeros(len(names.rank))
    for rank, value in reversed(POPULARITY):
        level[names.rank <= rank] = value
    found: Floats = np.where(names.false, 0.0, np.where(names.confirmed, level, FORGEABLE * level))
    return found


def is_unknown(facts: Facts) -> Bools:
    """Public servers that no list knows, by name or by network, (n,)."""
    listed = (popularity(facts) > 0) | facts.has(OWN_NETWORKS | RENTED_NETWORKS)
    unknown: Bools = facts.public & (facts.pairs.proto == "tcp") & ~listed
    return unknown


def is_failing(facts: Facts) -> Bools:
    """Public servers that are tried again and again over TCP and mostly do not take the connection, (n,)."""
    tried = facts.public & (facts.pairs.proto == "tcp") & (facts.pairs.conns >= ATTEMPTS)
    failing: Bools = tried & (np.nan_to_num(facts.feature("failed_share")) > MOSTLY)
    return failing


def is_unnamed_tls(facts: Facts) -> Bools:
    """TLS to a public server that is never named, where the site's TLS mostly names its servers, (n,)."""
    pairs = facts.pairs
    unnamed: Bools = facts.public & facts.serves("ssl") & (pairs.named == 0) & (pairs.site_tls_named > MOSTLY)
    return unnamed


def is_uncommon_port(facts: Facts) -> Bools:
    """TCP to a public server on a port that no common service has, (n,)."""
    uncommon: Bools = facts.public & (facts.pairs.proto == "tcp") & (facts.feature("port_class") > ASSIGNED)
    return uncommon


def is_unfit_service(facts: Facts) -> Bools:
    """Public servers that speak another protocol than their port is for, (n,); 8080 and its like are for the web."""
    web = np.isin(facts.pairs.resp_p, ALTERNATIVE_PORTS) & facts.serves("http", "ssl")
    unfit: Bools = facts.public & (facts.feature("service_fit") < 0) & ~web
    return unfit


def is_quic(facts: Facts) -> Bools:
    """QUIC, by its port or as recognised, (n,)."""
    pairs = facts.pairs
    quic: Bools = (pairs.proto == "udp") & ((pairs.resp_p == 443) | facts.serves("quic"))
    return quic


def is_resolver(facts: Facts) -> Bools:
    """Connections with DNS to the port for it, (n,); queries for one domain are not everybody's."""
    resolver: Bools = (facts.pairs.resp_p == 53) & facts.serves("dns") & (facts.pairs.channel == CONN)
    return resolver


INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        "popular_name",
        -1,
        1.0,
        "the registered domain is in a list of the most visited ones; less so where only the client names it",
        popularity,
        lambda facts, row: (
            f"{facts.names.registered[row]} is among the {facts.names.rank[row]:,.0f} most popular domains"
            + ("" if facts.names.confirmed[row] else " (only the client itself names it)")
        ),
    ),
    Indicator(
        "own_network",
        -1,
        1.0,
        "name or address belong to a large operator's own network",
        lambda facts: facts.has(OWN_NETWORKS),
        lambda facts, row: f"it belongs to {_owner(facts, row, OWN_NETWORKS)}",
    ),
    Indicator(
        "rented_network",
        -1,
        0.4,
        "the address belongs to a large cloud, where anybody can rent a server",
        lambda facts: facts.has(RENTED_NETWORKS) & ~facts.has(OWN_NETWORKS),
        lambda facts, row: f"it is in {_owner(facts, row, RENTED_NETWORKS)}, where anybody can rent a server",
    ),
    Indicator(
        "unknown_server",
        1,
        0.5,
        "no list of popular domains or large networks knows the public server",
        is_unknown,
        lambda facts, row: (
            f"no public list knows {facts.names.registered[row] or facts.pairs.addr[row]}"
            + ("" if facts.names.name[row] else ", and no name for it was seen")
        ),
    ),
    Indicator(
        "failing",
        1,
        1.5,
        f"most of {ATTEMPTS} or more TCP connections to a public server failed",
        is_failing,
        lambda facts, row: (
            f"{facts.feature('failed_share')[row]:.0%} of the newest {facts.pairs.counts[row]} connections failed"
        ),
    ),
    Indicator(
        "unnamed_tls",
        1,
        0.75,
        "TLS without a server name, where most of the site's TLS servers are named",
        is_unnamed_tls,
        lambda facts, row: (
            "TLS without a server name, where "
            f"{facts.pairs.site_tls_named[row]:.0%} of this site's TLS servers have one"
        ),
    ),
    Indicator(
        "uncommon_port",
        1,
        1.0,
        "a public server's port that no common service has",
        is_uncommon_port,
        lambda facts, row: f"port {facts.pairs.resp_p[row]} is not a standard one",
    ),
    Indicator(
        "unfit_service",
        1,
        1.0,
        "a public server speaks another protocol than its port is for",
        is_unfit_service,
        lambda facts, row: f"port {facts.pairs.resp_p[row]} is not the standard one of {facts.pairs.service[row]}",
    ),
    Indicator(
        "quic", -1, 1.0, "it is QUIC, as browsers speak it", is_quic, lambda *_: "it is QUIC, as browsers speak it"
    ),
    Indicator(
        "resolver",
        -1,
        1.0,
        "DNS queries to a resolver, as every client sends them",
        is_resolver,
        lambda *_: "these are DNS queries, as every client sends them to its resolver",
    ),
)
CODES = tuple(indicator.code for indicator in INDICATORS)


@dataclass(frozen=True, slots=True)
class ContextTerm:
    """What facts about the server add to the log-odds of the rhythm's score."""

    offset: float  # log-odds added to all
    slope: float  # by which the log-odds of the rhythm's score are multiplied
    weights: Mapping[str, float]  # by indicator, none negative

    @property
    def signed(self) -> Floats:
        """The weights with the signs of their indicators, (len(INDICATORS),)."""
        return np.array([indicator.sign * self.weights[indicator.code] for indicator in INDICATORS])

    def apply(self, rhythm: Floats, context: Floats) -> Floats:
        """The score of rhythm and context together, (n,), 0 to 1. `context`: see `measure`, (n, len(INDICATORS))."""
        return combined(self.offset, self.slope, self.signed, rhythm, context)


def combined(offset: float, slope: float, weights: Floats, rhythm: Floats, context: Floats) -> Floats:
    """A logistic regression on the log-odds of the rhythm's score and on facts, (n,). `context`: (n, len(weights))."""
    added = np.zeros(len(rhythm))
    for value, weight in zip(context.T, weights, strict=True):  # in this order, alone and in a batch
        added = added + weight * value
    odds = offset + slope * log_odds(rhythm) + added
    together: Floats = 1.0 / (1.0 + np.exp(-odds))
    return together


def measure(facts: Facts) -> Floats:
    """How far each indicator holds for each pair, (n, len(INDICATORS))."""
    return np.stack([np.asarray(one.measure(facts), dtype=np.float64) for one in INDICATORS], axis=1)


def log_odds(score: Floats) -> Floats:
    """ln(p / (1 - p)) of scores kept EDGE away from 0 and 1, (n,)."""
    kept = np.clip(score, EDGE, 1 - EDGE)
    odds: Floats = np.log(kept / (1 - kept))
    return odds


def _has_service(pairs: Pairs, services: tuple[str, ...]) -> Bools:
    known = {text: bool(set(services) & set(text.lower().split(","))) for text in set(pairs.service)}
    return np.fromiter((known[text] for text in pairs.service), dtype=np.bool_, count=len(pairs))


def _owner(facts: Facts, row: int, mask: int) -> str:
    return TAG_TEXTS[tag_names(int(facts.tags[row]) & mask)[0]]
