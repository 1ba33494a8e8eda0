"""Flows that an exporter writes in several records, one for each interval in which something went over the line.

Without more a long connection would look like one that is opened anew every minute. Rows are put together by the merge
rule (`merge`); what stands here is for how long a row continues the one of its 5-tuple before it, and the state of TCP
rows by which the rule knows whether that one was left open.
"""

from __future__ import annotations

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.pairs import Bools, Floats
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.merge import BEGINS

# Seconds after which datagrams of the same ports are another flow, as in Zeek (udp_inactivity_timeout).
SILENCE = 60.0
_STATES = ("S0", "S1", "SF", "OTH")


def reach(tcp: Bools, begins: Bools, config: Config) -> Floats:
    """Seconds after the row of the same 5-tuple before it in which each row continues it, (n,)."""
    return np.where(begins, float(BEGINS), np.where(tcp, config.merge_gap, SILENCE))


def states(tcp: Bools, begins: Bools, closed: Bools, denied: Bools) -> Texts:
    """The nearest Zeek state: nobody answers what was denied; other datagrams have none here."""
    codes = np.where(denied, 0, np.where(~tcp, -1, np.where(closed, 2, np.where(begins, 1, 3))))
    return Texts(codes.astype(np.int64), _STATES)
