"""The file of public knowledge, from lists: which names and networks have which tags, and which domains are popular."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.allow import Network
from zeek_beacons.files import staged
from zeek_beacons.knowledge.file import KNOWLEDGE, KNOWLEDGE_MANIFEST, encode, manifest_text
from zeek_beacons.knowledge.lookup import Knowledge
from zeek_beacons.knowledge.popular import hashes_of
from zeek_beacons.knowledge.suffixes import SuffixRules, normalise
from zeek_beacons.knowledge.tags import TAG_BIT
from zeek_beacons_lab.knowledge import choices
from zeek_beacons_lab.knowledge.networks import network, steps, within
from zeek_beacons_lab.knowledge.sources import Lists, SuffixList, WarningList


def write_knowledge(folder: Path, lists: Lists, suffixes: SuffixList, packages: Mapping[str, str]) -> Knowledge:
    """Makes the file and its manifest in `folder`, and returns what they hold. The same lists make the same bytes."""
    about, arrays = compiled(lists, suffixes)
    content = encode({**about, "packages": dict(packages)}, arrays)
    with staged(folder) as aside:
        (aside / KNOWLEDGE).write_bytes(content)
        manifest = manifest_text(content, {**about, "packages": dict(packages)})
        (aside / KNOWLEDGE_MANIFEST).write_bytes(manifest.encode())
        Knowledge.load(aside)  # what this program would refuse takes nobody's place
    return Knowledge.load(folder)


def compiled(lists: Lists, suffixes: SuffixList) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What the file's header says, and its arrays."""
    used: dict[str, WarningList] = {}

    def read(name: str) -> WarningList:
        return used.setdefault(name, lists(name))

    private = [rule for _, rule in suffixes.private]
    names = tagged_names(read, suffixes)
    networks = tagged_networks(read)
    ranks, upper, lower = popular(read, SuffixRules(suffixes.icann, private))
    v4, v6 = steps(networks, 4), steps(networks, 6)
    masks = sorted({mask for _, mask in (*v4, *v6)})
    code = {mask: number for number, mask in enumerate(masks)}
    arrays: dict[str, NDArray[Any]] = {
        "popular_upper": upper,
        "popular_lower": lower,
        "icann_rules": _text(sorted(suffixes.icann)),
        "private_rules": _text(sorted(private)),
        "tagged_names": _text(sorted(names)),
        "tagged_masks": np.array([names[name] for name in sorted(names)], dtype=np.uint32),
        "v4_starts": np.array([address for address, _ in v4], dtype=np.uint32),
        "v4_codes": _codes(code[mask] for _, mask in v4),
        "v6_starts": np.frombuffer(b"".join(address.to_bytes(16) for address, _ in v6), dtype="S16"),
        "v6_codes": _codes(code[mask] for _, mask in v6),
        "masks": np.array(masks, dtype=np.uint32),
    }
    versions = {name: used[name].version for name in sorted(used)} | {"public_suffix_list": suffixes.version}
    about: dict[str, Any] = {
        "date": _newest(used[name].version for name, _ in choices.POPULAR),
        "ranks": ranks,
        "counts": {
            "popular_domains": len(upper),
            "suffix_rules": len(suffixes.icann) + len(private),
            "tagged_names": len(names),
            "v4_ranges": len(v4),
            "v6_ranges": len(v6),
        },
        "lists": versions,
    }
    return about, arrays


def tagged_names(read: Lists, suffixes: SuffixList) -> dict[str, int]:
    """Tags of each name, as the file has them."""
    found: dict[str, int] = defaultdict(int)
    for list_name, tag in choices.NAMES:
        alone, below = choices.NOT_NAMES.get(tag, ()), choices.NOT_BELOW.get(tag, ())
        for entry in read(list_name).entries:
            name = normalise(entry.strip().lstrip("."))
            if not name or name in alone or _is_below(name, below):
                continue
            if _is_below(name, choices.AUTHORITIES):
                found[name] |= TAG_BIT["certificate_check"]
            else:
                found["=" * (list_name in choices.ALONE) + name] |= TAG_BIT[tag]
    for tag, more in choices.MORE_NAMES.items():
        for name in more:
            found[name] |= TAG_BIT[tag]
    for heading, rule in suffixes.private:
        owner = next((tag for start, tag in choices.SUFFIX_OWNERS.items() if heading.startswith(start)), None)
        if owner and not rule.startswith("!"):
            found[rule.removeprefix("*.")] |= TAG_BIT[owner]
    return dict(found)


def tagged_networks(read: Lists) -> dict[int, list[Network]]:
    """The networks of each tag, by its bit."""
    found: dict[int, list[Network]] = defaultdict(list)
    local, github = _networks(choices.LOCAL), _networks(choices.GITHUB)
    fronts = [*_networks([choices.FRONT_DOOR])]
    for list_name in choices.SHARED_FRONTS:
        fronts += _networks(read(list_name).entries, list_name)
    for list_name, tag in choices.NETWORKS:
        for net in _networks(read(list_name).entries, list_name):
            foreign = (tag == "github" and not within(net, github)) or (tag == "sinkhole" and within(net, fronts))
            if not foreign and not within(net, local):
                found[TAG_BIT[tag]].append(net)
    for tag, more in choices.MORE_NETWORKS.items():
        found[TAG_BIT[tag]] += _networks(more)
    return dict(found)


def popular(read: Lists, rules: SuffixRules) -> tuple[list[tuple[int, int]], NDArray[np.uint32], NDArray[np.uint8]]:
    """Rank and end of each run, and the hashes of the registered domains, each in the run of its best rank."""
    seen: set[str] = set()
    ranks, uppers, lowers = [], [], []
    for list_name, rank in choices.POPULAR:
        hosts = filter(None, map(normalise, read(list_name).entries))
        domains = {rules.registered(host).domain for host in hosts} - seen - {""}
        seen |= domains
        upper, lower = hashes_of(domains)
        order = np.lexsort((lower, upper))
        uppers.append(upper[order])
        lowers.append(lower[order])
        ranks.append((rank, len(seen)))
    return ranks, np.concatenate(uppers), np.concatenate(lowers)


def _is_below(name: str, domains: Iterable[str]) -> bool:
    """Whether a name is one of the domains, or lies below one."""
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


def _networks(entries: Iterable[str], source: str = "choices") -> list[Network]:
    return [network(entry, source) for entry in entries]


def _text(lines: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(lines).encode("ascii"), dtype=np.uint8)


def _codes(numbers: Iterable[int]) -> NDArray[np.uint8]:
    codes = list(numbers)
    if max(codes, default=0) > 255:
        raise ValueError(f"{max(codes)} combinations of tags, the file has room for 256")
    return np.array(codes, dtype=np.uint8)


def _newest(versions: Iterable[str]) -> str:
    """The latest date among versions like 20251223, as 2025-12-23; "" where all are numbers that count."""
    dates = [version for version in versions if re.fullmatch(r"20[0-9]{2}[01][0-9][0-3][0-9]", version)]
    newest = max(dates, default="")
    return f"{newest[:4]}-{newest[4:6]}-{newest[6:]}" if newest else ""
