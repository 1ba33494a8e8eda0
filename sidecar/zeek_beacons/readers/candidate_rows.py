"""A candidate as the Zeek package emits it, whatever brought it here: checked, and joined with others of its pair.

Candidates of one pair overlap: each carries the newest observations held at its time. They are joined by start, the
later candidate's version of an observation counting, so that the last one stands and earlier history stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import numpy as np

from zeek_beacons.keys import CHANNELS, CONN
from zeek_beacons.pairs import (
    CERTIFICATE,
    CHANNEL_FACTS,
    OBSERVATION_COLUMNS,
    PROCESS,
    PROTOS,
    STATES,
    WEB_CLIENT,
    Floats,
    round_time,
)
from zeek_beacons.printable import printable, words
from zeek_beacons.readers.addresses import LONGEST_NAME, address
from zeek_beacons.readers.certificates import LONGEST_ISSUER, LONGEST_VALIDITY
from zeek_beacons.readers.intel_log import LONGEST_HIT
from zeek_beacons.readers.web_clients import LONGEST_AGENT
from zeek_beacons.traits import checked as checked_traits
from zeek_beacons.traits import read, together

REQUIRED = ("id.orig_h", "id.resp_h", "id.resp_p", "proto", "resp", "conns", "starts")
# Vectors of equal length, one element an observation; -1 or an empty state where a value is missing.
NUMBER_VECTORS = {"starts": "start", "durations": "duration", "orig_bytes": "orig_bytes", "resp_bytes": "resp_bytes"}

SITE = ("resp_hosts", "site_hosts", "site_tls_named")  # facts of the site
# What a candidate says of its newest certificate and web client, each kind with the column that is known if any is.
TRUTHS = ("cert_self_signed", "cert_valid", "no_host")
COUNTS = {"cert_days": LONGEST_VALIDITY} | dict.fromkeys(("cert_servers", "agent_hosts", *CHANNEL_FACTS), 2.0**32)
WORDS = {"cert_issuer": LONGEST_ISSUER, "user_agent": LONGEST_AGENT, "intel": LONGEST_HIT}
_NO_PROCESS: dict[str, Any] = {**dict.fromkeys(PROCESS[:-1], ""), "signed": np.nan}
_NEWEST = ((CERTIFICATE, "cert_self_signed"), (WEB_CLIENT, "no_host"))
LARGEST = {"resp_hosts": 2.0**32, "site_hosts": 2.0**32, "site_tls_named": 1.0}

# A mapping for `Pairs.build` with all pair and observation columns.
Candidate = dict[str, Any]


class UnfitError(ValueError):
    """Why something is no candidate, in words without the values found: they are counted by reason."""


def join(same: Sequence[Candidate]) -> Candidate:
    """The newest candidate, with the observations of earlier ones that it no longer holds.

    Candidates of one pair count the same connections, or those of other times: of what is counted the most that one
    of them saw stands, and what held for all connections of each holds for all.
    """
    same = sorted(same, key=lambda one: (one["start"].max(), one["conns"], one["named"], len(one["start"])))
    last = same[-1]
    for earlier in reversed(same[:-1]):
        fresh = ~np.isin(earlier["start"], last["start"])
        if fresh.any():
            last = last | {name: np.concatenate((earlier[name][fresh], last[name])) for name in OBSERVATION_COLUMNS}
    conns = max(len(last["start"]), *(candidate["conns"] for candidate in same), 0)
    named = _most(same, "named", conns)
    server_name, name_conns = _server_name(same, conns, named)
    looked_up = [candidate for candidate in same if candidate["dns_named"] == candidate["dns_named"]]  # known: no NaN
    dns_names = [candidate for candidate in looked_up if candidate["dns_name"]]
    for columns, known in _NEWEST:
        newest = next((one for one in reversed(same) if one[known] == one[known]), last)  # NaN is not known
        last = last | {name: newest[name] for name in columns}
    process = next((one for one in reversed(same) if one.get("process")), last)
    last = last | {name: process.get(name, nothing) for name, nothing in _NO_PROCESS.items()}
    return last | {
        "intel": next((one["intel"] for one in reversed(same) if one.get("intel")), ""),
        "traits": reduce(together, (one.get("traits", "") for one in same)),
        "first_ts": min(candidate["first_ts"] for candidate in same),
        "conns": conns,
        "named": named,
        "server_name": server_name,
        "name_conns": name_conns,
        "dns_name": max(dns_names, key=lambda one: one["dns_named"])["dns_name"] if dns_names else "",
        "dns_named": float(_most(looked_up, "dns_named", conns)) if looked_up else np.nan,
    }


def is_of_other_card(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two candidates of one key are of different network cards, which had the originator's address in turn."""
    card, other_card = (read(candidate.get("traits", "")).get("orig_mac") for candidate in (one, other))
    return card is not None and other_card is not None and card != other_card


