"""Benign rhythms with a name: what a periodic pair might be taken for, as data.

A look-alike needs more than a port: the sizes that its protocol has, a responder on the same network, other hosts that
go there too, or a server name of its own. What fits is told with the verdict. One known by protocol (`proof`) does not
alert. One known by a name, which a client can claim, does not alert below the conservative threshold.

Sources: RFC 5905 (NTP: 48 bytes, 68 with a key), RFC 2131 (DHCP), RFC 1035 (DNS), RFC 6960 (OCSP), RFC 1002 (NetBIOS),
RFC 792 (echo); most server names from the makers' own firewall documents, some from captures.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.features import Features
from zeek_beacons.pairs import Bools, Floats, Pairs

NONE = -1
PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)
PACKETS = 0.9  # share of the sizes that must be whole packets
RESOLVERS = (
    "8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "149.112.112.112", "208.67.222.222", "208.67.220.220",
    "4.2.2.1", "4.2.2.2", "2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111", "2620:fe::fe",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LookAlike:
    """One benign rhythm. A pair fits where everything stated holds; ranges hold the median bytes a connection."""

    code: str
    text: str
    proto: str = ""
    ports: tuple[int, ...] = ()
    services: tuple[str, ...] = ()  # one of them is recognised
    names: tuple[str, ...] = ()  # the server name is one of these or below it
    labels: tuple[str, ...] = ()  # the server name's first label begins with one of these
    sent: tuple[float, float] = (0.0, np.inf)
    received: tuple[float, float] = (0.0, np.inf)  # of those answered
    packet: int = 0  # bytes of a packet: known sizes both ways are whole multiples of it, nearly all
    addresses: tuple[str, ...] = ()  # the responder is one of these, or `shared` holds
    same_sent: float = 0.0  # least share of connections that send the median amount, within 10 %
    inside: bool = False  # the responder's address is private
    shared: int = 1  # hosts of the site that go there, at least

    @property
    def proof(self) -> bool:
        """Whether it rests on the protocol, not on a name that anybody can send."""
        return not (self.names or self.labels)


LOOK_ALIKES: tuple[LookAlike, ...] = (
    LookAlike("ntp", "NTP", "udp", (123,), packet=48, sent=(48, 960)),
    LookAlike("dhcp", "a DHCP renewal", "udp", (67, 547), sent=(60, 600), received=(0, 700), inside=True),
    LookAlike("netbios", "NetBIOS announcements", "udp", (137, 138), sent=(40, 3000), inside=True),
    LookAlike("snmp", "SNMP monitoring", "udp", (161, 162), ("snmp",), inside=True),
    LookAlike(
        "resolver",
        "queries to a shared DNS resolver",
        "udp",
        (53,),
        ("dns",),
        sent=(17, 120),
        shared=3,
        addresses=RESOLVERS,
    ),
    LookAlike("echo", "an echo check", "icmp", sent=(0, 64), received=(0, 64), same_sent=0.95),
    LookAlike("ocsp", "OCSP and CRL checks", "tcp", (80,), ("http",), labels=("ocsp", "crl"), sent=(100, 700)),
    LookAlike(
        "update",
        "a software update check",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        (
            "windowsupdate.com", "update.microsoft.com", "mp.microsoft.com", "download.microsoft.com",
            "swscan.apple.com", "swcdn.apple.com", "mesu.apple.com", "gdmf.apple.com",
            "archive.ubuntu.com", "security.ubuntu.com", "changelogs.ubuntu.com", "api.snapcraft.io", "deb.debian.org",
            "security.debian.org", "mirrors.fedoraproject.org", "aus5.mozilla.org", "settings.services.mozilla.com",
            "update.googleapis.com", "clients2.google.com", "gvt1.com", "edge.microsoft.com", "fwupd.org",
            "adobe.com", "dl.sourceforge.net", "safebrowsing.googleapis.com", "clientservices.googleapis.com",
            "optimizationguide-pa.googleapis.com", "android.clients.google.com", "mirrorlist.centos.org",
            "content-signature-2.cdn.mozilla.net", "shavar.services.mozilla.com", "tracking-protection.cdn.mozilla.net",
        ),
    ),
    LookAlike(
        "tiles",
        "news and weather that the desktop fetches",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        (
            "tile-service.weather.microsoft.com", "cdn.content.prod.cms.msn.com", "tile.msn.com", "arc.msn.com",
            "contile.services.mozilla.com", "spocs.getpocket.com",
        ),
    ),
    LookAlike(
        "antivirus",
        "a signature update",
        "tcp",
        (80, 443, 8883),
        ("http", "ssl", "mqtt"),
        (
            "eset.com", "avast.com", "avcdn.net", "avg.com", "kaspersky.com", "kaspersky-labs.com", "symantec.com",
            "norton.com", "mcafee.com", "trendmicro.com", "sophos.com", "sophosxl.net", "bitdefender.com",
            "bitdefender.net", "f-secure.com", "malwarebytes.com", "clamav.net",
            "wdcp.microsoft.com", "wd.microsoft.com",
        ),
    ),
    LookAlike(
        "push",
        "a push notification channel",
        "tcp",
        (443, 5223, 5228, 5229, 5230),
        ("ssl",),
        (
            "push.apple.com", "mtalk.google.com", "push.services.mozilla.com", "wns.windows.com", "notify.windows.com",
            "pusher.com", "pusherapp.com", "onesignal.com", "fcm.googleapis.com", "urbanairship.com", "pubnub.com",
        ),
    ),
    LookAlike(
        "telemetry",
        "product telemetry",
        "tcp",
        (443,),
        ("ssl",),
        (
            "events.data.microsoft.com", "vortex.data.microsoft.com", "telemetry.microsoft.com",
            "watson.microsoft.com", "settings-win.data.microsoft.com", "telemetry.mozilla.org", "crashlytics.com",
            "app-measurement.com", "metrics.icloud.com", "metrics.apple.com", "sentry.io", "nr-data.net",
            "datadoghq.com", "grammarly.com", "grammarly.io",
        ),
    ),
    LookAlike(
        "sync",
        "a file synchronisation client",
        "tcp",
        (443,),
        ("ssl",),
        ("dropbox.com", "dropboxapi.com", "onedrive.live.com", "storage.live.com", "drive.google.com", "icloud.com",
         "icloud-content.com", "box.com", "sync.com"),
    ),
    LookAlike(
        "connectivity",
        "a connectivity check",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        ("msftconnecttest.com", "msftncsi.com", "connectivitycheck.gstatic.com", "captive.apple.com",
         "detectportal.firefox.com", "connectivity-check.ubuntu.com", "nmcheck.gnome.org",
         "motd.ubuntu.com", "dns.msftncsi.com"),
    ),
    LookAlike(
        "mail", "a mail check", "tcp", (110, 143, 993, 995), ("ssl", "imap", "pop3"), labels=("imap", "pop", "mail")
    ),
)  # fmt: skip


def find(pairs: Pairs, features: Features) -> NDArray[np.int16]:
    """The first look-alike that each pair fits, as an index into LOOK_ALIKES, NONE for none, (n,)."""
    found = np.full(len(pairs), NONE, dtype=np.int16)
    for index, look in reversed(list(enumerate(LOOK_ALIKES))):
        rows = np.flatnonzero(_addressed(pairs, look))
        found[rows[_behaves(pairs.take(rows), Features(features.matrix[rows]), look)]] = index
    return found


def is_proof(found: NDArray[np.int16]) -> Bools:
    """Which of the look-alikes rest on their protocol, (n,)."""
    proofs = np.array([look.proof for look in LOOK_ALIKES] + [False])  # NONE is the last
    proven: Bools = proofs[found]
    return proven


def _addressed(pairs: Pairs, look: LookAlike) -> Bools:
    """Pairs to the right port, by cheap comparisons."""
    fits = np.ones(len(pairs), dtype=np.bool_)
    if look.proto:
        fits &= pairs.proto == look.proto
    if look.ports:
        fits &= np.isin(pairs.resp_p, look.ports)
    if look.names or look.labels:
        fits &= pairs.server_name != ""
    return fits


def _behaves(pairs: Pairs, features: Features, look: LookAlike) -> Bools:
    """Pairs whose service, name, sizes and company are as stated.

    An unknown size fits no stated one, unless a name is stated as well: many logs hold names and no sizes.
    """
    fits = np.ones(len(pairs), dtype=np.bool_)
    if look.services:
        fits &= np.array(
            [bool(set(look.services) & set(seen.lower().split(","))) for seen in pairs.service], dtype=bool
        )
    if look.names or look.labels:
        fits &= np.array([_called(name, look) for name in pairs.server_name], dtype=np.bool_)
        fits &= 2 * pairs.named >= pairs.conns
    sent, received = _bytes(features.column("log_orig")), _bytes(features.column("log_resp"))
    for known, (least, most) in ((sent, look.sent), (received, look.received)):
        if (least, most) != (0.0, np.inf):
            fits &= (known >= least - 0.5) & (known <= most + 0.5) | (np.isnan(known) & (not look.proof))
    if look.same_sent:
        fits &= features.column("orig_near_median") >= look.same_sent
    if look.inside:
        fits &= np.array([_is_private(addr) for addr in pairs.addr], dtype=np.bool_)
    if look.packet:
        fits &= _whole_packets(pairs, look.packet)
    if look.shared > 1:
        fits &= (pairs.resp_hosts >= look.shared) | np.isin(pairs.addr.astype(str), look.addresses)
    return fits


def _whole_packets(pairs: Pairs, size: int) -> Bools:
    """Pairs of which nearly all known sizes, at least three, are whole multiples of `size`."""
    both = np.stack([pairs.orig_bytes, pairs.resp_bytes])
    owner = np.repeat(np.arange(len(pairs)), pairs.counts)
    known = np.bincount(owner, np.isfinite(both).sum(axis=0), len(pairs))
    whole = np.bincount(owner, (both % size == 0).sum(axis=0), len(pairs))
    fits: Bools = (known >= 3) & (whole >= PACKETS * known)
    return fits


def _called(name: str, look: LookAlike) -> bool:
    name = name.lower()
    under = any(name == known or name.endswith("." + known) for known in look.names)
    return under or name.split(".")[0].startswith(look.labels or ("\0",))


def _bytes(logarithm: NDArray[np.float32]) -> Floats:
    median: Floats = 10.0 ** logarithm.astype(np.float64) - 1
    return median


@lru_cache(maxsize=4096)
def _is_private(addr: str) -> bool:
    address = ipaddress.ip_address(addr)
    return any(address in network for network in PRIVATE if network.version == address.version)
