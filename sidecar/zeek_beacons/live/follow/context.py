"""What logs beside a conn.log that is followed have told so far, with numbers that stay while it becomes more.

The readers number what they found anew each time. A pair keeps the numbers of what it showed, so here each thing gets a
number for good when it is first seen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zeek_beacons.pairs import Ints
from zeek_beacons.readers.answers import Answers
from zeek_beacons.readers.certificates import Certificates
from zeek_beacons.readers.columns import Connections
from zeek_beacons.readers.files import Source
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.intel_log import Hits
from zeek_beacons.readers.log_context import ContextCollector, LogContext
from zeek_beacons.readers.side_logs import BadRows
from zeek_beacons.readers.traits import Told, sources
from zeek_beacons.readers.web_clients import WebClients


class Numbers:
    """Things by their number for good. `key`: what tells one from another, where they do not tell it themselves."""

    def __init__(self, key: Callable[[Any], Hashable] = lambda one: one) -> None:
        self.values: list[Any] = []
        self._key = key
        self._codes: dict[Hashable, int] = {}

    def of(self, found: Sequence[Any]) -> Ints:
        """The number of each of these."""
        codes = self._codes
        numbers = np.empty(len(found), dtype=np.int64)
        for at, one in enumerate(found):
            key = self._key(one)
            code = codes.get(key)
            if code is None:
                code = codes[key] = len(self.values)
                self.values.append(one)
            numbers[at] = code
        return numbers

    def only(self, old: Ints) -> None:
        """Keeps the things that had these numbers, and numbers them anew in this order."""
        self.values = [self.values[number] for number in old.tolist()]
        self._codes = {self._key(one): number for number, one in enumerate(self.values)}


class LastingAnswers(Answers):
    """Answers whose names have numbers for good."""

    def __init__(self, answers: Answers, numbers: Numbers) -> None:
        self._answers, self._places = answers, np.append(numbers.of(answers.names), [-2, -1])
        self.names = numbers.values

    def of(self, rows: Connections, hosts: Sequence[str]) -> Ints:
        """As `Answers.of`."""
        found: Ints = self._places[self._answers.of(rows, hosts)]  # -1 and -2 are the last ones, which stay as they are
        return found


@dataclass(slots=True, eq=False)
class FollowedContext:
    """Takes logs beside conn.log as they grow; `most` rows of each kind are held to be joined by uid."""

    ingest: Ingest
    most: int
    held: ContextCollector = field(init=False)
    forgotten: int = 0  # rows that were given up, beyond `most`
    bad: int = 0  # rows that hold nothing
    problem: str = ""  # the first of these
    _certificates: Numbers = field(init=False)
    _clients: Numbers = field(default_factory=Numbers)
    _hits: Numbers = field(default_factory=Numbers)
    _names: Numbers = field(default_factory=Numbers)
    _traits: list[Numbers] = field(init=False)
    _made: LogContext | None = None

    def __post_init__(self) -> None:
        self.held = ContextCollector(self.ingest, every=True)
        self._certificates = Numbers(repr)  # what is not known is NaN, which equals nothing
        self._traits = [Numbers() for _ in sources()]

    def take(self, source: Source, log: str) -> None:
        """Takes more of a log. Raises InputError where it cannot be read."""
        self._count(self.held.take(source, log))

    def take_stream(self, source: Source) -> None:
        """The same of a stream of all logs."""
        self.held.read_stream(source)
        self._made = None

    def changed(self) -> None:
        """The hosts of connections are numbered anew."""
        self._made = None

    def now(self) -> LogContext:
        """All that is known."""
        if self._made is None:
            self.forgotten += self.held.bound(self.most)
            self._made = self._lasting(self.held.context(all_traits=True))
        return self._made

    def numbered(self) -> int:
        """How many things have a number, of the kind that has most."""
        return max(len(numbers.values) for numbers in self._kinds())

    def only(self, old: Sequence[Ints]) -> None:
        """Keeps the things that had these numbers, by kind as `ForgettingCollector.renumber_shown` tells them."""
        for numbers, kept in zip(self._kinds(), old, strict=True):
            numbers.only(kept)
        self._made = None

    def _kinds(self) -> list[Numbers]:
        return [self._certificates, self._clients, self._hits, *self._traits, self._names]

    def _count(self, bad: BadRows) -> None:
        self._made = None
        self.bad += bad.rows
        self.problem = self.problem or bad.first

    def _lasting(self, context: LogContext) -> LogContext:
        certificates, clients, hits = context.certificates, context.clients, context.hits
        return replace(
            context,
            answers=LastingAnswers(context.answers, self._names),
            certificates=Certificates(
                self._certificates.values, certificates.by_uid.renumbered(self._certificates.of(certificates.found))
            ),
            clients=WebClients(self._clients.values, clients.by_uid.renumbered(self._clients.of(clients.found))),
            hits=Hits(self._hits.values, hits.by_uid.renumbered(self._hits.of(hits.found))),
            owners=context.owners.always_told(),
            traits=[
                Told(numbers.values, told.by_uid.renumbered(numbers.of(told.found)))
                for numbers, told in zip(self._traits, context.traits, strict=True)
            ],
        )
