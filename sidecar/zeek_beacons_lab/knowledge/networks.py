"""Networks with tags as ranges in order: where one begins, and which tags hold until the next."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from zeek_beacons.allow import Network
from zeek_beacons.errors import InputError

Ranges: TypeAlias = list[tuple[int, int]]  # first address and the one after the last, as numbers


def network(text: str, source: str) -> Network:
    """An entry of a list. Raises InputError naming the list."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise InputError(source, f"{text!r} is no network") from error


def within(net: Network, others: Iterable[Network]) -> bool:
    """Whether a network lies in one of the others."""
    return any(net.version == other.version and net.subnet_of(other) for other in others)  # type: ignore[arg-type]


def merged(networks: Iterable[Network], version: int) -> Ranges:
    """The addresses of one version that lie in any of the networks, as few ranges as there can be."""
    ranges: Ranges = []
    spans = ((int(net.network_address), int(net.broadcast_address) + 1) for net in networks if net.version == version)
    for first, after in sorted(spans):
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(after, ranges[-1][1]))
        else:
            ranges.append((first, after))
    return ranges


def steps(networks: Mapping[int, Sequence[Network]], version: int) -> list[tuple[int, int]]:
    """Where the tags change, in order: an address, and the tags from there on. `networks`: by the bit of their tag."""
    changes: dict[int, int] = defaultdict(int)
    for bit, nets in networks.items():
        for first, after in merged(nets, version):
            changes[first] += bit
            changes[after] -= bit
    found, mask = [], 0
    for address, change in sorted(changes.items()):
        if change and address < 1 << (32 if version == 4 else 128):
            mask += change
            found.append((address, mask))
    return found
