"""What a server is called: the one definition that context, incidents, reports and notices go by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import Bools, Pairs, Strings


@dataclass(frozen=True, slots=True, eq=False)
class Called:
    """The servers of `n` pairs by name."""

    name: Strings  # (n,) as claimed, or as looked up where nothing was claimed; "" where there is none
    claimed: Bools  # (n,) whether the client itself has said it
    looked_up: Strings  # (n,) what the client had looked the address up by, "" where it had not


def called(pairs: Pairs) -> Called:
    """What at least half of each pair's connections called the server.

    A pair by name has that name. To an address the connections claim one (TLS SNI, HTTP Host), or else the client had
    got it for this address in a DNS answer.
    """
    usual = np.where(2 * pairs.name_conns >= pairs.conns, pairs.server_name, "")
    claim = np.where(pairs.is_named, pairs.resp, usual)
    looked_up = np.where(2 * np.nan_to_num(pairs.dns_named) >= pairs.conns, pairs.dns_name, "")
    claimed = claim != ""
    return Called(np.where(claimed, claim, looked_up), claimed, looked_up)
