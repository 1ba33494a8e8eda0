"""What operators do to pairs, for API and forms alike: allow, snooze, feedback, acknowledge."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.keys import Key, server_of
from zeek_beacons.labels import pair_key
from zeek_beacons.pairs import is_group
from zeek_beacons.readmodel import PairRow
from zeek_beacons.serve.bodies import AllowGiven, PairGiven
from zeek_beacons.serve.moments import ahead
from zeek_beacons.serve.notes import key_of
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.surface import Surface

TABLES = {"allow": "allow", "snooze": "snoozes"}


@dataclass(frozen=True, slots=True)
class Meant:
    """A pair that something is said of, and what was known of it then."""

    key: Key
    addr: str
    model: str = ""
    score: float | None = None


def meant(surface: Surface, given: PairGiven) -> Meant:
    """The pair that a body names. Raises ProblemError."""
    if given.beacon:
        row = surface.pair(given.beacon)
        return Meant(key_of(row), row.addr, row.model, row.score)
    key = pair_key(given.orig_h or "", given.resp or "", given.resp_p or 0, given.proto or "")
    return Meant((*key, given.channel), "")


def allow(surface: Surface, given: AllowGiven, who: str) -> int:
    """Adds an entry to the allow-list. Returns its number. Raises ProblemError, ConfigError."""
    surface.takes_words()
    until = ahead(given.until, surface.clock())
    entry = given.entry or entry_of(surface.pair(given.beacon), given.scope, given.subnet)
    if any(not one.isprintable() for one in entry) or "#" in entry:
        raise ProblemError(422, "an entry is one line of printable characters")
    try:
        return surface.store.allow(entry, who, given.why, until)
    except InputError as error:
        raise ProblemError(422, error.problem) from error


def entry_of(row: PairRow, scope: str, subnet: str = "") -> str:
    """The line that allows a pair, the name of its server, or a network. Raises ConfigError."""
    server = server_of(row.resp, row.channel)
    if scope == "name":
        name = server if server != row.addr and not is_group(row.resp) else row.name
        if not name:
            raise ConfigError("the server of this pair has no name")
        return f"name {name}"
    if scope == "subnet":
        return f"subnet {subnet.strip() or network_of(row.addr)}"
    if is_group(row.resp):
        raise ConfigError("this stands for several pairs: allow its name or network, or each of them")
    return f"pair {row.orig_h} {server} {row.resp_p}/{row.proto}"


def network_of(addr: str) -> str:
    """The network next to an address: /24, or /64."""
    return str(ipaddress.ip_network(f"{addr}/{64 if ':' in addr else 24}", strict=False))


def snooze(surface: Surface, given: PairGiven, until: str, why: str, who: str) -> int:
    """Silences a pair. Returns the number of the entry."""
    surface.takes_words()
    end = ahead(until, surface.clock())
    if end is None:
        raise ConfigError("until is empty, expected a time or such as 24h")
    return surface.store.snooze(meant(surface, given).key, who, why, end)


def acknowledge(surface: Surface, rows: Iterable[PairRow], who: str) -> int:
    """Notes that someone sees to beacons, each until its severity rises. Returns how many alert."""
    alerting = [row for row in rows if row.level]
    seen = 0
    for own, those in surface.by_sensor(alerting):
        for row in those:
            own.store.acknowledge(key_of(row), row.level, who)
        seen += len(those)
    if alerting and not seen:
        surface.takes_words()
    return seen


def feedback(surface: Surface, given: PairGiven, verdict: str, why: str, who: str) -> int:
    """Says what a pair was. Returns the number of the entry."""
    return judge(surface, meant(surface, given), verdict, why, who)


def judge(surface: Surface, pair: Meant, verdict: str, why: str, who: str) -> int:
    """The same of a pair that was found."""
    surface.takes_words()
    return surface.store.give_feedback(pair.key, pair.addr, verdict, who, why, pair.model, pair.score)
