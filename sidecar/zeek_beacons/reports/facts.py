"""What there is to know of one pair, as data: what an analyst would look up next.

Made from the held observations: of a pair with more connections than are held these are the newest ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from zeek_beacons import traits
from zeek_beacons.features.payload import FAILED
from zeek_beacons.keys import DNS
from zeek_beacons.pairs import STATE_CODE
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports import attack
from zeek_beacons.reports.alternatives import could_be
from zeek_beacons.reports.encrypted_dns import encrypted_dns
from zeek_beacons.reports.presented import certificate, endpoint, opener, web_client
from zeek_beacons.reports.queries import Sources, command_of, filter_of
from zeek_beacons.reports.sentence import implant, sentence, waits

NOTICE = 500  # characters of a notice, unless names alone take more
OPENER = 150  # characters in it of the process: whoever names that pushes nothing else out
_IS_FAILED = np.isin(np.arange(256), [STATE_CODE[name] for name in FAILED])  # by code of a connection's state
# Where a client claims a server's name, by service.
CLAIMED_IN: Mapping[str, str] = {"ssl": "TLS SNI", "quic": "TLS SNI", "http": "HTTP Host"}


@dataclass(frozen=True, slots=True)
class PairFacts:
    """What is known of one pair; None or "" where it is not known."""

    first_seen: str  # ISO 8601, UTC
    last_seen: str
    connections: int
    held: int  # of the connections: those that what follows is counted over
    answered: int | None
    unanswered: int | None
    bytes_out: int | None
    bytes_in: int | None
    name: str
    name_from: str
    other_hosts: int | None  # of the site that talk to the responder
    site_hosts: int | None
    could_be: str
    attack: tuple[str, ...]  # numbers of techniques
    waits: str
    implant: str
    filter: str
    command: str
    uids: tuple[str, ...]
    certificate: str = ""  # the server's, in words
    web_client: str = ""  # what the client told over HTTP, in words
    endpoint: str = ""  # the process behind it, in words
    traits: str = ""  # what else was seen of its ends, in words
    place: str = ""  # where the server lies: autonomous system and country
    indicator: str = ""  # how the pair is on an indicator list


def facts(scored: Scored, row: int, sources: Sources | None = None) -> PairFacts:
    """The facts of the pair at `row`; made once for all that are given the same sources."""
    sources = sources or Sources()
    known = sources.told.get((id(scored), row))
    if known is None:
        known = sources.told[id(scored), row] = _facts(scored, row, sources)
    return known


def _facts(scored: Scored, row: int, sources: Sources) -> PairFacts:
    pairs = scored.pairs
    answered, unanswered = _outcomes(scored, row)
    name, learned = _name(scored, row)
    hosts, site = _whole(pairs.resp_hosts[row]), _whole(pairs.site_hosts[row])
    services = frozenset(filter(None, pairs.service[row].lower().split(",")))
    ever = None if answered is None else answered > 0
    return PairFacts(
        first_seen=_when(pairs.first_ts[row]),
        last_seen=_when(pairs.last_ts[row]),
        connections=int(pairs.conns[row]),
        held=int(pairs.counts[row]),
        answered=answered,
        unanswered=unanswered,
        bytes_out=_sum(scored, row, "orig_bytes"),
        bytes_in=_sum(scored, row, "resp_bytes"),
        name=name,
        name_from=learned,
        other_hosts=None if hosts is None else max(hosts - 1, 0),
        site_hosts=site,
        certificate=certificate(pairs, row),
        web_client=web_client(pairs, row),
        endpoint=endpoint(pairs, row),
        traits=_also_seen(scored, row),
        place=scored.scoring.local.places.of(pairs.addr[row]).text,
        indicator=scored.listed.get(row, ""),
        could_be=could_be(scored, row),
        attack=tuple(attack.techniques(attack.Channel(pairs.proto[row], int(pairs.resp_p[row]), services, ever))),
        waits=waits(scored, row),
        implant=implant(scored, row),
        filter=filter_of(scored, row),
        command=command_of(scored, row, sources),
        uids=tuple(sources.uids.get(row, ())),
    )


def notice(scored: Scored, row: int, sources: Sources | None = None) -> str:
    """The sentence and what fits behind it into a notice: the facts that decide what to do first."""
    text = sentence(scored, row)
    if not scored.verdicts.alerts[row]:
        return text
    known = facts(scored, row, sources)
    for clause in _clauses(known, opener(scored.pairs, row), scored.verdicts.look_alike[row] >= 0):
        if len(text) + len(clause) + 2 > NOTICE:
            break
        text += f"; {clause}"
    return text


def _clauses(known: PairFacts, process: str, is_alike: bool) -> Iterator[str]:
    """What follows the sentence, the most useful first; it has named a look-alike already."""
    if process:
        yield f"opened by {process[:OPENER]}"
    if told := outcomes(known):
        yield told
    if known.bytes_out is not None or known.bytes_in is not None:
        yield sizes(known)
    if told := company(known):
        yield told
    if known.place:
        yield f"in {known.place}"
    if known.certificate:
        yield f"certificate {known.certificate}"
    if known.could_be and not is_alike:
        yield f"could be {known.could_be}"
    if known.attack:
        yield f"ATT&CK {', '.join(known.attack)}"


def outcomes(known: PairFacts) -> str:
    """How many connections were answered: `4110 of 4110 unanswered`."""
    if known.answered is None or known.unanswered is None:
        return ""
    total = known.answered + known.unanswered
    newest = "the newest " if known.held < known.connections else ""
    if not known.unanswered:
        return f"all of {newest}{total} answered"
    return f"{known.unanswered} of {newest}{total} unanswered"


def sizes(known: PairFacts) -> str:
    """Bytes each way: `12 kB out, 3.1 MB in`."""
    ways = ((known.bytes_out, "out"), (known.bytes_in, "in"))
    return ", ".join(f"{'unknown' if count is None else size(count)} {way}" for count, way in ways)


def company(known: PairFacts) -> str:
    """Who else of the site talks to the responder."""
    if known.other_hosts is None:
        return ""
    if known.site_hosts is not None and known.site_hosts < 2:
        return "no other host was seen"
    others = "other hosts" if known.site_hosts is None else f"the {max(known.site_hosts - 1, 0)} other hosts"
    number = known.other_hosts or "none"
    return f"{number} of {others} talk{'' if known.other_hosts > 1 else 's'} to it"


def size(count: int) -> str:
    """Bytes in the unit a person would use: `830 B`, `12 kB`, `3.1 MB`."""
    if count < 1000:
        return f"{count} B"
    for unit, power in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < 999.5 * power:
            return f"{count / power:.3g} {unit}"
    return f"{count / 1e12:.3g} TB"


def _outcomes(scored: Scored, row: int) -> tuple[int | None, int | None]:
    """Held connections that were answered, and that were not; of those of which it is known."""
    at = slice(*scored.pairs.offsets[row : row + 2])
    state, received = scored.pairs.state[at], scored.pairs.resp_bytes[at]
    failed = _IS_FAILED[state]
    answered = (received > 0) | ((state > 0) & ~failed)
    known = answered | (state > 0)
    if not known.any():
        return None, None
    return int(answered.sum()), int((known & ~answered).sum())


def _sum(scored: Scored, row: int, column: str) -> int | None:
    values = getattr(scored.pairs, column)[slice(*scored.pairs.offsets[row : row + 2])]
    known = values[~np.isnan(values)]
    return int(known.sum()) if len(known) else None


def _name(scored: Scored, row: int) -> tuple[str, str]:
    """What the server is called, and where that was learned; both "" where it has no name."""
    server = scored.called
    name = server.name[row]
    if not server.claimed[row]:
        learned = "a DNS answer" if server.looked_up[row] else "a certificate"
        return name, learned if name else ""
    if scored.pairs.channel[row] == DNS:
        return name, "the names asked for"
    services = scored.pairs.service[row].lower().split(",")
    claimed = {CLAIMED_IN[service] for service in services if service in CLAIMED_IN}
    return name, claimed.pop() if len(claimed) == 1 else "TLS SNI or HTTP Host"


def _also_seen(scored: Scored, row: int) -> str:
    """The traits of a pair in words, and what follows from it of queries."""
    pairs = scored.pairs
    never = pairs.channel[row] == DNS and pairs.connected[row] == 0
    told = (traits.in_words(pairs, row), encrypted_dns(scored, row), "never connected to" if never else "")
    return ", ".join(filter(None, told))


def _whole(value: float) -> int | None:
    return None if math.isnan(value) else int(value)


def _when(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
