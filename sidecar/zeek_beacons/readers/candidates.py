"""beacon_candidates.log, as the Zeek package writes it: each line a pair with its observations.

Candidates of one pair overlap: each carries the newest observations held at its time. They are joined by start, the
later candidate's version of an observation counting, so that the last one stands and earlier history stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import compress
from typing import Any

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import KEY_COLUMNS, OBSERVATION_COLUMNS, PROTOS, STATES, Pairs, round_time
from zeek_beacons.readers.addresses import address, has_direction, locality
from zeek_beacons.readers.files import Progress, blocks
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.zeek_rows import Header

REQUIRED = ("id.orig_h", "id.resp_h", "id.resp_p", "proto", "resp", "conns", "starts")
# Vectors of equal length, one element an observation; -1 or an empty state where a value is missing.
NUMBER_VECTORS = {"starts": "start", "durations": "duration", "orig_bytes": "orig_bytes", "resp_bytes": "resp_bytes"}
LONGEST_GOOD_LINE = 16 << 20  # bytes

Candidate = dict[str, Any]


class _UnfitError(ValueError):
    """Why a line is no candidate, in words without the values found: they are counted by reason."""


def candidates(path: str, head: bytes, ingest: Ingest, progress: Progress | None) -> list[Candidate]:
    """The candidates of one log as mappings for `Pairs.build`; bad lines are counted in `ingest`."""
    rows = _json_rows if head.lstrip().startswith(b"{") else _tsv_rows
    found: list[Candidate] = []
    for line, text, row in rows(path, progress):
        ingest.rows += 1
        try:
            found.append(_candidate(row() if callable(row) else row))
        except _UnfitError as error:
            ingest.skip(f"not a candidate: {error}", path, line, text)
        except (TypeError, ValueError, AttributeError, OverflowError, RecursionError):
            ingest.skip("not a candidate: a value of the wrong kind", path, line, text)
    return found


def joined(
    candidates: Sequence[Candidate],
    config: Config,
    ingest: Ingest,
    begin: float | None = None,
    until: float | None = None,
) -> Pairs:
    """One pair for all candidates with its key, of the direction and the time asked for."""
    by_key: dict[tuple[Any, ...], list[Candidate]] = {}
    for candidate in _within(_directed(candidates, config, ingest), begin, until, ingest):
        by_key.setdefault(tuple(candidate[name] for name in KEY_COLUMNS), []).append(candidate)
    ordered = sorted(by_key.items(), key=lambda item: (*item[0][:-1], PROTOS.index(item[0][-1])))
    pairs = Pairs.build(_join(same) for _, same in ordered).latest(config.max_observations)
    if len(pairs.start):
        starts = np.sort(np.rint(pairs.start * 1e6).astype(np.int64))
        ingest.times(starts, starts)
    return pairs


def _directed(candidates: Sequence[Candidate], config: Config, ingest: Ingest) -> Sequence[Candidate]:
    if config.direction == "any" or not candidates:
        return candidates
    is_local = locality(config.local_nets)
    local = [np.array([is_local(candidate[end]) for candidate in candidates]) for end in ("orig_h", "addr")]
    kept = list(compress(candidates, has_direction(config.direction, *local)))
    if len(kept) < len(candidates):
        ingest.outside[f"not {config.direction}"] += len(candidates) - len(kept)
    return kept


def _within(
    candidates: Sequence[Candidate], begin: float | None, until: float | None, ingest: Ingest
) -> Iterator[Candidate]:
    """The candidates with their observations in the time range; one that is cut counts only what it still holds."""
    low, high = -np.inf if begin is None else begin, np.inf if until is None else until
    for candidate in candidates:
        inside = (candidate["start"] >= low) & (candidate["start"] < high)
        held = int(inside.sum())
        if not held:
            ingest.outside["outside the time range"] += 1
        elif held == len(inside) and candidate["first_ts"] >= low:
            yield candidate
        else:
            named = held if candidate["named"] == candidate["conns"] else min(candidate["named"], held - 1)
            yield candidate | {
                **{name: candidate[name][inside] for name in OBSERVATION_COLUMNS},
                "first_ts": candidate["start"][inside].min(),
                "conns": held,
                "named": named,
            }


def _join(same: list[Candidate]) -> Candidate:
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


def _candidate(row: Mapping[str, Any]) -> Candidate:
    missing = [name for name in REQUIRED if row.get(name) is None]
    if missing:
        raise _UnfitError(f"field {missing[0]} is missing")
    observed = {
        column: np.array([_number(value) for value in row[name] or ()], dtype=np.float64)
        for name, column in NUMBER_VECTORS.items()
        if row.get(name) is not None
    }
    for name in ("duration", "orig_bytes", "resp_bytes"):
        values = observed.get(name, np.full(len(observed["start"]), np.nan))
        if len(values) != len(observed["start"]):
            raise _UnfitError(f"{name} and starts differ in length")
        if (values > 2.0**64).any():
            raise _UnfitError(f"{name} impossible")
        observed[name] = np.where(values < 0, np.nan, values)
    states = [str(state) for state in row.get("states") or [""] * len(observed["start"])]
    if len(states) != len(observed["start"]):
        raise _UnfitError("states and starts differ in length")
    if not len(states) or not (np.abs(observed["start"]) < 1e11).all():
        raise _UnfitError("start times missing or impossible")
    observed["start"] = round_time(observed["start"])
    conns, named = int(row["conns"]), int(row.get("named") or 0)
    if not 0 <= named <= conns < 2**62 or conns < len(states):
        raise _UnfitError("conns and named do not fit the observations")
    first_ts = observed["start"].min() if row.get("first_ts") is None else _number(row["first_ts"])
    if not -1e11 < first_ts < 1e11:
        raise _UnfitError("first_ts impossible")
    orig_h, addr, port = address(str(row["id.orig_h"])), address(str(row["id.resp_h"])), int(row["id.resp_p"])
    proto = str(row["proto"])
    if orig_h is None or addr is None or not 0 <= port <= 65_535 or proto not in PROTOS:
        raise _UnfitError("an address, port or protocol is none")
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


def _number(value: Any) -> float:
    if isinstance(value, str) and "T" in value:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return float(value)


def _lines(path: str, progress: Progress | None) -> Iterator[tuple[int, str]]:
    for block in blocks(path, progress):
        for offset, data in enumerate(block.data.split(b"\n")):
            if len(data) > LONGEST_GOOD_LINE:
                data = data[:200]  # cannot parse, and is told as a bad line
            if data.strip():
                yield block.line + offset, data.decode("utf-8", "replace").rstrip("\r")


def _json_rows(path: str, progress: Progress | None) -> Iterator[tuple[int, str, Any]]:
    for line, text in _lines(path, progress):
        yield line, text, lambda text=text: json.loads(text)


def _tsv_rows(path: str, progress: Progress | None) -> Iterator[tuple[int, str, Any]]:
    header = Header()
    for line, text in _lines(path, progress):
        if text.startswith("#"):
            header.read(text)
            missing = [name for name in REQUIRED if name not in header.fields]
            if text.startswith("#fields") and missing:
                raise InputError(path, f"column {', '.join(missing)} missing in #fields", line)
        elif not header.fields:
            raise InputError(path, "rows before any #fields line: not a Zeek log", line)
        else:
            yield line, text, lambda text=text: _tsv_row(text, header)


def _tsv_row(text: str, header: Header) -> Mapping[str, Any]:
    values = text.split(header.separator)
    if len(values) != len(header.fields):
        raise _UnfitError("too few fields" if len(values) < len(header.fields) else "too many fields")
    row: dict[str, Any] = {}
    for name, value in zip(header.fields, values, strict=True):
        if value == header.unset:
            row[name] = None
        elif name in NUMBER_VECTORS or name == "states":
            row[name] = [] if value == header.empty else value.split(header.set_separator)
        else:
            row[name] = "" if value == header.empty else value.replace("\\\\", "\\")  # Zeek's writer doubles them
    return row
