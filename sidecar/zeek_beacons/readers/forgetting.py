"""The collector of what is followed without an end: it forgets pairs, and what no pair shows any more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons.pairs import Bools, Ints
from zeek_beacons.readers.columns import joined
from zeek_beacons.readers.reservoir import Collector, rows_behind


class ForgettingCollector(Collector):
    """A `Collector` that holds a bounded number of pairs and observations: to be called after `pairs`."""

    def bound(self, pairs: int, rows: int) -> tuple[int, int]:
        """Forgets the pairs that were seen least lately, beyond so many, and the oldest observations of the longest.

        Returns how many pairs and how many observations it forgot.
        """
        beyond = 0
        if len(self._table) > pairs:
            beyond = len(self._table) - (pairs - pairs // 8)  # more than needed: this costs as much as a look at all
            self._forget_pairs(beyond)
        held = self._rows[0] if self._rows else None
        cut = 0
        if held is not None and len(held) > rows:
            most, counts = self.config.max_observations, np.bincount(held.pair)
            while most > 1 and int(np.minimum(counts, most).sum()) > rows:
                most //= 2
            kept = rows_behind(held.pair) <= most
            cut = int((~kept).sum())
            self._rows = [held.take(kept)]
            self._settled = len(self._rows[0])
        return beyond, cut

    def renumber_shown(self) -> list[Ints]:
        """Numbers what logs beside tell anew, so that nothing is numbered that no pair shows any more.

        Returns the old numbers by the new ones, of certificates, clients, hits, traits by source, and names looked up.
        """
        loose = joined(self._loose) if self._loose else None
        columns: list[Ints] = [np.zeros(0, dtype=np.int64)] * len(self._table.shown())
        if loose is not None:
            columns = [loose.certificate, loose.client, loose.hit, *loose.traits.T]
        used, places = [], []
        for shown, column in zip(self._table.shown(), columns, strict=True):
            used.append(_used(shown.number, column))
            places.append(_place(used[-1], shown.number, column))
            shown.renumber(places[-1])
        if loose is not None:
            told = [place[column] for place, column in zip(places, columns, strict=True)]
            traits = np.stack(told[3:], axis=1) if told[3:] else loose.traits
            self._loose = [replace(loose, certificate=told[0], client=told[1], hit=told[2], traits=traits)]
        counted, rows = self._table.dns_names().counts()[1], joined(self._rows) if self._rows else None
        dns = np.zeros(0, dtype=np.int64) if rows is None else rows.dns.astype(np.int64)
        used.append(_used(counted, dns))
        place = _place(used[-1], counted, dns)
        self._table.dns_names().keep(None, place)
        if rows is not None:
            self._rows = [replace(rows, dns=np.where(dns < 0, dns, place[dns]).astype(np.int32))]
        return used

    def _forget_pairs(self, many: int) -> None:
        """Forgets so many pairs, and with them the hosts and names that no other one has."""
        rows = self._rows[0]
        seen = np.full(len(self._table), np.iinfo(np.int64).min)
        np.maximum.at(seen, rows.pair, rows.start_us)
        kept = np.ones(len(self._table), dtype=np.bool_)
        kept[np.argpartition(seen, many)[:many]] = False
        rows = rows.take(kept[rows.pair])
        loose = joined(self._loose) if self._loose else None
        hosts, names = self._table.used(kept, len(self._hosts.values), len(self._names.values))
        hosts[rows.addr] = True
        names[rows.name[rows.name >= 0]] = True
        if loose is not None:
            hosts[loose.orig_h] = hosts[loose.resp_h] = True
            names[loose.name[loose.name >= 0]] = True
        place = self._table.keep(kept, _places(hosts), _places(names))
        host, name = _places(hosts), np.append(_places(names), -1)
        self._hosts, self._names = self._hosts.only(hosts), self._names.only(names)
        self._local = []
        self._gone.longest = {int(place[pair]): told for pair, told in self._gone.longest.items() if kept[pair]}
        self._rows = [
            replace(
                rows,
                pair=place[rows.pair].astype(np.int32),
                addr=host[rows.addr].astype(np.int32),
                name=name[rows.name].astype(np.int32),
            )
        ]
        self._settled = len(rows)
        if loose is not None:
            there = {"orig_h": host[loose.orig_h], "resp_h": host[loose.resp_h], "name": name[loose.name]}
            self._loose = [replace(loose, **there)]


def _used(*numbers: Ints) -> Ints:
    """Which numbers there are, without those of nothing."""
    distinct: Ints = np.unique(np.concatenate(numbers))
    return distinct[distinct >= 0]


def _place(used: Ints, *numbers: Ints) -> Ints:
    """The place of each number among those used, -1 of others; one more at the end, for the number -1."""
    place = np.full(int(max((column.max(initial=-1) for column in numbers), default=-1)) + 2, -1, dtype=np.int64)
    place[used] = np.arange(len(used))
    return place


def _places(kept: Bools) -> Ints:
    """The place of each element among those kept; of the others -1."""
    return np.where(kept, np.cumsum(kept) - 1, -1)
