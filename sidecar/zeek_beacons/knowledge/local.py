"""What this site's operator knows beside what is public: indicator lists, and databases of places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from zeek_beacons.knowledge.indicators import IndicatorLists
from zeek_beacons.knowledge.places import Places


@dataclass(frozen=True, slots=True, eq=False)
class LocalKnowledge:
    """Both of them; empty where the operator has none, which changes nothing."""

    indicators: IndicatorLists = field(default_factory=IndicatorLists)
    places: Places = field(default_factory=Places)

    @classmethod
    def load(cls, intel: Sequence[str], mmdb: Sequence[str]) -> Self:
        """Reads the files of the settings `intel` and `mmdb`. Raises InputError and ConfigError."""
        return cls(IndicatorLists.load(filter(None, intel)), Places.load(filter(None, mmdb)))
