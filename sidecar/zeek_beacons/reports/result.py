"""result.sqlite: what `score` concluded, in the tables of the sidecar's history, so that the same things can read both.

It has a verdict for every pair; observations, and all that is told in full, of what alerts or nearly does.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.errors import OutputError
from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.pairs import OBSERVATION_COLUMNS, PAIR_COLUMNS, STATES, Pairs
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.queries import Sources
from zeek_beacons.reports.recorded import details, judged_pairs, worth_telling
from zeek_beacons.store import about, host_owners, judged, long_connections, schema
from zeek_beacons.store.about import RESULT
from zeek_beacons.store.judged import Conclusion, JudgedPair
from zeek_beacons.store.observation_codec import pack

NAME = "result.sqlite"

_STATES = np.array(STATES, dtype=np.object_)
_DESCRIBED = tuple(name for name in PAIR_COLUMNS if name not in KEY_COLUMNS)
_PAIR_COLUMNS = (*KEY_COLUMNS, *_DESCRIBED, "observations", "touched")
_PAIR = f"INSERT INTO pairs ({', '.join(_PAIR_COLUMNS)}) VALUES ({', '.join('?' * len(_PAIR_COLUMNS))})"  # noqa: S608
_INCIDENT = "INSERT INTO incidents VALUES (?, ?, '', 0)"


def write(scored: Scored, summary: Mapping[str, Any], sources: Sources, file: Path) -> None:
    """Writes the file, which must not exist. Raises OutputError."""
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as db:
            _fill(db, scored, summary, sources, file)
    except sqlite3.Error as error:
        raise OutputError(f"{file.name}: cannot be written: {error}") from error


def _fill(db: sqlite3.Connection, scored: Scored, summary: Mapping[str, Any], sources: Sources, file: Path) -> None:
    db.execute("PRAGMA journal_mode = OFF")  # a file that is not finished is thrown away
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -64000")
    schema.prepare(db, file)
    now, model = time.time(), scored.scoring.identity
    incidents = _incidents(scored)
    every = np.arange(len(scored.pairs))
    pairs = judged_pairs(scored, every, model, incidents, sources.uids)
    full = worth_telling(scored, len(scored.pairs))
    texts = details(scored, np.array(full, dtype=np.int64), sources)
    db.execute("BEGIN")
    with schema.without_indexes(db):
        judged.store_new(db, sorted(pairs), {pairs[row].id for row in full}, now)
        long_connections.store(db, long_connections.of_pairs(scored.pairs, gone=sources.long_gone), 0)
    host_owners.store(db, host_owners.of_pairs(scored.pairs), 0)
    judged.store_noted(db, list(_noted(scored, pairs, full, texts)), now)
    db.executemany(_PAIR, _held(scored.pairs, full))
    first = scored.pairs.first_ts
    began = [float(np.nanmin(first[rows])) for rows in scored.incidents.rows]
    db.executemany(_INCIDENT, zip(scored.incidents.ids, began, strict=True))
    about.store(db, _about(scored, summary))
    about.touch(db, now)
    db.execute("COMMIT")


def _incidents(scored: Scored) -> dict[int, str]:
    of = scored.incidents.of
    return {row: scored.incidents.ids[of[row]] for row in np.flatnonzero(of >= 0).tolist()}


def _noted(scored: Scored, pairs: list[JudgedPair], full: list[int], texts: Mapping[int, str]) -> Iterable[Conclusion]:
    start, offsets = scored.pairs.start, scored.pairs.offsets
    for row in full:
        held = start[offsets[row] : offsets[row + 1]]
        yield Conclusion(pairs[row], texts.get(row), held if pairs[row].level else None)


def _held(pairs: Pairs, rows: list[int]) -> Iterable[tuple[Any, ...]]:
    """Rows of the table `pairs`, which are the same as the sidecar's."""
    columns = [getattr(pairs, name)[rows].tolist() for name in (*KEY_COLUMNS, *_DESCRIBED)]
    for row, described in zip(rows, zip(*columns, strict=True), strict=True):
        held = slice(*pairs.offsets[row : row + 2])
        observed = {name: getattr(pairs, name)[held] for name in OBSERVATION_COLUMNS}
        observed["state"] = _STATES[observed["state"]]
        yield (*(None if value != value else value for value in described), pack(observed), 0)


def _about(scored: Scored, summary: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: summary[name] for name in ("profile", "thresholds") if name in summary}
    settings = summary.get("settings", {})
    return told | {
        "kind": RESULT,
        "model": scored.scoring.identity,
        "calibrated": scored.verdicts.calibrated,
        "threshold": float(scored.verdicts.threshold),
        "min_connections": settings.get("min_connections"),
        "summary": dict(summary),
    }
