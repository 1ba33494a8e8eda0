"""A pair between the history's table and what is judged: a mapping as for `Pairs.build`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from zeek_beacons.keys import KEY_COLUMNS, Key
from zeek_beacons.live.history.store import Stored
from zeek_beacons.pairs import CERTIFICATE, CHANNEL_FACTS, OBSERVATION_COLUMNS, PRESENTED_NUMBERS, PROCESS, WEB_CLIENT
from zeek_beacons.readers.candidate_rows import SITE
from zeek_beacons.store.observation_codec import pack, unpack

# As in the history's table.
STORED = (
    *("addr", "service", "server_name", "conns", "named", "first_ts", "resp_hosts", "site_hosts"),
    *("dns_name", "name_conns", "dns_named", "orig_local", "resp_local", "site_tls_named"),
    *(*CERTIFICATE, *WEB_CLIENT, *CHANNEL_FACTS, "traits", *PROCESS, "intel"),
)
_NUMBERS = (*SITE, "dns_named", *PRESENTED_NUMBERS, *CHANNEL_FACTS, "signed")  # NaN where it is not known

Row = Mapping[str, Any]


def newest(row: Row, most: int, oldest: float) -> Row:
    """The row with its newest observations only, none of them older than `oldest`."""
    start = row["start"]
    if len(start) <= most and start.min() >= oldest:
        return row
    order = np.argsort(start, kind="stable")[-most:]
    order = order[start[order] >= oldest]
    return dict(row) | {name: row[name][order] for name in OBSERVATION_COLUMNS}


def to_store(row: Row) -> Stored:
    """The row as the history's table has it."""
    described = (None if row[name] != row[name] else row[name] for name in STORED)  # NaN is no SQL value
    return (*described, pack(row))


def from_store(key: Key, stored: Stored) -> Row:
    """What the history's table has of a pair. Raises ObservationsError."""
    described = dict(zip(STORED, stored, strict=False))
    measured = {name: math.nan if described[name] is None else described[name] for name in _NUMBERS}
    local = {name: None if described[name] is None else bool(described[name]) for name in ("orig_local", "resp_local")}
    if described["name_conns"] is None:  # written before names went by majority: all named connections agreed
        described["name_conns"] = described["named"] if described["server_name"] else 0
    return dict(zip(KEY_COLUMNS, key, strict=True)) | described | measured | local | unpack(stored[-1])
