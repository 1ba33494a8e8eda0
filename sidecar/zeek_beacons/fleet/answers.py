"""Another machine's answers as the read model's values. What it says is not trusted: types, numbers, lengths, words.

A field of a later version is left out, and one that an older version lacks has its default. Raises AnswerError.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from zeek_beacons.features import JITTER_KINDS
from zeek_beacons.readmodel.detail import CheckinMarks, HeldObservations, HourCounts
from zeek_beacons.readmodel.rows import Listing
from zeek_beacons.verdicts import KINDS, LABELS, SEVERITIES, SUPPRESSIONS

LONGEST = 4096  # characters of a text
MOST_VALUES = 20_000  # of a list within a value
MOST_NAMES = 1000  # of a mapping
MOST_PARTS = 48  # of a sparkline
LARGEST = 1e15  # of a number
MOST_ROWS = 2**53  # that a list can say to have

T = TypeVar("T")


class AnswerError(ValueError):
    """An answer is not what its question is answered by."""


def _is_name(text: str) -> bool:
    return text.isalnum() and text.isascii() and len(text) <= 40


# What is looked up by these, or made into an address, must be one of a few.
_WORDS: Mapping[str, Callable[[Any], bool]] = {
    "id": _is_name,
    "incident": lambda text: not text or _is_name(text),
    "severity": SEVERITIES.__contains__,
    "kind": (*KINDS, "history", "result").__contains__,
    "label": LABELS.__contains__,
    "suppressed": lambda told: not isinstance(told, str) or told in SUPPRESSIONS,
    "law": JITTER_KINDS.__contains__,
    "level": range(len(SEVERITIES)).__contains__,
    "resp_p": range(65_536).__contains__,
}
_EVEN = (HeldObservations, CheckinMarks, HourCounts)  # whose columns are equally long


def listing(kind: type[T], told: Any, most: int) -> Listing[T]:
    """A page of at most this many rows."""
    rows = _mapping(told).get("rows")
    total = _mapping(told).get("total")
    if not isinstance(rows, list) or len(rows) > most or not isinstance(total, int):
        raise AnswerError("no list")
    return Listing(tuple(value(kind, row) for row in rows), min(max(total, len(rows)), MOST_ROWS))


def value(kind: type[T], told: Any) -> T:
    """A value of one of the read model's classes."""
    given, made = _mapping(told), {}
    for field, hint in _fields(kind):  # type: ignore[arg-type]
        if field.name in given:
            made[field.name] = _checked(field.name, _converted(hint, given[field.name]))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise AnswerError(f"{field.name} is missing")
    if issubclass(kind, _EVEN) and len({len(column) for column in made.values()}) > 1:
        raise AnswerError(f"columns of {kind.__name__} differ in length")
    return kind(**made)


@cache
def _fields(kind: Any) -> list[tuple[Field[Any], Any]]:
    hints = get_type_hints(kind)
    return [(one, hints[one.name]) for one in fields(kind)]


def _checked(name: str, made: Any) -> Any:
    if name == "spark":
        return made[:MOST_PARTS]
    if isinstance(made, str | int) and name in _WORDS and not _WORDS[name](made):
        raise AnswerError(f"{name} is {str(made)[:40]!r}")
    return made


def _converted(hint: Any, told: Any) -> Any:
    if isinstance(hint, type) and is_dataclass(hint):
        return value(hint, told)
    if hint in _SIMPLE:
        return _SIMPLE[hint](told)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return None if told is None else _converted(next(one for one in inner if one is not type(None)), told)
    if origin is tuple:
        if not isinstance(told, list) or len(told) > MOST_VALUES:
            raise AnswerError("no list, or too long a one")
        if inner[-1] is not ... and len(told) != len(inner):
            raise AnswerError(f"{len(told)} values, expected {len(inner)}")
        return tuple(_converted(inner[0], one) for one in told)
    if inner and inner[-1] is Any:  # of a run: what it was, as a file's diagnostics show it
        return {}
    if len(_mapping(told)) > MOST_NAMES:
        raise AnswerError("too many names")
    of_name = _whole_text if inner[0] is int else _text
    return {of_name(name): _converted(inner[1], one) for name, one in told.items()}


def _mapping(told: Any) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise AnswerError("no object")
    return told


def _text(told: Any) -> str:
    """A text, without half characters, which no answer could hold."""
    if not isinstance(told, str):
        raise AnswerError("no text")
    return told[:LONGEST].encode("utf-8", "replace").decode()


def _whole(told: Any) -> int:
    if not isinstance(told, int) or isinstance(told, bool) or abs(told) > 2**62:
        raise AnswerError("no whole number")
    return told


def _whole_text(told: Any) -> int:
    text = _text(told)
    if not text.isdecimal() or len(text) > 15:
        raise AnswerError("no whole number")
    return int(text)


def _number(told: Any) -> float:
    if not isinstance(told, int | float) or isinstance(told, bool) or not math.isfinite(told) or abs(told) > LARGEST:
        raise AnswerError("no number")
    return float(told)


def _truth(told: Any) -> bool:
    if not isinstance(told, bool):
        raise AnswerError("neither true nor false")
    return told


_SIMPLE: Mapping[Any, Callable[[Any], Any]] = {str: _text, int: _whole, float: _number, bool: _truth}
