"""Verdicts as rows of a history or of result.sqlite: the one way for the sidecar and for `score`.

Columns of a whole batch are made at once; what is told in full is made for each pair that is worth it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.called import called
from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.pairs import Floats, Ints
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports import counting
from zeek_beacons.reports.facts import PairFacts, facts
from zeek_beacons.reports.outside import remark
from zeek_beacons.reports.queries import Sources
from zeek_beacons.reports.sentence import ServerFacts, reason_texts, reason_value, sentence
from zeek_beacons.scoring import rules
from zeek_beacons.scoring.considered import HeldAgainst, considered
from zeek_beacons.scoring.context_term import CODES
from zeek_beacons.scoring.reasons import REASONS
from zeek_beacons.store.judged import JudgedPair
from zeek_beacons.store.keys import packed, pair_number
from zeek_beacons.verdicts import KINDS, LABELS, SUPPRESSIONS

PARTS = 24  # of a sparkline

INDICATOR_LIST = "indicator_list"  # code of the reason that a pair is on one
_SERVER = frozenset((*CODES, INDICATOR_LIST))
_FACTS = tuple(one.name for one in fields(PairFacts))


def judged_pairs(
    scored: Scored,
    rows: Ints,
    model: str,
    incidents: Mapping[int, str] | None = None,
    uids: Mapping[int, Sequence[str]] | None = None,
    sensor: str = "",
) -> list[JudgedPair]:
    """The pairs at `rows`. `incidents`, `uids`: of some rows."""
    chosen, verdicts = scored.pairs.take(rows), scored.verdicts.take(rows)
    alerts, level = verdicts.alerts, verdicts.severity
    where, seen = incidents or {}, uids or {}
    spark, begin = sparks(chosen.start, chosen.offsets)
    at = rows.tolist()
    keys = [getattr(chosen, name).tolist() for name in KEY_COLUMNS]
    columns: tuple[Iterable[Any], ...] = (
        map(pair_number, zip(*keys, strict=True)),
        *keys,
        map(packed, keys[0]),
        chosen.addr.tolist(),
        map(packed, chosen.addr.tolist()),
        chosen.service.tolist(),
        called(chosen).name.tolist(),
        _named(KINDS, verdicts.kind),
        _named(LABELS, verdicts.label),
        level.tolist(),
        np.where(alerts, level, 0).tolist(),
        scored.near_miss[rows].astype(int).tolist(),
        _named(SUPPRESSIONS, verdicts.suppressed),
        (scored.allowed_by.get(row, "") for row in at),
        _known(verdicts.score),
        [int(verdicts.calibrated)] * len(rows),
        [float(verdicts.threshold)] * len(rows),
        _known(verdicts.sleep),
        _known(verdicts.jitter),
        chosen.conns.tolist(),
        chosen.named.tolist(),
        chosen.counts.tolist(),
        verdicts.needed.tolist(),
        _known(chosen.first_ts),
        _known(chosen.last_ts),
        spark,
        _known(begin),
        (where.get(row, "") for row in at),
        [model] * len(rows),
        [sensor] * len(rows),
        (" ".join(seen.get(row, ())) for row in at),
    )
    return list(map(JudgedPair._make, zip(*columns, strict=True)))


def sparks(start: Floats, offsets: Ints) -> tuple[list[bytes], Floats]:
    """Connections in PARTS equal parts of the time that each pair's cover, 255 at most in one, and when that begins."""
    counts = np.diff(offsets)
    owner = np.repeat(np.arange(len(counts)), counts)
    begin, end = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    some = counts > 0
    begin[some], end[some] = start[offsets[:-1][some]], start[offsets[1:][some] - 1]
    length = np.maximum(end - begin, 1e-6)
    part = np.minimum((start - begin[owner]) * (PARTS / length[owner]), PARTS - 1).astype(np.int64)
    held = np.bincount(owner * PARTS + part, minlength=len(counts) * PARTS)
    flat = np.minimum(held, 255).astype(np.uint8).tobytes()
    return [flat[at : at + PARTS] for at in range(0, len(flat), PARTS)], begin


