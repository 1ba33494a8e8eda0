"""All kinds of traffic in one table. A new kind is one function and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from zeek_beacons_lab.traffic import benign, c2, people, workplace
from zeek_beacons_lab.traffic.series import Plan, Rng, Story

Label = Literal["c2", "benign", "malicious_other"]  # the last one of campaigns, which are no kinds

# How many of a site's hosts also talk to the responder, a few times, now and then.
Reach = Literal["rare", "few", "common"]


@dataclass(frozen=True, slots=True)
class Kind:
    make: Callable[[Rng, Plan], Story]
    label: Label
    gaps: tuple[float, float]  # mean seconds between connections for which the kind is real
    weight: float = 1.0  # how often it is drawn among the kinds that fit
    reach: Reach = "common"


# Timers are a small part of what a network does: in public captures one benign pair in five or fewer keeps one
# (one in three here, so that there are enough of each to learn from).
_ANY = (2.0, 21_600.0)

KINDS: Mapping[str, Kind] = {
    "cobalt_strike": Kind(c2.cobalt_strike, "c2", _ANY, 3.0, "rare"),
    "cobalt_strike_dns": Kind(c2.cobalt_strike_dns, "c2", (2.0, 7200.0), 0.7, "rare"),
    "sliver": Kind(c2.sliver, "c2", _ANY, 1.5, "rare"),
    "merlin": Kind(c2.merlin, "c2", _ANY, 1.0, "rare"),
    "havoc": Kind(c2.havoc, "c2", _ANY, 1.0, "rare"),
    "mythic": Kind(c2.mythic, "c2", _ANY, 1.0, "rare"),
    "empire": Kind(c2.empire, "c2", _ANY, 1.5, "rare"),
    "poshc2": Kind(c2.poshc2, "c2", _ANY, 1.0, "rare"),
    "caldera": Kind(c2.caldera, "c2", (2.0, 600.0), 0.7, "rare"),
    "metasploit": Kind(c2.metasploit, "c2", (7.0, 14.0), 4.0, "rare"),
    "dns_implant": Kind(c2.dns_implant, "c2", (2.0, 3600.0), 0.7, "rare"),
    "long_poll": Kind(c2.long_poll, "c2", (20.0, 3600.0), 0.7, "rare"),
    "remote_tool": Kind(c2.remote_tool, "c2", (2.0, 3600.0), 1.2, "rare"),
    "bot": Kind(c2.bot, "c2", (2.0, 900.0), 1.2, "rare"),
    "ntp": Kind(benign.ntp, "benign", (50.0, 1200.0), 1.12),
    "sntp": Kind(benign.sntp, "benign", (300.0, 21_600.0), 0.525),
    "dhcp": Kind(benign.dhcp, "benign", (130.0, 21_600.0), 0.525),
    "mqtt": Kind(benign.mqtt, "benign", (20.0, 3600.0), 0.75, "few"),
    "push": Kind(benign.push, "benign", (120.0, 3600.0), 0.75),
    "api_polling": Kind(benign.api_polling, "benign", (2.0, 5000.0), 1.12, "few"),
    "heartbeat": Kind(benign.heartbeat, "benign", (5.0, 21_600.0), 1.12),
    "telemetry": Kind(benign.telemetry, "benign", (10.0, 21_600.0), 1.12),
    "windows_update": Kind(benign.windows_update, "benign", (1800.0, 79_200.0), 0.75),
    "package_update": Kind(benign.package_update, "benign", (900.0, 21_600.0), 0.75),
    "antivirus": Kind(benign.antivirus, "benign", (600.0, 21_600.0), 0.75),
    "software_check": Kind(benign.software_check, "benign", (900.0, 21_600.0), 1.12, "few"),
    "cloud_sync": Kind(benign.cloud_sync, "benign", (20.0, 900.0), 0.75),
    "monitoring": Kind(benign.monitoring, "benign", (4.0, 21_600.0), 0.75, "few"),
    "ping": Kind(benign.ping, "benign", (2.0, 3600.0), 0.375, "few"),
    "iot_hub": Kind(benign.iot_hub, "benign", (8.0, 16_000.0), 0.75, "rare"),
    "mail_check": Kind(benign.mail_check, "benign", (45.0, 4000.0), 0.525),
    "rss": Kind(benign.rss, "benign", (700.0, 21_600.0), 0.525, "few"),
    "dns_ttl": Kind(benign.dns_ttl, "benign", (4.0, 4000.0), 0.525),
    "ssdp": Kind(benign.ssdp, "benign", (10.0, 1800.0), 0.375),
    "backup": Kind(benign.backup, "benign", (50.0, 21_600.0), 0.45, "few"),
    "scripted_loop": Kind(benign.scripted_loop, "benign", _ANY, 1.12, "rare"),
    "streaming": Kind(benign.streaming, "benign", (2.0, 12.0), 0.75, "few"),
    "page_refresh": Kind(benign.page_refresh, "benign", (5.0, 300.0), 0.525, "few"),
    "poisson": Kind(people.poisson, "benign", _ANY, 3.0),
    "poisson_constant": Kind(people.poisson_constant, "benign", _ANY, 1.0, "few"),
    "browsing": Kind(people.browsing, "benign", _ANY, 7.0),
    "scripted_browsing": Kind(people.scripted_browsing, "benign", _ANY, 1.0, "rare"),
    "third_party": Kind(people.third_party, "benign", _ANY, 5.0),
    "application": Kind(people.application, "benign", _ANY, 5.0),
    "page_timer": Kind(people.page_timer, "benign", (10.0, 21_600.0), 2.0, "few"),
    "office": Kind(workplace.office, "benign", _ANY, 2.5, "few"),
    "peers": Kind(workplace.peers, "benign", _ANY, 2.0, "rare"),
    "ocsp": Kind(people.ocsp, "benign", (20.0, 21_600.0), 0.8),
    "chat_reconnect": Kind(people.chat_reconnect, "benign", (4.0, 21_600.0), 0.8, "few"),
    "dns_client": Kind(people.dns_client, "benign", (2.0, 2000.0), 0.8),
}
