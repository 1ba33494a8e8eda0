"""What servers and clients presented of themselves, as columns of pairs: the newest of each, and how many did so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zeek_beacons.pairs import MICROSECONDS, Bools, Floats, Ints, Strings
from zeek_beacons.readers.certificates import DAY, LONGEST_VALIDITY, Certificates
from zeek_beacons.readers.keys import HOST_BITS, Tally
from zeek_beacons.readers.traits import PairTraits, counted
from zeek_beacons.readers.web_clients import WebClients
from zeek_beacons.traits import NO, YES, line


class Presented:
    """What connections show, by number: what the newest one of each pair showed, and which hosts showed what."""

    def __init__(self) -> None:
        self.number = np.zeros(0, dtype=np.int64)  # (pairs,), -1: none showed anything
        self.since = np.zeros(0, dtype=np.int64)  # (pairs,) start of that connection, microseconds
        self._by = Tally(HOST_BITS)

    def grow(self, size: int) -> None:
        """Makes room for so many pairs."""
        more = size - len(self.number)
        self.number = np.append(self.number, np.full(more, -1))
        self.since = np.append(self.since, np.full(more, np.iinfo(np.int64).min))

    def keep(self, kept: Bools, host: Ints) -> None:
        """Forgets the pairs that are not under this mask, and hosts whose new number is -1."""
        self.number, self.since = self.number[kept], self.since[kept]
        self._by.keep(None, host)

    def renumber(self, place: Ints) -> None:
        """Numbers what is shown anew: `place[number]`, the last one -1; what has -1 then is forgotten."""
        self.number = place[self.number]
        self._by.keep(place[:-1], None)

    def add(self, pair: Ints, start_us: Ints, number: Ints, host: Ints) -> None:
        """Takes connections, those that show nothing (-1) left out. Of those of one moment the last number counts."""
        given = number >= 0
        if not given.any():
            return
        pair, start_us, number = pair[given], start_us[given], number[given]
        self._by.add(number, host[given])
        order = np.lexsort((number, start_us, pair))
        newest = order[np.append(pair[order][1:] != pair[order][:-1], True)]
        at, since = pair[newest], self.since[pair[newest]]
        tied = (start_us[newest] == since) & (number[newest] > self.number[at])
        newest = newest[(start_us[newest] > since) | tied]
        self.number[pair[newest]], self.since[pair[newest]] = number[newest], start_us[newest]

    def hosts(self, group: Ints) -> Floats:
        """Of each number how many hosts showed one of its group, (len(group),); NaN where it has no group (-1)."""
        number, host, _ = self._by.counts()
        grouped = group[number]
        pairs = np.unique(np.stack([grouped, host]), axis=1)
        counts = np.bincount(pairs[0][pairs[0] >= 0], minlength=len(group) + 1).astype(np.float64)
        counts[-1] = np.nan
        found: Floats = counts[group]
        return found


def certificate_columns(certificates: Certificates, shown: Presented) -> dict[str, Any]:
    """The columns `pairs.CERTIFICATE`."""
    found, number = certificates.found, shown.number
    return {
        "cert_name": presented_texts([one.name for one in found], number),
        "cert_issuer": presented_texts([one.issuer for one in found], number),
        "cert_self_signed": _values([one.self_signed for one in found], number),
        "cert_valid": _values([one.valid for one in found], number),
        "cert_days": _values([one.days for one in found], number),
        "cert_servers": _values(shown.hosts(certificates.identities), number),
    }


def certificate_traits(certificates: Certificates, shown: Presented) -> list[PairTraits]:
    """What else is told of certificates."""
    found, number = certificates.found, shown.number
    begins = _values([one.begins for one in found], number)
    age = np.floor((np.where(number < 0, 0, shown.since) / MICROSECONDS - begins) / DAY)
    age[np.abs(age) > LONGEST_VALIDITY] = np.nan
    fits = {0.0: line("tls_name_mismatch", NO), 1.0: line("tls_name_mismatch", YES)}
    return [counted("cert_age_days", age), PairTraits([fits.get(one.misfit, "") for one in found], number)]


def client_columns(clients: WebClients, shown: Presented) -> dict[str, Any]:
    """The columns `pairs.WEB_CLIENT`."""
    found, number = clients.found, shown.number
    return {
        "user_agent": presented_texts([one.agent for one in found], number),
        "agent_hosts": _values(shown.hosts(clients.agents), number),
        "no_host": _values([float(one.no_host) for one in found], number),
    }


def presented_texts(texts: Sequence[str], number: Ints) -> Strings:
    """The text of each number, "" of -1."""
    return np.array([*texts, ""], dtype=np.object_)[number]  # -1 is the last


def _values(values: Sequence[float] | Floats, number: Ints) -> Floats:
    return np.append(np.asarray(values, dtype=np.float64), np.nan)[number]
