"""Zeek's WebSocket API, which every Zeek since 8.0 serves with any cluster backend."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake, InvalidURI

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.protocol import frames
from zeek_beacons.live.protocol.frames import Ack, Event, Refusal
from zeek_beacons.live.protocol.messages import BadMessage
from zeek_beacons.live.protocol.shards import WHOLE, Shard
from zeek_beacons.live.transport.connection import Connection, TransportError, WrongPeerError

PATH = "/v1/messages/json"
APPLICATION = "zeek-beacons"
LARGEST_MESSAGE = (
    4 * frames.LONGEST_FRAME
)  # beyond, the connection is closed; below, a message too long is only counted
OPEN_TIMEOUT = 10.0  # seconds
CLOSE_TIMEOUT = 2.0


class WebSocketTransport:
    """Connects to `ws://HOST:PORT` or `wss://HOST:PORT`; without a path, the one of Zeek's API."""

    def __init__(self, address: str, tls_ca: str = "", shard: Shard = WHOLE) -> None:
        url, self._shard = urlsplit(address), shard
        self.address = address if url.path.strip("/") else url._replace(path=PATH).geturl()
        self._tls = _tls(tls_ca) if url.scheme == "wss" else None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """A connection with its subscription acknowledged."""
        try:
            socket = await connect(
                self.address,
                ssl=self._tls,
                additional_headers={"X-Application-Name": APPLICATION},
                compression=None,
                proxy=None,
                max_size=LARGEST_MESSAGE,
                open_timeout=OPEN_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
            )
        except (InvalidHandshake, InvalidURI, EOFError) as error:
            raise WrongPeerError(f"{self.address}: not Zeek's WebSocket API: {error}") from error
        except (OSError, TimeoutError) as error:
            raise TransportError(f"{self.address}: {error or 'no answer'}") from error
        try:
            yield _WebSocket(socket, await self._subscribe(socket))
        finally:
            await socket.close()

    async def _subscribe(self, socket: ClientConnection) -> str:
        """Sends the subscription and returns who acknowledged it."""
        try:
            await socket.send(frames.subscription(self._shard))
            answer = frames.unframe(await socket.recv(decode=False))
        except ConnectionClosed as error:
            raise WrongPeerError(f"{self.address}: closed on the subscription: {_why(error)}") from error
        if isinstance(answer, Refusal):
            raise WrongPeerError(f"{self.address}: subscription refused: {answer.code}: {answer.context}")
        if not isinstance(answer, Ack):
            raise WrongPeerError(f"{self.address}: not Zeek: no acknowledgement of the subscription")
        return f"{answer.endpoint} (Zeek {answer.version})"


class _WebSocket:
    """An open connection."""

    def __init__(self, socket: ClientConnection, peer: str) -> None:
        self._socket, self.peer = socket, peer

    async def __aiter__(self) -> AsyncIterator[Event | BadMessage]:
        while True:
            try:
                data = await self._socket.recv(decode=False)
            except ConnectionClosedOK:
                return
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code == 1001:  # Zeek ends
                    return
                raise TransportError(f"connection lost: {_why(error)}") from error
            found = frames.unframe(data)
            if isinstance(found, Refusal):
                yield BadMessage(f"Zeek refused a message: {found.code}")
            elif not isinstance(found, Ack):
                yield found

    async def send(self, event: Event) -> None:
        try:
            await self._socket.send(frames.frame(event))
        except ConnectionClosed as error:
            raise TransportError(f"connection lost: {_why(error)}") from error


def _why(error: ConnectionClosed) -> str:
    if error.rcvd is not None:
        return f"closed with {error.rcvd.code} {error.rcvd.reason}".strip()
    return str(error.__cause__ or "without a word")


def _tls(authority: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"tls_ca is {authority!r}: {error}") from error
