"""Lists of indicators that the operator has, and which pairs are on them.

Indicators are held as sorted hashes of 64 bits, ten bytes each, so that ten million take 100 MB; what the indicator is
called is what was looked up. A stranger meets the hash of one of ten million by chance once in 2e12 look-ups.
"""

from __future__ import annotations

import ipaddress
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.errors import ConfigError
from zeek_beacons.keys import server_of
from zeek_beacons.knowledge.indicator_files import opened
from zeek_beacons.knowledge.indicator_text import (
    ADDRESS,
    KINDS,
    NAME,
    NETWORK,
    URL,
    IndicatorText,
    NoIndicatorError,
    spelled,
)
from zeek_beacons.knowledge.lookup import shipped_knowledge
from zeek_beacons.knowledge.suffixes import normalise
from zeek_beacons.pairs import Pairs

MOST = 10_000_000  # indicators held of all lists
MOST_NETWORKS = 100_000
MOST_LISTS = 1000
EXAMPLE = 80  # characters that are shown of what was skipped
# A URL on so popular a domain says nothing of the domain: malware lies on sites that share files.
POPULAR = 10_000.0


@dataclass(slots=True)
class ListTally:
    """What was read of one file: entries kept, and skipped by reason with the first place and text of each."""

    path: str
    form: str = ""
    kept: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[int, str]] = field(default_factory=dict)
    problem: str = ""  # why nothing could be read

    def skip(self, why: str, at: int, text: str) -> None:
        """Counts an entry that is not taken."""
        self.skipped[why] += 1
        self.examples.setdefault(why, (at, "".join(c if " " <= c <= "~" else "?" for c in text[:EXAMPLE])))

    def texts(self) -> list[str]:
        """What there is to say of the file, a line each."""
        if self.problem:
            return [f"{self.path}: {self.problem}; scored without it"]
        told = [f"{self.path}: {self.kept} indicators ({self.form})"]
        for why, count in self.skipped.items():
            at, text = self.examples[why]
            told.append(f"{self.path}: skipped {count}: {why}, first at {at}: {text}")
        return told

    def summary(self) -> dict[str, Any]:
        """The same as data."""
        about = {"file": self.path, "format": self.form, "indicators": self.kept, "skipped": dict(self.skipped)}
        return about | ({"problem": self.problem} if self.problem else {})


