"""What is known of the longest connection of a pair: by itself, for those who only pass it on. Times are seconds."""

from __future__ import annotations

from typing import NamedTuple

from zeek_beacons.keys import CONN
from zeek_beacons.store.keys import pair_number


class LongConnection(NamedTuple):
    """One row: the longest connection of a pair by address, and what its connections add up to."""

    orig_h: str
    addr: str
    resp_p: int
    proto: str
    service: str
    name: str  # of the server
    longest: float
    longest_start: float | None
    uid: str
    is_open: int
    day_sum: float  # within 24 hours; what lasts longer than that counts as 24 hours
    conns: int
    orig_bytes: float | None
    resp_bytes: float | None
    last_ts: float | None

    @property
    def id(self) -> int:
        """Of its pair."""
        return pair_number((self.orig_h, self.addr, self.resp_p, self.proto, CONN))
