"""What a periodic pair could be instead of an implant, where no look-alike fits: the commonest benign timers, by port.

A hint for whoever looks at an alert, no verdict: nothing here keeps a pair quiet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.encrypted_dns import encrypted_dns
from zeek_beacons.scoring.lookalike_table import LOOK_ALIKES

SHARED = 3  # other hosts that go there, from which it is taken for something that many here use


@dataclass(frozen=True, slots=True)
class Timer:
    """A benign timer at a port of its own."""

    text: str
    ports: tuple[int, ...] = ()
    services: tuple[str, ...] = ()


TIMERS = (
    Timer("a time service", (123, 37, 319, 320), ("ntp",)),
    Timer("a name server that a program asks on a timer", (53, 853, 5353, 5355), ("dns",)),
    Timer("monitoring by SNMP", (161, 162), ("snmp",)),
    Timer("a monitoring agent (NRPE, Zabbix, Prometheus, Wazuh)", (5666, 5667, 10050, 10051, 9090, 9100, 1514, 1515)),
    Timer("a log shipper (syslog, Beats, fluentd)", (514, 601, 6514, 5044, 24224), ("syslog",)),
    Timer("a device's or broker's keep-alive (MQTT, AMQP)", (1883, 8883, 5671, 5672), ("mqtt",)),
    Timer("a mail check", (110, 143, 993, 995), ("imap", "pop3")),
    Timer("a push or chat connection", (5222, 5223, 5228, 5229, 5230), ("xmpp",)),
    Timer("the keep-alive of a call or conference (STUN, SIP)", (3478, 5349, 19302, 5060, 5061), ("sip", "stun")),
    Timer("a directory or log-on service", (88, 389, 636, 3268, 3269), ("ldap", "ldap_tcp", "krb", "krb_tcp")),
    Timer("a file share", (139, 445, 2049), ("smb",)),
    Timer("an application's database connections", (1433, 1521, 3306, 5432, 6379, 9200, 27017), ("mysql", "redis")),
    Timer("a scripted log-on or file transfer", (22,), ("ssh",)),
    Timer("updates shared among the site's hosts", (7680, 8530, 8531)),
    Timer("device discovery or announcements", (67, 137, 138, 547, 1900, 3702), ("dhcp",)),
    Timer("an availability check (ping)"),
)
WEB = ("http", "ssl", "quic")


def could_be(scored: Scored, row: int) -> str:
    """What else the pair could be, "" where nothing comes to mind."""
    pairs, look = scored.pairs, scored.verdicts.look_alike[row]
    if look >= 0:
        return LOOK_ALIKES[int(look)].text
    if pairs.proto[row] == "icmp":
        return TIMERS[-1].text
    if told := encrypted_dns(scored, row):
        return told
    port, services = int(pairs.resp_p[row]), set(pairs.service[row].lower().split(","))
    for timer in TIMERS:
        if port in timer.ports or not services.isdisjoint(timer.services):
            return timer.text
    shared = pairs.resp_hosts[row] - 1 >= SHARED
    if not services.isdisjoint(WEB) or port in (80, 443):
        what = "a web application, update check or telemetry"
        return f"{what} that many hosts here use" if shared else f"{what} that polls"
    return "a service that many hosts here use" if shared and not np.isnan(pairs.resp_hosts[row]) else ""
