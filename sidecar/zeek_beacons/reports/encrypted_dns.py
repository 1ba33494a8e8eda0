"""Public resolvers that are asked over TLS, HTTPS or QUIC, told by name, address or port: what is asked is not seen.

A name that a client claims (TLS SNI) is taken at its word here, as everywhere in reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zeek_beacons.keys import DNS
from zeek_beacons.pipeline import Scored

DOT = 853  # RFC 7858, RFC 9250
WEB = frozenset(("ssl", "quic", "http"))


@dataclass(frozen=True, slots=True)
class Resolver:
    """Who answers look-ups of anybody."""

    operator: str
    names: tuple[str, ...]  # and those below them
    addresses: tuple[str, ...] = ()  # canonical; those that serve nothing else


# From the operators' own pages for whoever sets up a client; Cloudflare's for Firefox and Chrome are the browsers' own.
RESOLVERS = (
    Resolver(
        "Google",
        ("dns.google", "dns.google.com"),
        ("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"),
    ),
    Resolver(
        "Cloudflare",
        ("cloudflare-dns.com", "one.one.one.one", "1dot1dot1dot1.cloudflare-dns.com", "cloudflare-gateway.com"),
        ("1.1.1.1", "1.0.0.1", "1.1.1.2", "1.0.0.2", "1.1.1.3", "1.0.0.3", "104.16.248.249", "104.16.249.249",
         "162.159.61.4", "172.64.41.4", "2606:4700:4700::1111", "2606:4700:4700::1001"),
    ),
    Resolver(
        "Quad9",
        ("dns.quad9.net", "dns9.quad9.net", "dns10.quad9.net", "dns11.quad9.net"),
        ("9.9.9.9", "149.112.112.112", "9.9.9.10", "149.112.112.10", "9.9.9.11", "149.112.112.11",
         "2620:fe::fe", "2620:fe::9"),
    ),
    Resolver(
        "OpenDNS",
        ("doh.opendns.com", "dns.opendns.com", "doh.umbrella.com", "doh.familyshield.opendns.com"),
        ("208.67.222.222", "208.67.220.220", "146.112.41.2", "2620:119:35::35", "2620:119:53::53"),
    ),
    Resolver(
        "AdGuard",
        ("dns.adguard.com", "dns.adguard-dns.com", "dns-family.adguard.com", "family.adguard-dns.com",
         "dns-unfiltered.adguard.com", "unfiltered.adguard-dns.com", "d.adguard-dns.com"),
        ("94.140.14.14", "94.140.15.15", "94.140.14.15", "94.140.15.16", "94.140.14.140", "94.140.14.141"),
    ),
    Resolver("NextDNS", ("dns.nextdns.io", "doh.nextdns.io", "firefox.dns.nextdns.io", "chromium.dns.nextdns.io")),
    Resolver("CleanBrowsing", ("doh.cleanbrowsing.org", "dns.cleanbrowsing.org"), ("185.228.168.9", "185.228.168.10")),
    Resolver("Control D", ("dns.controld.com", "freedns.controld.com"), ("76.76.2.0", "76.76.10.0", "76.76.2.11")),
    Resolver("Mullvad", ("dns.mullvad.net",), ("194.242.2.2", "194.242.2.3", "194.242.2.4")),
    Resolver("DNS.SB", ("doh.dns.sb", "dot.sb", "doh.sb"), ("185.222.222.222", "45.11.45.11")),
    Resolver("AliDNS", ("dns.alidns.com",), ("223.5.5.5", "223.6.6.6")),
    Resolver("DNSPod", ("doh.pub", "dot.pub", "dns.pub"), ("1.12.12.12", "120.53.53.53")),
    Resolver("Yandex", ("dot.dns.yandex.net", "doh.dns.yandex.net", "dns.yandex.ru"), ("77.88.8.8", "77.88.8.1")),
    Resolver("Comcast", ("doh.xfinity.com", "dot.xfinity.com")),
    Resolver("CIRA", ("canadianshield.cira.ca",)),
    Resolver("IIJ", ("public.dns.iij.jp",)),
    Resolver("Wikimedia", ("wikimedia-dns.org",), ("185.71.138.138",)),
    Resolver("DNS4EU", ("joindns4.eu",)),
    Resolver("LibreDNS", ("doh.libredns.gr", "dot.libredns.gr")),
)  # fmt: skip
_BY_NAME: Mapping[str, str] = {name: one.operator for one in RESOLVERS for name in one.names}
_BY_ADDRESS: Mapping[str, str] = {addr: one.operator for one in RESOLVERS for addr in one.addresses}


def operator_of(name: str, addr: str) -> str:
    """Whose public resolver a server is, by its name, else by its address; "" where it is none that is known."""
    while name:
        if name in _BY_NAME:
            return _BY_NAME[name]
        name = name.partition(".")[2]
    return _BY_ADDRESS.get(addr, "")


def encrypted_dns(scored: Scored, row: int) -> str:
    """What a pair carries if its server is a resolver elsewhere: `DNS over HTTPS by Google`; "" where it is none."""
    pairs = scored.pairs
    if pairs.channel[row] == DNS or pairs.resp_local[row]:
        return ""
    operator, port = operator_of(scored.called.name[row], pairs.addr[row]), int(pairs.resp_p[row])
    by = f" by {operator}" if operator else ""
    if port == DOT:
        return f"DNS over {'TLS' if pairs.proto[row] == 'tcp' else 'QUIC'}{by}"
    is_web = port == 443 or WEB & set(pairs.service[row].lower().split(","))
    return f"DNS over HTTPS{by}" if operator and is_web else ""
