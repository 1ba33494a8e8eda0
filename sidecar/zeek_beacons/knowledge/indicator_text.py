"""One spelling for each indicator that a pair can have: an address, a network, a name, or the host of a URL."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import NamedTuple, TypeAlias

from zeek_beacons.knowledge.addresses import packed
from zeek_beacons.knowledge.suffixes import normalise

KINDS = ("address", "network", "name", "URL")
ADDRESS, NETWORK, NAME, URL = range(4)
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST = 4096  # characters of a URL
WIDEST = {4: 8, 6: 16}  # by IP version: bits that a network must have at least
# First octets of addresses that may be nobody's, by their number of octets.
_NOBODY = {4: (0, 127, 255), 16: (0,)}
NOTHING = "no address, name or URL"
_PORT = re.compile(r"(.+):[0-9]{1,5}")
_SCHEME = re.compile(r"(?:h(?:tt|xx)ps?|ftp|tcp|udp|ws|wss)://", re.IGNORECASE)
_DEFANGED = (("[.]", "."), ("(.)", "."), ("[:]", ":"), ("[://]", "://"))


class NoIndicatorError(ValueError):
    """Why something is no indicator of a pair, in words without what was found: they are counted by reason."""


class IndicatorText(NamedTuple):
    """An indicator: its kind (index into KINDS) and its one spelling."""

    kind: int
    text: str


def spelled(text: str) -> IndicatorText:
    """What an indicator says, also where it is defanged (`evil[.]example`, `hxxp://`) or has a port behind it.

    Raises NoIndicatorError for what is none, and for what would mark half of the internet.
    """
    text = text.strip(" \t\r\n\"'")
    for written, meant in _DEFANGED if "[" in text or "(" in text else ():
        text = text.replace(written, meant)
    if not text or len(text) > LONGEST:
        raise NoIndicatorError(NOTHING)
    if "://" in text and (scheme := _SCHEME.match(text)):
        return _host_of_url(text[scheme.end() :])
    if "/" in text:
        network = _network(text)
        return _host_of_url(text) if network is None else _wide_enough(network)
    return _host(text) or _refused()


def _refused() -> IndicatorText:
    raise NoIndicatorError(NOTHING)


def _host(text: str) -> IndicatorText | None:
    """An address or a name, with a port behind it or without."""
    if (found := _bare(text)) is not None:
        return found
    with_port = _PORT.fullmatch(text)
    return None if with_port is None else _bare(with_port[1].strip("[]"))


def _bare(text: str) -> IndicatorText | None:
    is_name = text[-1:].isalpha() and ":" not in text  # what ends in a letter is no IPv4 address: names are many
    if not is_name and (octets := packed(text)):
        if octets[0] in _NOBODY[len(octets)] and _is_nobody(octets):
            raise NoIndicatorError("an address that is no server's")
        return IndicatorText(
            ADDRESS, socket.inet_ntoa(octets) if len(octets) == 4 else str(ipaddress.ip_address(octets))
        )
    name = normalise(text.removeprefix("*."))
    return IndicatorText(NAME, name) if name else None


def _is_nobody(octets: bytes) -> bool:
    """Whether an address is unspecified, loopback or broadcast."""
    address = ipaddress.ip_address(octets)
    return address.is_unspecified or address.is_loopback or octets == b"\xff" * 4


def _host_of_url(rest: str) -> IndicatorText:
    """The host of a URL without its scheme."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    found = _host(authority[1 : authority.index("]")] if authority.startswith("[") and "]" in authority else authority)
    return IndicatorText(URL, found.text) if found else _refused()


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _wide_enough(network: Network) -> IndicatorText:
    if network.prefixlen == network.max_prefixlen:
        return _bare(str(network.network_address)) or _refused()
    if network.prefixlen < WIDEST[network.version]:
        raise NoIndicatorError("a network too wide to mean anything")
    return IndicatorText(NETWORK, str(network))
