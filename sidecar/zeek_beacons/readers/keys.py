"""Numbers packed into the keys of tables, and tables by such keys whose memory grows with the distinct ones only."""

from __future__ import annotations

from typing import Self

import numpy as np
import pyarrow as pa

from zeek_beacons.pairs import Ints

_PARTS = 16  # batches counted before they are added up
# Bits of what is packed into a key of 63. Hosts and names together are responders, the last bit says which.
TENURE_BITS = 20  # beside an originator
PORT_BITS, PROTO_BITS, HOST_BITS, ENDPOINT_BITS, SERVICE_BITS, NAME_BITS = 16, 2, 31, 32, 24, 31


def pack(high: Ints, low: Ints, bits: int) -> Ints:
    """Two numbers in one, `low` in the last `bits`; the whole is no negative number. Raises OverflowError."""
    for numbers, width in ((high, 63 - bits), (low, bits)):
        if len(numbers) and (numbers.min() < 0 or int(numbers.max()) >> width):
            raise OverflowError(f"numbers from {numbers.min()} to {numbers.max()} do not fit {width} bits")
    packed: Ints = (high << bits) | low
    return packed


def unpack(packed: Ints, bits: int) -> tuple[Ints, Ints]:
    """The two numbers of `pack`."""
    return packed >> bits, packed & ((1 << bits) - 1)


class Numbering:
    """Numbers 64-bit keys in order of appearance; memory grows with the distinct keys only."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, dtype=np.int64)  # sorted
        self._codes = np.zeros(0, dtype=np.int64)  # code of each sorted key

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def of(cls, keys: Ints) -> Self:
        """Numbers different keys in the order in which they stand."""
        made = cls()
        made._codes = np.argsort(keys, kind="stable")
        made._keys = keys[made._codes]
        return made

    def codes(self, keys: Ints) -> Ints:
        """The number of every key."""
        encoded = pa.array(keys, pa.int64()).dictionary_encode()  # by hashing, which takes a third of sorting
        found, which = encoded.dictionary.to_numpy(), encoded.indices.to_numpy()
        order = np.argsort(found)
        distinct = found[order]
        at = np.searchsorted(self._keys, distinct)
        known = at < len(self._keys)
        known[known] = self._keys[at[known]] == distinct[known]
        fresh = distinct[~known]
        codes = np.empty(len(distinct), dtype=np.int64)
        codes[known] = self._codes[at[known]]
        codes[~known] = np.arange(len(self), len(self) + len(fresh))
        self._codes = np.insert(self._codes, at[~known], codes[~known])
        self._keys = np.insert(self._keys, at[~known], fresh)
        numbers = np.empty_like(codes)
        numbers[order] = codes
        numbered: Ints = numbers[which]
        return numbered

    def keys(self) -> Ints:
        """All keys by their number."""
        by_code = np.empty_like(self._keys)
        by_code[self._codes] = self._keys
        return by_code


def _of(places: Ints, numbers: Ints) -> Ints:
    """The place of each number, -1 of those beyond."""
    return np.append(places, -1)[np.minimum(numbers, len(places))]


class Tally:
    """How many connections of each pair carried each of the texts seen with it, by number; memory grows with both."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._parts: list[tuple[Ints, Ints]] = []  # (pair and text, connections)

    def add(self, pair: Ints, text: Ints, weight: int = 1) -> None:
        """Counts connections, those without a text (-1) left out."""
        given = text >= 0
        keys, counts = np.unique(pack(pair[given], text[given], self._bits), return_counts=True)
        if len(keys):
            self._parts.append((keys, weight * counts))
        if len(self._parts) >= _PARTS:
            self._parts = [self._total()]

    def counts(self) -> tuple[Ints, Ints, Ints]:
        """Pairs, texts and connections, by pair."""
        keys, counts = self._total()
        return *unpack(keys, self._bits), counts

    def keep(self, pair: Ints | None, text: Ints | None) -> None:
        """Numbers pairs and texts anew, and forgets those whose number is -1 then. None: these stay."""
        high, low, counts = self.counts()
        high = high if pair is None else _of(pair, high)
        low = low if text is None else _of(text, low)
        there = (high >= 0) & (low >= 0)
        self._parts = [(pack(high[there], low[there], self._bits), counts[there])]

    def most(self, n: int) -> tuple[Ints, Ints]:
        """The most frequent text of each of `n` pairs, -1 where it has none, and its connections."""
        pair, text, counts = self.counts()
        order = np.lexsort((counts, pair))
        best, conns = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)
        best[pair[order]], conns[pair[order]] = text[order], counts[order]  # the last one written stays
        return best, conns

    def _total(self) -> tuple[Ints, Ints]:
        none = np.zeros(0, dtype=np.int64)
        keys, counts = (np.concatenate([none, *(part[at] for part in self._parts)]) for at in (0, 1))
        distinct, inverse = np.unique(keys, return_inverse=True)
        total = np.zeros(len(distinct), dtype=np.int64)
        np.add.at(total, inverse, counts)
        return distinct[total > 0], total[total > 0]
