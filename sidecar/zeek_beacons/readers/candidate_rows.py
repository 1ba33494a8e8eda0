"""A candidate as the Zeek package emits it, whatever brought it here: checked, and joined with others of its pair.

Candidates of one pair overlap: each carries the newest observations held at its time. They are joined by start, the
later candidate's version of an observation counting, so that the last one stands and earlier history stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from zeek_beacons.pairs import OBSERVATION_COLUMNS, PROTOS, STATES, Floats, round_time
from zeek_beacons.readers.addresses import address

REQUIRED = ("id.orig_h", "id.resp_h", "id.resp_p", "proto", "resp", "conns", "starts")
# Vectors of equal length, one element an observation; -1 or an empty state where a value is missing.
NUMBER_VECTORS = {"starts": "start", "durations": "duration", "orig_bytes": "orig_bytes", "resp_bytes": "resp_bytes"}

# A mapping for `Pairs.build` with all pair and observation columns.
Candidate = dict[str, Any]


class UnfitError(ValueError):
    """Why something is no candidate, in words without the values found: they are counted by reason."""


def join(same: Sequence[Candidate]) -> Candidate:
    """The newest candidate, with the observations of earlier ones that it no longer holds."""
    same = sorted(same, key=lambda one: (one["start"].max(), one["conns"], one["named"], len(one["start"])))
    last = same[-1]
    for earlier in reversed(same[:-1]):
        fresh = ~np.isin(earlier["start"], last["start"])
        if fresh.any():
            last = last | {name: np.concatenate((earlier[name][fresh], last[name])) for name in OBSERVATION_COLUMNS}
    conns = max(len(last["start"]), *(candidate["conns"] for candidate in same), 0)
    all_named = all(candidate["named"] >= candidate["conns"] for candidate in same)
    return last | {
        "first_ts": min(candidate["first_ts"] for candidate in same),
        "conns": conns,
        "named": conns if all_named else min(conns - 1, max(candidate["named"] for candidate in same)),
        "server_name": last["server_name"] if len({candidate["server_name"] for candidate in same}) == 1 else "",
    }


def checked(row: Mapping[str, Any]) -> Candidate:
    """The row of a candidate by the names of beacon_candidates.log as a mapping for `Pairs.build`.

    Raises UnfitError, and TypeError or ValueError and their like where a value is of the wrong kind.
    """
    missing = [name for name in REQUIRED if row.get(name) is None]
    if missing:
        raise UnfitError(f"field {missing[0]} is missing")
    observed = {column: _numbers(row[name]) for name, column in NUMBER_VECTORS.items() if row.get(name) is not None}
    for name in ("duration", "orig_bytes", "resp_bytes"):
        values = observed.get(name, np.full(len(observed["start"]), np.nan))
        if len(values) != len(observed["start"]):
            raise UnfitError(f"{name} and starts differ in length")
        if (values > 2.0**64).any():
            raise UnfitError(f"{name} impossible")
        observed[name] = np.where(values < 0, np.nan, values)
    states = [str(state) for state in row.get("states") or [""] * len(observed["start"])]
    if len(states) != len(observed["start"]):
        raise UnfitError("states and starts differ in length")
    if not len(states) or not (np.abs(observed["start"]) < 1e11).all():
        raise UnfitError("start times missing or impossible")
    observed["start"] = round_time(observed["start"])
    conns, named = int(row["conns"]), int(row.get("named") or 0)
    if not 0 <= named <= conns < 2**62 or conns < len(states):
        raise UnfitError("conns and named do not fit the observations")
    first_ts = observed["start"].min() if row.get("first_ts") is None else _number(row["first_ts"])
    if not -1e11 < first_ts < 1e11:
        raise UnfitError("first_ts impossible")
    orig_h, addr, port = address(str(row["id.orig_h"])), address(str(row["id.resp_h"])), int(row["id.resp_p"])
    proto = str(row["proto"])
    if orig_h is None or addr is None or not 0 <= port <= 65_535 or proto not in PROTOS:
        raise UnfitError("an address, port or protocol is none")
    return observed | {
        "orig_h": orig_h,
        "resp": address(str(row["resp"])) or str(row["resp"]),
        "resp_p": port,
        "proto": proto,
        "addr": addr,
        "service": str(row.get("service") or ""),
        "server_name": str(row.get("server_name") or ""),
        "conns": conns,
        "named": named,
        "first_ts": float(round_time(np.array(first_ts))),
        "resp_hosts": _number(row["resp_hosts"]) if row.get("resp_hosts") is not None else np.nan,
        "site_hosts": _number(row["site_hosts"]) if row.get("site_hosts") is not None else np.nan,
        "state": np.array([state if state in STATES else "" for state in states], dtype=np.object_),
    }


def _numbers(values: Any) -> Floats:
    if isinstance(values, np.ndarray):
        return values
    return np.array([_number(value) for value in values or ()], dtype=np.float64)


def _number(value: Any) -> float:
    if isinstance(value, str) and "T" in value:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return float(value)
