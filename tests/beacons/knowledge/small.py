"""A small file of public knowledge, made from plain Python values."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.knowledge import TAG_BIT, Knowledge
from zeek_beacons.knowledge.file import KNOWLEDGE, KNOWLEDGE_MANIFEST, encode, manifest_text
from zeek_beacons.knowledge.popular import hashes_of

ICANN = ("com", "net", "org", "uk", "co.uk", "*.ck", "!www.ck", "xn--55qx5d.cn", "cn", "example")
PRIVATE = ("cloud.net", "*.compute.cloud.net", "duck.org")
POPULAR = {1_000: ("big.com", "cloud.net"), 1_000_000: ("small.co.uk", "shop.cloud.net", "middle.org")}
TAGGED = {
    "big.com": TAG_BIT["google"],
    "mail.big.com": TAG_BIT["microsoft_365"],
    "=check.big.com": TAG_BIT["connectivity_check"],
    "cloud.net": TAG_BIT["aws"] | TAG_BIT["microsoft"],
    "own.cloud.net": TAG_BIT["microsoft"],
    "duck.org": TAG_BIT["dynamic_dns"],
}
NETWORKS = {
    "192.0.2.0/24": TAG_BIT["aws"],
    "192.0.2.128/25": TAG_BIT["resolver"],
    "192.0.2.200": TAG_BIT["sinkhole"],
    "255.255.255.0/24": TAG_BIT["fastly"],
    "0.0.0.0/32": TAG_BIT["akamai"],
    "2001:db8::/32": TAG_BIT["azure"],
    "2001:db8:0:1::/64": TAG_BIT["vpn_or_hosting"],
    "ffff::/16": TAG_BIT["apple"],
}


def mask_of(address: str, networks: Mapping[str, int] = NETWORKS) -> int:
    """The tags of an address by the standard library."""
    found = 0
    for net, mask in networks.items():
        if ipaddress.ip_address(address) in ipaddress.ip_network(net):
            found |= mask
    return found


def edges(version: int) -> list[int]:
    """Where the tags may change: the first address of each network, and the one after its last."""
    nets = [net for net in map(ipaddress.ip_network, NETWORKS) if net.version == version]
    numbers = {int(net[0]) for net in nets} | {int(net[-1]) + 1 for net in nets}
    return sorted(number for number in numbers if number < 1 << (32 if version == 4 else 128))


def arrays() -> dict[str, NDArray[Any]]:
    runs = [hashes_of(domains) for domains in POPULAR.values()]
    order = [np.lexsort((lower, upper)) for upper, lower in runs]
    v4 = [str(ipaddress.IPv4Address(edge)) for edge in edges(4)]
    v6 = [str(ipaddress.IPv6Address(edge)) for edge in edges(6)]
    masks = sorted({mask_of(address) for address in (*v4, *v6)})
    return {
        "popular_upper": np.concatenate([upper[rows] for (upper, _), rows in zip(runs, order, strict=True)]),
        "popular_lower": np.concatenate([lower[rows] for (_, lower), rows in zip(runs, order, strict=True)]),
        "icann_rules": text(ICANN),
        "private_rules": text(PRIVATE),
        "tagged_names": text(list(TAGGED)),
        "tagged_masks": np.array(list(TAGGED.values())),
        "v4_starts": np.array(edges(4)),
        "v4_codes": np.array([masks.index(mask_of(address)) for address in v4]),
        "v6_starts": np.array([edge.to_bytes(16) for edge in edges(6)], dtype="S16"),
        "v6_codes": np.array([masks.index(mask_of(address)) for address in v6]),
        "masks": np.array(masks),
    }


def about() -> dict[str, Any]:
    ends = np.cumsum([len(domains) for domains in POPULAR.values()]).tolist()
    return {"date": "2026-01-31", "ranks": [list(run) for run in zip(POPULAR, ends, strict=True)], "counts": {}}


def write(folder: Path, content: bytes | None = None, **changed: Any) -> Path:
    """A folder with the file and a manifest that fits it; `content` or single arrays or parts of the header instead."""
    parts = about() | {name: value for name, value in changed.items() if name not in arrays()}
    if content is None:
        content = encode(parts, arrays() | {name: value for name, value in changed.items() if name in arrays()})
    (folder / KNOWLEDGE).write_bytes(content)
    (folder / KNOWLEDGE_MANIFEST).write_text(manifest_text(content, parts))
    return folder


def load(folder: Path) -> Knowledge:
    return Knowledge.load(write(folder))


def text(lines: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(lines).encode(), dtype=np.uint8)
