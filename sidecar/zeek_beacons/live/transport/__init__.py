"""Connections to Zeek: one small interface (`connection.py`), and a file for each kind of address."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.transport.connection import Transport


def transport(config: SidecarConfig) -> Transport:
    """The transport for the configured address, and the one shard that is meant. Raises ConfigError."""
    url = _parsed(config.zeek)
    if url.scheme != "wss" and not config.allow_plaintext and not _is_loopback(url.hostname or ""):
        raise ConfigError(
            f"zeek is {config.zeek!r}: another machine, and anyone between could read and answer. "
            "Use wss://, an SSH tunnel, or allow it with --allow-plaintext"
        )
    return _KINDS[url.scheme](config)


def _parsed(address: str) -> SplitResult:
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError as error:
        raise ConfigError(f"zeek is {address!r}: {error}") from error
    if url.scheme not in _KINDS or not url.hostname or not port:
        schemes = ", ".join(f"{scheme}://HOST:PORT" for scheme in _KINDS)
        raise ConfigError(f"zeek is {address!r}, expected {schemes}")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _websocket(config: SidecarConfig) -> Transport:
    from zeek_beacons.live.transport.websocket import WebSocketTransport

    return WebSocketTransport(config.zeek, config.tls_ca, config.one_shard)


def _broker(config: SidecarConfig) -> Transport:
    from zeek_beacons.live.transport.broker import BrokerTransport

    return BrokerTransport(config.zeek, config.one_shard)


_KINDS: Mapping[str, Callable[[SidecarConfig], Transport]] = {"ws": _websocket, "wss": _websocket, "broker": _broker}
