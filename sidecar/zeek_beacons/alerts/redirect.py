"""Where a webhook's redirect may lead: to the same server, or to a public address, and never from https to http.

Whoever answers a webhook must not be able to have the sensor post into the network it watches. The address that was
checked is the one connected to, whatever the name's next look-up says.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

from zeek_beacons.alerts.sink import DeliveryError

MOST_REDIRECTS = 3
KEEP_METHOD = frozenset((307, 308))  # the others turn a POST into a GET, which carries no alert
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, and what it takes to reach it: where to connect, under which name."""

    url: str
    address: str = ""  # to connect to in place of the URL's host
    headers: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)

    @property
    def connect_to(self) -> str:
        """The URL with the address in place of its host."""
        if not self.address:
            return self.url
        url = urlsplit(self.url)
        host = f"[{self.address}]" if ":" in self.address else self.address
        return url._replace(netloc=f"{host}:{_origin(url)[2]}").geturl()


def addresses(host: str, port: int) -> list[str]:
    """What a host's name stands for. Raises OSError."""
    return [str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def next_target(at: Target, status: int, location: str) -> Target:
    """Where a redirect leads to. Raises DeliveryError where it is refused."""
    if status not in KEEP_METHOD or not location:
        raise DeliveryError(f"status {status}, a redirect that carries no alert")
    try:
        url = urlsplit(urldefrag(urljoin(at.url, location)).url)
        before, after = _origin(urlsplit(at.url)), _origin(url)
    except ValueError as error:
        raise DeliveryError("redirect to what is no URL") from error
    if before == after:
        return Target(url.geturl(), at.address, at.headers, at.extensions)
    scheme, host, port = after
    if scheme not in PORTS or not host or (before[0] == "https" and scheme == "http"):
        raise DeliveryError("redirect refused: it leads away from https")
    try:
        found = addresses(host, port)
    except OSError as error:
        raise DeliveryError(f"redirect: {error.strerror}") from error
    if not found or not all(map(_is_public, found)):
        raise DeliveryError("redirect refused: it leads to a private address")
    return Target(url.geturl(), found[0], {"host": url.netloc.rpartition("@")[2]}, {"sni_hostname": host})


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return parsed.is_global and not parsed.is_multicast


def _origin(url: SplitResult) -> tuple[str, str, int]:
    return url.scheme, url.hostname or "", url.port or PORTS.get(url.scheme, 0)
