"""What holds now of what operators said and asked for, read from an open operator.sqlite."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from zeek_beacons.allow import AllowList, Entry
from zeek_beacons.database_errors import DATABASE_ERRORS
from zeek_beacons.errors import InputError
from zeek_beacons.keys import CONN, KEY_COLUMNS, Key
from zeek_beacons.operator_file import FILE_NAME, schema
from zeek_beacons.said import Said, Word

_NEWEST_FEEDBACK = """
SELECT {key}, word, who, at, why FROM feedback
WHERE id IN (SELECT max(id) FROM feedback GROUP BY {key}) AND word != 'withdrawn'
"""
_SNOOZES = "SELECT {key}, who, at, why, until FROM snoozes WHERE undone_at IS NULL AND until > ? ORDER BY id"
_ALLOW = "SELECT id, entry, who, at, why, until FROM allow WHERE undone_at IS NULL AND (until IS NULL OR until > ?)"
_SETTINGS = "SELECT name, value FROM settings WHERE id IN (SELECT max(id) FROM settings GROUP BY name)"


@dataclass(frozen=True, slots=True)
class AllowedByOperator:
    """One entry of the allow-list that an operator made; `until` is infinite where it does not end."""

    id: int
    entry: Entry
    word: Word


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that a sidecar, or `score`, holds to. `analyze`: number of the newest request to judge again."""

    store: str = ""  # the file's identity
    revision: int = -1
    said: Said = field(default_factory=Said)
    allowed: tuple[AllowedByOperator, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    analyze: int = 0
    problems: tuple[str, ...] = ()  # entries that are none

    def at(self, now: float) -> Self:
        """Without what has ended by `now`."""
        said = self.said.at(now)
        if said is self.said and all(one.word.until > now for one in self.allowed):
            return self
        return replace(self, said=said, allowed=tuple(one for one in self.allowed if one.word.until > now))

    def with_file(self, listed: AllowList) -> AllowList:
        """An allow-list with the operators' entries behind its own."""
        if not self.allowed:
            return listed
        return AllowList.of([*listed.entries, *(one.entry for one in self.allowed)], listed.path)


def load(path: Path) -> Words:
    """What a file says now, which is not changed. Raises InputError."""
    try:
        with contextlib.closing(connected(path)) as db:
            schema.check(db, path)
            return read(db, time.time())
    except (*DATABASE_ERRORS, OSError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from error


def connected(path: Path) -> sqlite3.Connection:
    """The file, opened to read only."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)


def read(db: sqlite3.Connection, now: float) -> Words:
    """What holds now. Raises sqlite3.Error, also where a value is of a kind that no console writes."""
    try:
        return _read(db, now)
    except (ValueError, TypeError) as error:
        raise sqlite3.DatabaseError(f"a value that no console writes: {error}") from error


def _read(db: sqlite3.Connection, now: float) -> Words:
    meta = dict(db.execute("SELECT name, value FROM meta"))
    # A console of an earlier version may have written the file, which is only read here.
    key_of_pair = ", ".join(schema.known_columns(db, "snoozes", KEY_COLUMNS))
    true: dict[Key, Word] = {}
    false: dict[Key, Word] = {}
    for *key, word, who, at, why in db.execute(_NEWEST_FEEDBACK.format(key=key_of_pair)):
        (true if word == "true" else false)[_key(key)] = _word(who, at, why)
    snoozed = {
        _key(key): _word(who, at, why, until)
        for *key, who, at, why, until in db.execute(_SNOOZES.format(key=key_of_pair), (now,))
    }
    allowed, problems = _allowed(db, now)
    return Words(
        store=_text(meta.get("store", "")),
        revision=int(meta.get("revision", 0)),
        said=Said(true, false, snoozed),
        allowed=allowed,
        settings={_text(name): _text(value) for name, value in db.execute(_SETTINGS) if value is not None},
        analyze=db.execute("SELECT ifnull(max(id), 0) FROM requests").fetchone()[0],
        problems=problems,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in the place of a text")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError(f"{type(value).__name__} in the place of a number")
    return value


def _word(who: Any, at: Any, why: Any, until: Any = math.inf) -> Word:
    return Word(_text(who), _number(at), _text(why), _number(until))


def _key(columns: Sequence[Any]) -> Key:
    orig_h, resp, resp_p, proto, *channel = columns
    if not isinstance(resp_p, int):
        raise TypeError(f"{type(resp_p).__name__} in the place of a port")
    return _text(orig_h), _text(resp), resp_p, _text(proto), _text(channel[0]) if channel else CONN


def _allowed(db: sqlite3.Connection, now: float) -> tuple[tuple[AllowedByOperator, ...], tuple[str, ...]]:
    found, problems = [], []
    for number, text, who, at, why, until in db.execute(_ALLOW, (now,)):
        try:
            (entry,) = AllowList.parse(_text(text)).entries
        except (InputError, ValueError) as error:
            problems.append(f"allow entry {number}: {error}")
            continue
        told = f"{entry.text} ({who}{f': {why}' if why else ''})"
        named = replace(entry, line=number, text=told, path=FILE_NAME)
        found.append(AllowedByOperator(number, named, _word(who, at, why, math.inf if until is None else until)))
    return tuple(found), tuple(problems)
