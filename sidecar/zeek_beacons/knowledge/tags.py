"""What public lists say of a name or an address: one bit each, with a text for reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# In the order of their bits. The file records the names, and one made with others is refused.
TAG_TEXTS: Mapping[str, str] = {
    "microsoft": "Microsoft",
    "microsoft_365": "Microsoft 365 endpoint",
    "windows": "Windows service (updates, telemetry, connectivity)",
    "apple": "Apple",
    "google": "Google",
    "github": "GitHub",
    "wikimedia": "Wikimedia",
    "aws": "Amazon Web Services",
    "azure": "Microsoft Azure",
    "google_cloud": "Google Cloud",
    "ovh": "OVH web hosting",
    "cloudflare": "Cloudflare",
    "akamai": "Akamai",
    "fastly": "Fastly",
    "stackpath": "StackPath",
    "zscaler": "Zscaler proxy",
    "resolver": "well-known public DNS resolver",
    "open_resolver": "open DNS resolver, whoever runs it",
    "dynamic_dns": "dynamic DNS: anybody gets a name there at once",
    "vpn_or_hosting": "network of a hosting or VPN provider",
    "trusted_site": "trusted site that malware is known to hide behind",
    "url_shortener": "URL shortener",
    "ip_check": "tells a client its public address",
    "ipfs_gateway": "gateway to IPFS, where anybody can store files",
    "connectivity_check": "asked by systems whether they are online",
    "certificate_check": "status of certificates (OCSP, CRL)",
    "sinkhole": "sinkhole: where names taken from malware lead",
    "parked": "server of parked domains",
    "block_page": "block page of a DNS filter",
    "shared_suffix": "a customer's name, below a suffix that all customers share",
}
TAGS: tuple[str, ...] = tuple(TAG_TEXTS)
TAG_BIT: Mapping[str, int] = {name: 1 << number for number, name in enumerate(TAGS)}


def tag_mask(names: Iterable[str]) -> int:
    """The bits of several tags together."""
    mask = 0
    for name in names:
        mask |= TAG_BIT[name]
    return mask


# Who runs the service itself. Such a tag of a suffix says nothing of a customer's name below it.
OPERATORS = tag_mask(
    (
        *("microsoft", "microsoft_365", "windows", "apple", "google", "github", "wikimedia"),
        *("connectivity_check", "certificate_check"),
    )
)
# Where anybody can rent a server or a name, implants too.
CLOUDS = tag_mask(("aws", "azure", "google_cloud", "ovh", "vpn_or_hosting", "shared_suffix"))
# What stands in front of servers of others.
CDNS = tag_mask(("cloudflare", "akamai", "fastly", "stackpath"))


def tag_names(mask: int) -> tuple[str, ...]:
    """The tags of a bit mask, in the order of TAGS."""
    return tuple(name for name, bit in TAG_BIT.items() if mask & bit)


def tag_texts(mask: int) -> tuple[str, ...]:
    """The same in plain English."""
    return tuple(TAG_TEXTS[name] for name in tag_names(mask))
