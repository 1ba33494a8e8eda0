"""MITRE ATT&CK techniques that a beacon's channel is an instance of, as data: chosen by service, port and outcome.

A technique's page is `https://attack.mitre.org/techniques/` and its number, with the part after the dot as a folder of
its own: T1071.001 is https://attack.mitre.org/techniques/T1071/001/. Names are MITRE's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zeek_beacons.features.context import ALTERNATIVE_PORTS, WEB_PORTS, fit

URL = "https://attack.mitre.org/techniques/{}/"
TACTIC, TACTIC_NAME = "TA0011", "Command and Control"  # of all of them

TECHNIQUES = {
    "T1008": "Fallback Channels",
    "T1071.001": "Application Layer Protocol: Web Protocols",
    "T1071.002": "Application Layer Protocol: File Transfer Protocols",
    "T1071.003": "Application Layer Protocol: Mail Protocols",
    "T1071.004": "Application Layer Protocol: DNS",
    "T1071.005": "Application Layer Protocol: Publish/Subscribe Protocols",
    "T1095": "Non-Application Layer Protocol",
    "T1571": "Non-Standard Port",
    "T1573": "Encrypted Channel",
}


@dataclass(frozen=True, slots=True)
class Channel:
    """What is known of how a pair talks."""

    proto: str
    port: int
    services: frozenset[str]  # as conn.log names them, lower case
    answered: bool | None  # whether anything ever answered; None where that is not known


def _speaks(*services: str, ports: tuple[int, ...] = ()) -> Callable[[Channel], bool]:
    """Channels of one of these services, or at one of these ports while no service is known."""

    def holds(channel: Channel) -> bool:
        return not channel.services.isdisjoint(services) or (not channel.services and channel.port in ports)

    return holds


_ASSIGNED = frozenset((*WEB_PORTS, *ALTERNATIVE_PORTS, 21, 25, 53, 110, 143, 465, 587, 853, 993, 995, 1883, 8883))


def _is_unknown(channel: Channel) -> bool:
    return channel.proto == "icmp" or (not channel.services and channel.port not in _ASSIGNED)


def _is_off_port(channel: Channel) -> bool:
    web_elsewhere = bool(channel.services & {"http", "ssl"}) and channel.port in (*WEB_PORTS, *ALTERNATIVE_PORTS)
    return not web_elsewhere and any(fit(channel.port, service) < 0 for service in channel.services)


RULES: tuple[tuple[str, Callable[[Channel], bool]], ...] = (
    ("T1071.004", _speaks("dns", ports=(53,))),
    ("T1071.001", _speaks("http", "ssl", "quic", "websocket", ports=(*WEB_PORTS, *ALTERNATIVE_PORTS))),
    ("T1071.002", _speaks("ftp", "ftp-data", "smb", "tftp", ports=(21,))),
    ("T1071.003", _speaks("smtp", "imap", "pop3", ports=(25, 110, 143, 465, 587, 993, 995))),
    ("T1071.005", _speaks("mqtt", "amqp", "xmpp", ports=(1883, 8883))),
    ("T1573", _speaks("ssl", "quic", "ssh", ports=(443, 853, 993, 995, 8443, 8883))),
    ("T1095", _is_unknown),
    ("T1571", _is_off_port),
    ("T1008", lambda channel: channel.answered is False),
)


def techniques(channel: Channel) -> list[str]:
    """The numbers of the techniques that a channel would be an instance of, if it were C2."""
    if channel.proto == "icmp":
        return ["T1095"]
    return [number for number, holds in RULES if holds(channel)]


def url(number: str) -> str:
    """The page of a technique."""
    return URL.format(number.replace(".", "/"))


def name(number: str) -> str:
    """The name of a technique, or of a part of one without its technique's: `Web Protocols` of T1071.001.

    The number itself where it is not known here: an alert may have waited since another version.
    """
    if number in TECHNIQUES:
        return TECHNIQUES[number].rpartition(": ")[2]
    parts = (told.partition(": ")[0] for part, told in TECHNIQUES.items() if part.startswith(f"{number}."))
    return next(parts, number)
