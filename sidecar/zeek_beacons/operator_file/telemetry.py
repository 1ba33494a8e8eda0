"""Connections from a collector that is not Zeek, as they wait in operator.sqlite, and the candidates that they form.

A connection is a mapping by the names of conn.log: ts, duration, id.orig_h, id.orig_p, id.resp_h, id.resp_p, proto,
service, server_name, orig_bytes, resp_bytes, conn_state, uid. As on Zeek's side, those with a name form a pair by name
beside the pair by address.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zeek_beacons.readers.candidate_rows import Candidate as Row
from zeek_beacons.readers.candidate_rows import UnfitError, checked

ORIGIN = "telemetry"  # in place of a Zeek node's name
Connection = Mapping[str, Any]


def rows(connections: Iterable[Connection]) -> tuple[list[tuple[Row, Connection]], int]:
    """A candidate's row for each pair, with its newest connection; and how many connections fit in none."""
    pairs: defaultdict[tuple[Any, ...], list[Connection]] = defaultdict(list)
    for one in connections:
        end = (one["id.orig_h"], one["id.resp_p"], one["proto"])
        pairs[one["id.resp_h"], *end].append(one)
        if one.get("server_name"):
            pairs[one["server_name"], *end].append(one)
    found, bad = [], 0
    for (resp, *_), same in pairs.items():
        newest = max(same, key=lambda one: one["ts"])
        try:
            found.append((checked(_candidate(resp, same, newest)), newest))
        except (UnfitError, TypeError, ValueError, OverflowError):
            bad += len(same)
    return found, bad


def _candidate(resp: str, same: Sequence[Connection], newest: Connection) -> dict[str, Any]:
    """The fields of a candidate, as beacon_candidates.log has them."""
    named = Counter(one["server_name"] for one in same if one.get("server_name"))
    name, most = named.most_common(1)[0] if named else ("", 0)
    agreed = 2 * most > named.total()
    services = Counter(one["service"] for one in same if one.get("service"))
    ends = {name: newest[name] for name in ("id.orig_h", "id.resp_h", "id.resp_p", "proto")}
    return ends | {
        "resp": resp,
        "service": services.most_common(1)[0][0] if services else "",
        "conns": len(same),
        "named": named.total(),
        "server_name": name if agreed else "",
        "name_conns": most if agreed else 0,
        "starts": [one["ts"] for one in same],
        "durations": [_or_missing(one.get("duration")) for one in same],
        "orig_bytes": [_or_missing(one.get("orig_bytes")) for one in same],
        "resp_bytes": [_or_missing(one.get("resp_bytes")) for one in same],
        "states": [one.get("conn_state") or "" for one in same],
    }


def _or_missing(value: float | None) -> float:
    return -1.0 if value is None else value