def of_one_tenure(same: Sequence[Candidate]) -> tuple[Sequence[Candidate], int]:
    """Of candidates of one key those of the tenure with most connections, of equal ones of the latest.

    And the connections of the others. A tenure lasts until a candidate is of another network card.
    """
    tenures: list[list[Candidate]] = []
    known: Candidate = {}
    for one in sorted(same, key=lambda one: float(one["start"].max())):
        if not tenures or is_of_other_card(known, one):
            tenures.append([])
        known = one if "orig_mac" in read(one.get("traits", "")) else known
        tenures[-1].append(one)
    conns = [max(one["conns"] for one in tenure) for tenure in tenures]
    chosen = max(range(len(tenures)), key=lambda at: (conns[at], at))
    return tenures[chosen], sum(conns) - conns[chosen]


def _most(same: Sequence[Candidate], column: str, conns: int) -> int:
    """How many of `conns` connections have something, by how many of each candidate's have it."""
    if all(candidate[column] >= candidate["conns"] for candidate in same):
        return conns
    return int(min(conns - 1, max(candidate[column] for candidate in same)))


def _server_name(same: Sequence[Candidate], conns: int, named: int) -> tuple[str, int]:
    """The name that more than half of the named connections carried, and how many did; "" and 0 where none did."""
    by_name: dict[str, list[Candidate]] = {}
    for candidate in same:
        by_name.setdefault(candidate["server_name"], []).append(candidate)
    if len(by_name) == 1:
        (name,) = by_name
        return name, _most(same, "name_conns", conns)
    counts = {name: max(one["name_conns"] for one in found) for name, found in by_name.items() if name}
    name = max(counts, key=lambda known: (counts[known], known))
    return (name, min(counts[name], conns - 1)) if 2 * counts[name] > named else ("", 0)


def localized(candidate: Candidate, is_local: Callable[[str], bool]) -> Candidate:
    """The candidate with what is local about its ends, where Zeek did not say it."""
    told = {
        column: is_local(candidate[end]) if candidate[column] is None else candidate[column]
        for column, end in (("orig_local", "orig_h"), ("resp_local", "addr"))
    }
    return candidate | told


