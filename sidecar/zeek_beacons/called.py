"""What a server is called: the one definition that context, incidents, reports and notices go by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.keys import HTTP, server_of
from zeek_beacons.pairs import Bools, Pairs, Strings


@dataclass(frozen=True, slots=True, eq=False)
class Called:
    """The servers of `n` pairs by name."""

    name: Strings  # (n,) as claimed, else as looked up, else as certified; "" where there is none
    claimed: Bools  # (n,) whether the client itself has said it
    looked_up: Strings  # (n,) what the client had looked the address up by, "" where it had not
    certified: Bools  # (n,) whether a public authority's certificate of the server is one for `name`


def covers(pattern: str, name: str) -> bool:
    """Whether a certificate's name (`a.example`, `*.example`) is one for a server of this name."""
    return bool(name) and (pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:]))


def called(pairs: Pairs) -> Called:
    """What at least half of each pair's connections called the server.

    A pair by name has that name. To an address the connections claim one (TLS SNI, HTTP Host), or else the client had
    got it for this address in a DNS answer, or else it is that of the server's certificate (of all servers of a domain:
    the domain), where Zeek could verify it.
    """
    usual = np.where(2 * pairs.name_conns >= pairs.conns, pairs.server_name, "")
    claim = np.where(pairs.is_named, pairs.resp, usual)
    for row in np.flatnonzero(pairs.channel == HTTP).tolist():
        server = server_of(pairs.resp[row], HTTP)
        claim[row] = "" if server == pairs.addr[row] else server
    looked_up = np.where(2 * np.nan_to_num(pairs.dns_named) >= pairs.conns, pairs.dns_name, "")
    claimed = claim != ""
    name = np.where(claimed, claim, looked_up)
    certified = np.zeros(len(pairs), dtype=np.bool_)
    for row in np.flatnonzero((pairs.cert_valid == 1) & (pairs.cert_name != "")).tolist():
        name[row] = name[row] or pairs.cert_name[row].removeprefix("*.")
        certified[row] = covers(pairs.cert_name[row], name[row]) or pairs.cert_name[row] == f"*.{name[row]}"
    return Called(name, claimed, looked_up, certified)