@dataclass(frozen=True, eq=False)
class IndicatorLists:
    """Indicators of several files. The empty one marks nothing."""

    names: Sequence[str] = ()  # of the lists
    hashes: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))  # in order
    of: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))  # the list of each
    networks: Mapping[tuple[int, int], Mapping[int, int]] = field(
        default_factory=dict
    )  # (version, bits) -> start, list
    tallies: Sequence[ListTally] = ()

    def __bool__(self) -> bool:
        return bool(len(self.hashes) or self.networks)

    @classmethod
    def load(cls, files: Iterable[str]) -> Self:
        """Reads lists; what is no indicator is counted.

        Raises InputError for a missing file, ConfigError for too many of them.
        """
        paths = [Path(file) for file in files]
        if len(paths) > MOST_LISTS:
            raise ConfigError(f"intel names {len(paths)} lists, expected at most {MOST_LISTS}")
        hashes, owners = array("Q"), array("H")
        networks: dict[tuple[int, int], dict[int, int]] = {}
        tallies = []
        held = 0
        for number, path in enumerate(paths):
            tally = ListTally(str(path))
            tallies.append(tally)
            content = opened(path)
            tally.form, tally.problem = content.form, content.problem
            for at, text, refused in content.entries:
                if refused:
                    tally.skip(refused, at, text)
                    continue
                try:
                    found = spelled(text)
                except NoIndicatorError as why:
                    tally.skip(str(why), at, text)
                    continue
                is_network = found.kind == NETWORK
                if (held if is_network else len(hashes)) >= (MOST_NETWORKS if is_network else MOST):
                    tally.skip(f"over the limit of {MOST_NETWORKS if is_network else MOST}", at, text)
                    continue
                tally.kept += 1
                if is_network:
                    held += 1
                    _add(networks, found.text, number)
                else:
                    hashes.append(_hash(found))
                    owners.append(number)
        ordered, first = np.unique(np.frombuffer(hashes, np.uint64), return_index=True)
        shown = tuple("".join(c if " " <= c <= "~" else "?" for c in path.name) for path in paths)
        return cls(shown, ordered, np.frombuffer(owners, np.uint16)[first], networks, tallies)

    def hits(self, pairs: Pairs) -> dict[int, str]:
        """Which pairs are on a list, and how: row -> `on the indicator list LIST as evil.example`.

        Looked up are names (as claimed, looked up and certified) with the domains above them down to the registered
        one, then the address, exactly and in networks.
        """
        if not self:
            return {}
        found: dict[int, str] = {}
        known: dict[tuple[bool, str], str] = {}
        columns = (pairs.resp, pairs.channel, pairs.server_name, pairs.dns_name, pairs.cert_name, pairs.addr)
        for row, (resp, channel, claimed, looked_up, certified, addr) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            names = dict.fromkeys((server_of(resp, channel), claimed, looked_up, certified.removeprefix("*.")))
            for look in (*((True, name) for name in names if name and name != addr), (False, addr)):
                if look not in known:
                    known[look] = self._of_name(look[1]) if look[0] else self._of_address(look[1])
                if known[look]:
                    found[row] = known[look]
                    break
        return found

    def _of_name(self, name: str) -> str:
        spelled_name = normalise(name)
        if not spelled_name:
            return self._of_address(name)
        for end in _ends(spelled_name):
            if told := self._told(IndicatorText(NAME, end), end):
                return told
        return self._of_url(spelled_name)

    def _of_address(self, text: str) -> str:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return ""
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if told := self._told(IndicatorText(ADDRESS, str(address)), str(address)):
            return told
        for (version, bits), starts in self.networks.items():
            if version == address.version:
                shift = address.max_prefixlen - bits
                start = int(address) >> shift << shift
                if start in starts:
                    network = f"{ipaddress.ip_address(start) if version == 4 else ipaddress.IPv6Address(start)}/{bits}"
                    return f"on the indicator list {self.names[starts[start]]} as {network}"
        return self._told(IndicatorText(URL, str(address)), f"the host of a URL, {address}")

    def _of_url(self, host: str) -> str:
        told = self._told(IndicatorText(URL, host), f"the host of a URL, {host}")
        return "" if told and shipped_knowledge().names([host]).rank[0] <= POPULAR else told

    def _told(self, what: IndicatorText, shown: str) -> str:
        wanted = _hash(what)
        at = int(np.searchsorted(self.hashes, np.uint64(wanted)))
        if at < len(self.hashes) and int(self.hashes[at]) == wanted:
            return f"on the indicator list {self.names[int(self.of[at])]} as {shown}"
        return ""

    @cached_property
    def said(self) -> list[str]:
        """What there is to say of the files, a line each."""
        return [text for tally in self.tallies for text in tally.texts()]

    @property
    def warnings(self) -> list[str]:
        """What an operator must hear of: lists that hold nothing."""
        return [
            f"indicator list {one.texts()[0]}" if one.problem else f"indicator list {one.path}: holds no indicator"
            for one in self.tallies
            if one.problem or not one.kept
        ]


def _ends(name: str) -> Iterator[str]:
    """A name and the domains above it, down to the registered one."""
    registered = shipped_knowledge().registered_domain(name) or name
    yield name
    while name != registered and name.endswith(f".{registered}"):
        name = name.partition(".")[2]
        yield name


def _hash(what: IndicatorText) -> int:
    return int.from_bytes(blake2b(f"{KINDS[what.kind]} {what.text}".encode(), digest_size=8).digest(), "little")


def _add(networks: dict[tuple[int, int], dict[int, int]], text: str, number: int) -> None:
    network = ipaddress.ip_network(text)
    networks.setdefault((network.version, network.prefixlen), {}).setdefault(int(network.network_address), number)
