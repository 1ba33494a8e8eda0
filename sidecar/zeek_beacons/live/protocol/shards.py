"""Which of a sensor's pairs a sidecar judges: all, or those of one shard where several sidecars share them."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_SHARDS = 64
ANY = "any"
_GIVEN = re.compile(r"(any|[0-9]{1,3})/([0-9]{1,3})")


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """Shard `number` of `of`, counted from 1."""

    number: int = 1
    of: int = 1

    @property
    def is_all(self) -> bool:
        """Whether there is no other."""
        return self.of == 1

    @property
    def name(self) -> str:
        """As it is called in topics and folders: `2of4`."""
        return f"{self.number}of{self.of}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def topic(self, topic: str) -> str:
        """The part of a topic that belongs to this shard. Topics match by prefix, hence the closing slash."""
        return topic if self.is_all else f"{topic}{self.name}/"


WHOLE = Shard()


def shards(given: str) -> tuple[Shard, ...]:
    """The shards that `2/4` or `any/4` means: one, or each of them. Raises ValueError."""
    found = _GIVEN.fullmatch(given)
    if found is None or not 1 <= int(found[2]) <= MOST_SHARDS:
        raise ValueError(f"is {given!r}, expected such as 2/4 or any/4, of {MOST_SHARDS} shards at most")
    of = int(found[2])
    if found[1] == ANY:
        return tuple(Shard(number, of) for number in range(1, of + 1))
    if not 1 <= int(found[1]) <= of:
        raise ValueError(f"is {given!r}, expected a shard from 1/{of} to {of}/{of}")
    return (Shard(int(found[1]), of),)