def uncut(row: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """The row of a log with vectors of one length again, and how many observations it says it held and does not have.

    Zeek 8.1 and later cuts the ends of long vectors where a stream's limits say so, each by itself. A candidate holds
    all its `conns` but the `dropped` ones. Raises ValueError and its like where these are no numbers.
    """
    starts = row.get("starts")
    if row.get("dropped") is None or row.get("conns") is None or not isinstance(starts, list):
        return row, 0
    said = int(row["conns"]) - int(row["dropped"])
    if len(starts) >= said:
        return row, 0
    vectors = {name: row[name] for name in (*NUMBER_VECTORS, "states") if isinstance(row.get(name), list)}
    held = min(map(len, vectors.values()))
    if not held:
        raise UnfitError("no observations: Zeek cut them while logging")
    return {**row, **{name: values[:held] for name, values in vectors.items()}}, said - held


def checked(row: Mapping[str, Any]) -> Candidate:
    """The row of a candidate by the names of beacon_candidates.log as a mapping for `Pairs.build`.

    Raises UnfitError, and TypeError or ValueError and their like where a value is of the wrong kind.
    """
    missing = [name for name in REQUIRED if row.get(name) is None]
    if missing:
        raise UnfitError(f"field {missing[0]} is missing")
    observed = {column: _numbers(row[name]) for name, column in NUMBER_VECTORS.items() if row.get(name) is not None}
    for name in ("duration", "orig_bytes", "resp_bytes"):
        values = observed[name] if name in observed else np.full(len(observed["start"]), np.nan)
        if len(values) != len(observed["start"]):
            raise UnfitError(f"{name} and starts differ in length")
        if np.fmax.reduce(values, initial=0.0) > 2.0**64:
            raise UnfitError(f"{name} impossible")
        observed[name] = values if np.fmin.reduce(values, initial=0.0) >= 0 else np.where(values < 0, np.nan, values)
    states = [str(state) for state in row.get("states") or [""] * len(observed["start"])]
    if len(states) != len(observed["start"]):
        raise UnfitError("states and starts differ in length")
    if not len(states) or not (np.abs(observed["start"]) < 1e11).all():
        raise UnfitError("start times missing or impossible")
    observed["start"] = round_time(observed["start"])
    conns, named = int(row["conns"]), int(row.get("named") or 0)
    if not 0 <= named <= conns < 2**62 or conns < len(states):
        raise UnfitError("conns and named do not fit the observations")
    names = ("service", "server_name", "dns_name", "cert_name")
    described = {name: printable(str(row.get(name) or ""), LONGEST_NAME) for name in names}
    described |= {name: words(str(row.get(name) or ""), most) for name, most in WORDS.items()}
    resp = address(str(row["resp"])) or printable(str(row["resp"]), LONGEST_NAME)
    # Older candidates name a server only where all named connections agree.
    agreed = named if described["server_name"] else 0
    name_conns = agreed if row.get("name_conns") is None else int(row["name_conns"])
    dns_named = np.nan if row.get("dns_named") is None else float(int(row["dns_named"]))
    if not 0 <= name_conns <= named or dns_named < 0 or dns_named > conns:
        raise UnfitError("conns, named and the connections of a name do not fit each other")
    first_ts = observed["start"].min() if row.get("first_ts") is None else _number(row["first_ts"])
    if not -1e11 < first_ts < 1e11:
        raise UnfitError("first_ts impossible")
    orig_h, addr, port = address(str(row["id.orig_h"])), address(str(row["id.resp_h"])), int(row["id.resp_p"])
    proto, channel = str(row["proto"]), str(row.get("channel") or CONN)
    if not resp or orig_h is None or addr is None or not 0 <= port <= 65_535 or proto not in PROTOS:
        raise UnfitError("an address, port or protocol is none")
    if channel not in CHANNELS:
        raise UnfitError(f"channel is none of {', '.join(CHANNELS)}")
    site = {name: _number(row[name]) if row.get(name) is not None else np.nan for name in SITE}
    if any(not (np.isnan(value) or 0 <= value <= LARGEST[name]) for name, value in site.items()):
        raise UnfitError("a count of hosts or a share of servers is impossible")
    return (
        observed
        | described
        | _presented(row)
        | {"traits": checked_traits(row.get("traits") or ())}
        | _NO_PROCESS
        | {
            "orig_h": orig_h,
            "resp": resp,
            "resp_p": port,
            "proto": proto,
            "channel": channel,
            "addr": addr,
            "conns": conns,
            "named": named,
            "name_conns": name_conns,
            "dns_named": dns_named,
            "orig_local": _truth(row, "local_orig"),
            "resp_local": _truth(row, "local_resp"),
            "first_ts": float(round_time(np.array(first_ts))),
            **site,
            "state": np.array([state if state in STATES else "" for state in states], dtype=np.object_),
        }
    )


def _numbers(values: Any) -> Floats:
    if isinstance(values, np.ndarray):
        return values
    return np.array([_number(value) for value in values or ()], dtype=np.float64)


def _presented(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers about certificate and web client, NaN where the row has none."""
    found = {}
    for name in TRUTHS:
        truth = _truth(row, name)
        found[name] = np.nan if truth is None else float(truth)
    for name, most in COUNTS.items():
        found[name] = np.nan if row.get(name) is None else float(int(row[name]))
        if not (np.isnan(found[name]) or 0 <= found[name] <= most):
            raise UnfitError(f"{name} impossible")
    return found


def _truth(row: Mapping[str, Any], name: str) -> bool | None:
    """A boolean as JSON or as a tab-separated log has it; None where there is none."""
    value = row.get(name)
    if value is None or isinstance(value, bool):
        return value
    if value not in ("T", "F"):
        raise UnfitError(f"{name} is neither true nor false")
    return bool(value == "T")


def _number(value: Any) -> float:
    if isinstance(value, str) and "T" in value:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return float(value)
