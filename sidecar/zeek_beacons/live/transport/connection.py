"""The interface of a connection to Zeek, and its errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from zeek_beacons.errors import BeaconsError
from zeek_beacons.live.protocol.frames import Event, PackedEvent
from zeek_beacons.live.protocol.messages import BadMessage


class TransportError(BeaconsError):
    """There is no connection (any more), and why."""


class WrongPeerError(TransportError):
    """Something answers at the address, and it is not Zeek."""


class Connection(Protocol):
    """A connection to Zeek with its subscription taken."""

    peer: str  # who answered, for people

    def __aiter__(self) -> AsyncIterator[Event | PackedEvent | BadMessage]:
        """What comes in. Ends when Zeek closes; raises TransportError when the connection breaks."""

    async def send(self, event: Event | PackedEvent) -> None:
        """Publishes an event, waiting while Zeek does not read. Raises TransportError."""


class Transport(Protocol):
    """Makes connections to one address."""

    address: str

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """A connection, closed at the end. Entering raises TransportError."""
