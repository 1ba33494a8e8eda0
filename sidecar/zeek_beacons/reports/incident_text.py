"""What makes several pairs one incident, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zeek_beacons.incidents import PROXY_PORTS, SEVERAL, Member

MOST_NAMED = 3  # of a kind; of the rest the number is told


def further(members: Sequence[Member], total: int | None = None) -> str:
    """How many further pairs there are beside the first, the head, and why they belong to it; empty where none.

    The head's own group is no further pair, nor are those that take turns with the head: its sentence tells of them.
    `total`: how many they are, where not all are given.
    """
    head = members[0]
    rest = [member for member in members[1:] if not (head.group and member.group == head.group) and not member.is_group]
    number = len(rest) + (0 if total is None else total - (len(members) - 1))
    if not rest:
        return ""
    count = f"{number} further pair{'s' if number > 1 else ''}"
    return f"{count}: {', '.join(_why(head, rest))}"


def _why(head: Member, rest: Sequence[Member]) -> list[str]:
    """The ways in which the others belong to the head, each once."""
    found: dict[str, dict[str, None]] = {}  # keeps their order
    for member in rest:
        way, what = _way(head, member)
        found.setdefault(way, {})[what] = None
    return [_told(way, list(found[way])) for way in _TOLD if way in found]


def _way(head: Member, member: Member) -> tuple[str, str]:
    if member.orig_h != head.orig_h:
        return "host", member.orig_h
    same_port = (member.resp_p, member.proto) == (head.resp_p, head.proto)
    at_one_address = member.addr == head.addr
    if at_one_address and member.is_named != head.is_named:
        proxy = head if head.resp == head.addr else member
        if proxy.resp_p in PROXY_PORTS and proxy.domain == SEVERAL:
            return ("name", member.resp) if proxy is head else ("proxy", f"{_host(member.resp)}:{member.resp_p}")
    if member.is_named and not head.is_named and same_port and (at_one_address or head.name == member.resp):
        return "name", member.resp
    if head.is_named and not member.is_named and same_port and (at_one_address or member.name == head.resp):
        return "address", member.resp
    if at_one_address or member.resp == head.resp:
        return "port", f"{member.resp_p}/{member.proto}"
    return "server", member.resp


_TOLD = {
    "name": "by name",
    "address": "by address",
    "proxy": "through proxy",
    "port": "on port",
    "server": "",
    "host": "host",
}


def _told(way: str, which: list[str]) -> str:
    if way == "server":
        return f"with {len(which)} further server{'s' if len(which) > 1 else ''} in turn"
    more = f" and {len(which) - MOST_NAMED} more" if len(which) > MOST_NAMED else ""
    return f"also {_TOLD[way]} {', '.join(which[:MOST_NAMED])}{more}"


def pairs_of(members: Sequence[Member]) -> int:
    """How many pairs there are; a group is none."""
    return sum(not member.is_group for member in members)


def servers(members: Iterable[Member]) -> int:
    """How many servers there are: a name and its address are one, a group is none."""
    single = [member for member in members if not member.is_group]
    known = {member.addr: member.resp for member in single if member.is_named}
    return len({member.name or known.get(member.addr, member.resp) for member in single})


def connections(members: Sequence[Member]) -> int:
    """Connections of all members; of an address whose names are members too, those without a name; of groups none."""
    members = [member for member in members if not member.is_group]
    named = {member.orig_h for member in members if member.is_named}
    twice = sum(member.named for member in members if not member.is_named and member.orig_h in named)
    return sum(member.conns for member in members) - twice


def _host(resp: str) -> str:
    return f"[{resp}]" if ":" in resp else resp
