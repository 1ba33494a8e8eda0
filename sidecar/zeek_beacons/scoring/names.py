"""What a pair's server is called, who says so, and what public lists say of that name and of the address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from zeek_beacons.called import called
from zeek_beacons.knowledge import CDNS, OPERATORS, Knowledge
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs, Strings


@dataclass(frozen=True, slots=True, eq=False)
class ServerNames:
    """The servers of `n` pairs by name, as `called.called` has it.

    A client claims a name (TLS SNI, HTTP Host) and may claim any. A second witness confirms it: the client looked the
    name's registered domain up and was told this address, or the address lies in a network of the name's own operator,
    or the server presented a certificate for it that Zeek could verify.
    A claim is false where the client was told this address for another domain, and the address lies in no network that
    serves many names.
    """

    name: Strings  # (n,) as claimed, or as looked up where nothing was claimed; "" where there is none
    looked_up: Strings  # (n,) what the client had looked the address up by, "" where it had not
    claimed: Bools  # (n,) whether the client itself has claimed it
    confirmed: Bools  # (n,) whether somebody else than the client says so
    false: Bools  # (n,) whether the claim is a false one
    registered: Strings  # (n,) registered domain of `name`, "" where there is none
    rank: Floats  # (n,) of the registered domain by popularity, NaN where in no list; see `Knowledge.names`
    name_tags: Ints  # (n,) of the name, see `knowledge.TAGS`
    address_tags: Ints  # (n,) of the address

    @classmethod
    def of(cls, pairs: Pairs, known: Knowledge) -> Self:
        """Looks up what `known` says of the names and addresses of pairs."""
        server = called(pairs)
        name, claimed, told = server.name, server.claimed, server.looked_up
        facts, looked_up = known.names(name), known.names(told)
        name_tags = facts.tags.astype(np.int64)
        address_tags = known.addresses(pairs.addr).astype(np.int64)
        asked = looked_up.registered != ""
        same = asked & (looked_up.registered == facts.registered)
        own_network = (name_tags & address_tags & (OPERATORS | CDNS)) != 0
        serves_many = (address_tags & (OPERATORS | CDNS)) != 0
        confirmed = (~claimed & (name != "")) | same | own_network | server.certified
        return cls(
            name=name,
            looked_up=told,
            claimed=claimed,
            confirmed=confirmed,
            false=claimed & asked & ~same & ~own_network & ~serves_many,
            registered=facts.registered,
            rank=facts.rank,
            name_tags=name_tags,
            address_tags=address_tags,
        )
