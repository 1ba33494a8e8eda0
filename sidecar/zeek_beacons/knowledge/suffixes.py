"""Names and the domains they were registered as, by the rules of the public suffix list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

LONGEST_NAME = 253  # characters, RFC 1035
_LABEL = r"[a-z0-9_-]{1,63}"
_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
# What a rule says of its own labels; those of the private section are shifted.
_SUFFIX, _CHILDREN, _EXCEPTION = 1, 2, 4
_PRIVATE = 3


class Registered(NamedTuple):
    """A registered domain, "" where there is none, and how many labels its public suffix has.

    `shared`: the suffix is of the list's private section, so that the name is a customer's.
    """

    domain: str
    suffix_labels: int
    shared: bool


def normalise(name: object) -> str:
    """The one spelling of a host name: lower case, IDN as punycode, no trailing dot.

    "" for what is no name of two or more labels: addresses, single labels, anything with other characters than letters,
    digits, `-` and `_`, or longer than DNS allows. Never raises.
    """
    if not isinstance(name, str) or len(name) > LONGEST_NAME + 1:
        return ""
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    name = name.lower().removesuffix(".")
    return name if len(name) <= LONGEST_NAME and _NAME.fullmatch(name) else ""


def ends_of(name: str, most: int) -> list[str]:
    """The ends of a normalised name, the last label alone first, up to `most` labels, and then the name itself."""
    first, *others = reversed(name.rsplit(".", most))
    ends = [first]
    for label in others:
        first = f"{label}.{first}"
        ends.append(first)
    return ends


class SuffixRules:
    """Rules of the public suffix list, as its lines have them: `co.uk`, `*.ck`, `!www.ck`; IDN as punycode."""

    def __init__(self, icann: Iterable[str], private: Iterable[str]) -> None:
        self._kinds: dict[str, int] = {}
        for shift, rules in ((0, icann), (_PRIVATE, private)):
            for rule in rules:
                kind = _CHILDREN if rule.startswith("*.") else _EXCEPTION if rule.startswith("!") else _SUFFIX
                labels = rule.removeprefix("*.").removeprefix("!")
                self._kinds[labels] = self._kinds.get(labels, 0) | kind << shift
        self.longest = 1 + max((rule.count(".") + 1 for rule in self._kinds), default=1)  # labels, with one for `*`

    def registered(self, name: str) -> Registered:
        """The registered domain of a normalised name."""
        return self.of_ends(ends_of(name, self.longest + 1))

    def of_ends(self, ends: Sequence[str]) -> Registered:
        """The same, given `ends_of` the name, of more labels than `longest`."""
        kinds = self._kinds
        icann = every = 1  # labels of the suffix; the rule that prevails where there is no other is `*`
        for length, end in enumerate(ends, 1):
            if end not in kinds:
                continue
            kind = kinds[end]
            either = kind | kind >> _PRIVATE
            if either & _EXCEPTION:
                every = length - 1
                icann = every if kind & _EXCEPTION else icann
                break
            more = length < len(ends)
            every = _reach(either, length, more) or every
            icann = _reach(kind, length, more) or icann
        shared = every > icann
        if every < len(ends):
            return Registered(ends[every], every, shared)
        # The name is a suffix itself. Where its operator only shares it, it still is the operator's own.
        return Registered(ends[icann] if shared and icann < len(ends) else "", icann, False)


def _reach(kind: int, length: int, more: bool) -> int:
    """Labels of the suffix that a rule of `length` labels makes, 0 where there is none. `more`: one precedes them."""
    if kind & _CHILDREN and more:
        return length + 1
    return length if kind & _SUFFIX else 0
