"""beacon_candidates.log, as the Zeek package writes it: each line a pair with its observations.

Candidates of one pair overlap: each carries the newest observations held at its time. They are joined by start, the
later candidate's version of an observation counting, so that the last one stands and earlier history stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import KEY_COLUMNS, PROTOS, STATES, Pairs
from zeek_beacons.readers.addresses import address
from zeek_beacons.readers.files import Progress, blocks
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.zeek_rows import Header

REQUIRED = ("id.orig_h", "id.resp_h", "id.resp_p", "proto", "resp", "conns", "starts")
# Vectors of equal length, one element an observation; -1 or an empty state where a value is missing.
NUMBER_VECTORS = {"starts": "start", "durations": "duration", "orig_bytes": "orig_bytes", "resp_bytes": "resp_bytes"}
LONGEST_GOOD_LINE = 16 << 20  # bytes

Candidate = dict[str, Any]


def candidates(path: str, head: bytes, ingest: Ingest, progress: Progress | None) -> list[Candidate]:
    """The candidates of one log as mappings for `Pairs.build`; bad lines are counted in `ingest`."""
    rows = _json_rows if head.lstrip().startswith(b"{") else _tsv_rows
    found: list[Candidate] = []
    for line, text, row in rows(path, progress):
        ingest.rows += 1
        try:
            found.append(_candidate(row() if callable(row) else row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"field {error} is missing" if type(error) is KeyError else f"not a candidate ({error})"
            ingest.skip(problem, path, line, text)
    return found


def joined(candidates: Sequence[Candidate], config: Config, ingest: Ingest) -> Pairs:
    """One pair for all candidates with its key, in the order they were written."""
    by_key: dict[tuple[Any, ...], list[Candidate]] = {}
    for candidate in candidates:
        by_key.setdefault(tuple(candidate[name] for name in KEY_COLUMNS), []).append(candidate)
    ordered = sorted(by_key.items())
    pairs = Pairs.build(_join(same) for _, same in ordered).latest(config.max_observations)
    if len(pairs.start):
        starts = np.sort(np.rint(pairs.start * 1e6).astype(np.int64))
        ingest.times(starts, starts)
    return pairs


def _join(same: list[Candidate]) -> Candidate:
    """The last candidate, with the observations of earlier ones that it no longer holds."""
    last = same[-1]
    for earlier in reversed(same[:-1]):
        fresh = ~np.isin(earlier["start"], last["start"])
        if fresh.any():
            columns = ("start", "duration", "orig_bytes", "resp_bytes", "state")
            last = last | {name: np.concatenate((earlier[name][fresh], last[name])) for name in columns}
    return last | {
        "first_ts": min(candidate["first_ts"] for candidate in same),
        "conns": max(len(last["start"]), *(candidate["conns"] for candidate in same), 0),
    }


def _candidate(row: Mapping[str, Any]) -> Candidate:
    missing = [name for name in REQUIRED if row.get(name) is None]
    if missing:
        raise KeyError(missing[0])
    observed = {
        column: np.array([_number(value) for value in row[name] or ()], dtype=np.float64)
        for name, column in NUMBER_VECTORS.items()
        if row.get(name) is not None
    }
    for name in ("duration", "orig_bytes", "resp_bytes"):
        values = observed.get(name, np.full(len(observed["start"]), np.nan))
        if len(values) != len(observed["start"]):
            raise ValueError(f"{name}: {len(values)} values for {len(observed['start'])} starts")
        observed[name] = np.where(values < 0, np.nan, values)
    states = [str(state) for state in row.get("states") or [""] * len(observed["start"])]
    if len(states) != len(observed["start"]):
        raise ValueError(f"states: {len(states)} values for {len(observed['start'])} starts")
    if not len(states) or not np.isfinite(observed["start"]).all():
        raise ValueError("no start times")
    orig_h, addr, port = address(str(row["id.orig_h"])), address(str(row["id.resp_h"])), int(row["id.resp_p"])
    proto = str(row["proto"])
    if orig_h is None or addr is None or not 0 <= port <= 65_535 or proto not in PROTOS:
        raise ValueError("address, port or protocol is none")
    return observed | {
        "orig_h": orig_h,
        "resp": address(str(row["resp"])) or str(row["resp"]),
        "resp_p": port,
        "proto": proto,
        "addr": addr,
        "service": str(row.get("service") or ""),
        "server_name": str(row.get("server_name") or ""),
        "conns": int(row["conns"]),
        "named": int(row.get("named") or 0),
        "first_ts": _number(row["first_ts"]) if row.get("first_ts") is not None else observed["start"].min(),
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
        for offset, data in enumerate(block.data.splitlines()):
            if len(data) > LONGEST_GOOD_LINE:
                data = data[:200]  # cannot parse, and is told as a bad line
            if data.strip():
                yield block.line + offset, data.decode("utf-8", "replace")


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
        raise ValueError(f"{len(values)} fields instead of {len(header.fields)}")
    row: dict[str, Any] = {}
    for name, value in zip(header.fields, values, strict=True):
        if value == header.unset:
            row[name] = None
        elif name in NUMBER_VECTORS or name == "states":
            row[name] = [] if value == header.empty else value.split(header.set_separator)
        else:
            row[name] = "" if value == header.empty else value
    return row
