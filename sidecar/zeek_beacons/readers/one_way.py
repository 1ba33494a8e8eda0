"""Records of one direction, as NetFlow and cloud flow logs hold them: which ones are the answers."""

from __future__ import annotations

from zeek_beacons.pairs import Bools
from zeek_beacons.readers.columns import Batch

HIGH_PORT = 1024


def answering(flows: Batch) -> Bools:
    """Rows from a well-known port to a high one, nothing coming back: the responder's half of a connection."""
    low_to_high: Bools = (flows.orig_p > 0) & (flows.orig_p < HIGH_PORT) & (flows.resp_p >= HIGH_PORT)
    return low_to_high & ~(flows.resp_bytes > 0)
