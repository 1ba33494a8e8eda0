"""Popular domains as sorted hashes of 40 bits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Hashes: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.uint8]]  # the upper 32 bits, and the lower 8


def hashes_of(domains: Iterable[str]) -> Hashes:
    """40 bits of BLAKE2b of each domain, in ASCII.

    A domain that is not among a million stored ones meets the hash of one by chance one time in a million.
    """
    digests = b"".join(hashlib.blake2b(domain.encode(), digest_size=5).digest() for domain in domains)
    octets = np.frombuffer(digests, dtype=np.uint8).reshape(-1, 5)
    upper = np.ascontiguousarray(octets[:, :4]).view(">u4").ravel().astype(np.uint32)
    return upper, octets[:, 4].copy()


@dataclass(frozen=True, slots=True, eq=False)
class PopularDomains:
    """Hashes in order, one run for each rank: `ends[i]` is where the run of `ranks[i]` ends."""

    upper: NDArray[np.uint32]
    lower: NDArray[np.uint8]
    ranks: Sequence[int]  # rising
    ends: Sequence[int]

    def rank(self, domains: Sequence[str]) -> NDArray[np.float64]:
        """The rank of the best run that holds each domain, NaN where none does, (n,)."""
        found = np.full(len(domains), np.nan)
        rows = np.array([row for row, domain in enumerate(domains) if domain], dtype=np.intp)
        upper, lower = hashes_of(domains[row] for row in rows)
        start = 0
        for rank, end in zip(self.ranks, self.ends, strict=True):
            hit = _among((self.upper[start:end], self.lower[start:end]), upper, lower)
            found[rows[hit]] = rank
            rows, upper, lower, start = rows[~hit], upper[~hit], lower[~hit], end
        return found


def _among(stored: Hashes, upper: NDArray[np.uint32], lower: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which hashes are among the stored ones, which are in order, (n,)."""
    stored_upper, stored_lower = stored
    at = np.searchsorted(stored_upper, upper, side="left")
    after = np.searchsorted(stored_upper, upper, side="right")
    hit = np.zeros(len(upper), dtype=np.bool_)
    while (open_ := np.flatnonzero(at < after)).size:  # as often as upper bits repeat: twice in a million
        hit[open_] |= stored_lower[at[open_]] == lower[open_]
        at[open_] += 1
    return hit