def worth_telling(scored: Scored, n: int) -> list[int]:
    """Which of the first `n` rows alert, nearly do or are on an indicator list: those that are told of in full."""
    rows = np.flatnonzero((scored.verdicts.alerts | scored.near_miss)[:n]).tolist()
    on_lists = [row for row in scored.listed_quiet.tolist() if row < n]
    return sorted({*rows, *on_lists}) if on_lists else rows


def details(
    scored: Scored,
    rows: Ints,
    sources: Sources | None = None,
    reasons: Mapping[int, Sequence[Mapping[str, Any]]] | None = None,
) -> dict[int, str]:
    """All that is told of the pairs at `rows`, as JSON by row. `reasons`: where made already."""
    if not len(rows):
        return {}
    looked = _considered(scored, rows)
    by_rules = _by_rules(scored, rows)
    made, server = reasons or {}, None if reasons else ServerFacts.of(scored, rows)
    found = {}
    for place, row in enumerate(rows.tolist()):
        given = made.get(row) or weighed(scored, row, server)
        known = facts(scored, row, sources)
        told = {
            "summary": sentence(scored, row) + remark(scored, row),
            "facts": {name: getattr(known, name) for name in _FACTS},
            "reasons": [dict(one) | {"about": "server" if one["code"] in _SERVER else "rhythm"} for one in given],
            "scorers": _scorers(scored, row) | {"rules": _number(by_rules[place])},
            "considered": [one._asdict() for one in looked[place]],
            "stretch": _stretch(scored, row),
        }
        found[row] = json.dumps(told, allow_nan=False)
    return found


def weighed(scored: Scored, row: int, server: ServerFacts | None = None) -> list[dict[str, Any]]:
    """The reasons of one verdict as data, in their order, without numbers that are not known."""
    given = [REASONS[index] for index in scored.verdicts.reasons[row] if index >= 0]
    told: list[dict[str, Any]] = [counting.reason(scored, row)] if counting.clause(scored, row) else []
    if row in scored.listed:
        told.append({"code": INDICATOR_LIST, "text": scored.listed[row]})
    for place, (reason, text) in enumerate(zip(given, reason_texts(scored, row, server), strict=True)):
        numbers = {
            "value": _number(reason_value(scored, row, reason)),
            "contribution": _number(scored.verdicts.contributions[row, place]),
        }
        told.append(
            {"code": reason.code, "text": text}
            | {name: number for name, number in numbers.items() if number is not None}
        )
    return told


def _by_rules(scored: Scored, rows: Ints) -> Floats:
    """What the rules alone say, (n,); NaN where the pair was not measured."""
    place = scored.feature_row[rows]
    found = np.full(len(rows), np.nan)
    found[place >= 0] = rules.score(scored.features.take(place[place >= 0]))
    return found


def _considered(scored: Scored, rows: Ints) -> list[list[HeldAgainst]]:
    """The rhythms that each pair was held against; none where it was not measured."""
    known = np.flatnonzero(scored.feature_row[rows] >= 0)
    chosen = scored.pairs.take(rows[known])
    measured = scored.features.take(scored.feature_row[rows[known]])
    looked = considered(chosen, measured, scored.scoring.facts(chosen, measured).names)
    found: list[list[HeldAgainst]] = [[] for _ in rows]
    for place, held in zip(known.tolist(), looked, strict=True):
        found[place] = held
    return found


def _scorers(scored: Scored, row: int) -> dict[str, float | None]:
    return {name: _number(values[row]) for name, values in scored.verdicts.scorers.items()}


def _stretch(scored: Scored, row: int) -> list[float] | None:
    if scored.feature_row[row] < 0:
        return None
    begin, end = scored.stretch[scored.feature_row[row]].tolist()
    return None if math.isnan(begin) else [begin, end]


def _named(names: Sequence[str], codes: NDArray[Any]) -> list[str]:
    return [names[code] for code in codes.tolist()]


def _known(values: Floats) -> list[float | None]:
    """NaN, which is no SQL value, as None."""
    return [value if value == value else None for value in values.tolist()]


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
