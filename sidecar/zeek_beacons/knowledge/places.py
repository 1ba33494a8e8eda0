"""Where a server lies: its autonomous system and country, from databases in MaxMind's format that the operator has.

Read are the fields of GeoLite2 and DB-IP (`autonomous_system_number`, `autonomous_system_organization`,
`country.iso_code`) and those of IPinfo (`asn`, `as_name`, `country_code`). It is told beside a verdict, and scores
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from zeek_beacons.errors import ConfigError, InputError

REMEMBERED = 100_000  # addresses whose place is kept at hand
LONGEST_ORG = 100  # characters
_NUMBER = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Z]{2}")
LookUp = Callable[[str], object]


class PlaceFacts(NamedTuple):
    """What is known of an address; None or "" where it is not."""

    asn: int | None = None
    as_org: str = ""
    country: str = ""  # ISO 3166-1, two letters

    @property
    def text(self) -> str:
        """In words: `AS64500 Example, NL`; "" where nothing is known."""
        system = " ".join(filter(None, ("" if self.asn is None else f"AS{self.asn}", self.as_org)))
        return ", ".join(filter(None, (system, self.country)))


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Databases that are asked in their order, the first that knows a field tells it. The empty one knows nothing."""

    look_ups: Sequence[LookUp] = ()
    known: dict[str, PlaceFacts] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.look_ups)

    @classmethod
    def load(cls, files: Iterable[str]) -> Self:
        """Opens databases. Raises ConfigError where the package is missing, InputError for a file that is none."""
        paths = list(files)
        return cls([_opened(path) for path in paths])

    def of(self, address: str) -> PlaceFacts:
        """The place of an address. Never raises: what no database knows, or is broken there, is not known."""
        if not self.look_ups:
            return PlaceFacts()
        found = self.known.get(address)
        if found is None:
            found = PlaceFacts()
            for look_up in self.look_ups:
                told = _facts(look_up(address))
                found = PlaceFacts(
                    found.asn if found.asn is not None else told.asn,
                    found.as_org or told.as_org,
                    found.country or told.country,
                )
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[address] = found
        return found


def _opened(path: str) -> LookUp:
    try:
        import maxminddb
    except ImportError as error:
        raise ConfigError("mmdb needs the package maxminddb: pip install 'zeek-beacons[place]'") from error
    try:
        reader = maxminddb.open_database(path)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from error
    except (maxminddb.InvalidDatabaseError, ValueError) as error:
        raise InputError(path, f"is no database in MaxMind's format: {error}") from error

    def look_up(address: str) -> object:
        try:
            return reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):  # no address, IPv6 in a file of IPv4, a broken record
            return None

    return look_up


def _facts(record: object) -> PlaceFacts:
    if not isinstance(record, Mapping):
        return PlaceFacts()
    number = _NUMBER.fullmatch(str(record.get("autonomous_system_number", record.get("asn", ""))))
    org = record.get("autonomous_system_organization", record.get("as_name", record.get("name", "")))
    return PlaceFacts(
        int(number[1]) if number else None,
        "".join(c for c in org if c.isprintable())[:LONGEST_ORG] if isinstance(org, str) else "",
        _country(record),
    )


def _country(record: Mapping[Any, Any]) -> str:
    given = record.get("country", record.get("country_code"))
    if isinstance(given, Mapping):
        given = given.get("iso_code")
    elif not (isinstance(given, str) and _COUNTRY.fullmatch(given)):
        given = record.get("country_code")
    return given if isinstance(given, str) and _COUNTRY.fullmatch(given) else ""
