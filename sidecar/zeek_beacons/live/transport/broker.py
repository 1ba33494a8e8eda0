"""Zeek's own Broker bindings for Python, where the local Zeek has them. PyPI's `broker` is something else.

Everything on an endpoint is called in one thread: its end hangs for ever where another one has used it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.protocol.frames import TOPIC, Event, topics
from zeek_beacons.live.protocol.messages import BadMessage
from zeek_beacons.live.protocol.shards import WHOLE, Shard
from zeek_beacons.live.transport.connection import Connection, TransportError

PLACES = ("/opt/zeek/lib/zeek/python", "/usr/local/zeek/lib/zeek/python", "/usr/lib/zeek/python")
OPEN_TIMEOUT = 5.0  # seconds
POLL = 0.05  # seconds between looks while the peering is made
LOOK = 1.0  # seconds between looks at the state of the peering
NO_RETRY = 0.0


def bindings(places: Sequence[str] = PLACES) -> Any:
    """Zeek's module `broker`. Raises ConfigError where there is none that this Python can load."""
    tried: list[str] = []
    for place in (*os.environ.get("ZEEK_PYTHON", "").split(os.pathsep), *places):
        if not place or not (Path(place) / "broker").is_dir():
            continue
        sys.path.insert(0, place)
        try:
            module = importlib.import_module("broker")
            if hasattr(module, "Endpoint"):
                importlib.import_module("broker.zeek")
                return module
            tried.append(f"{place}: not Zeek's")
        except ImportError as error:
            tried.append(f"{place}: {error}")
        finally:
            sys.path.remove(place)
        sys.modules.pop("broker", None)
    raise ConfigError(
        "broker:// needs the Python bindings that Zeek's build puts into PREFIX/lib/zeek/python, for this Python "
        f"({sys.version_info.major}.{sys.version_info.minor}); found {'; '.join(tried) or 'none'}. "
        "Name the folder in ZEEK_PYTHON, or use ws:// instead"
    )


class BrokerTransport:
    """Peers with the Zeek at `broker://HOST:PORT`. Raises ConfigError where the bindings are missing."""

    def __init__(self, address: str, shard: Shard = WHOLE) -> None:
        url, self._topics = urlsplit(address), topics(shard)
        self.address, self._host, self._port = address, url.hostname or "", url.port or 0
        self._broker = bindings()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """A peering."""
        endpoint = self._broker.Endpoint()
        subscriber = endpoint.make_subscriber(self._topics[0])
        for topic in self._topics[1:]:
            subscriber.add_topic(topic, True)
        status = endpoint.make_status_subscriber(True)
        try:
            endpoint.peer_nosync(self._host, self._port, NO_RETRY)
            await self._peered(status)
            yield _Peering(self._broker, endpoint, subscriber, status, self.address)
        finally:
            status.reset()
            subscriber.reset()  # the endpoint's end waits for these two
            endpoint.shutdown()

    async def _peered(self, status: Any) -> None:
        """Waits for the peering. Raises TransportError."""
        for _ in range(int(OPEN_TIMEOUT / POLL)):
            for word in status.poll():
                if isinstance(word, self._broker.Error):
                    raise TransportError(f"{self.address}: nobody peers there")
                if word.code() == self._broker.SC.PeerAdded:
                    return
            await asyncio.sleep(POLL)
        raise TransportError(f"{self.address}: nobody peers there within {OPEN_TIMEOUT:g} s")


class _Peering:
    """An open connection."""

    def __init__(self, broker: Any, endpoint: Any, subscriber: Any, status: Any, address: str) -> None:
        self._broker, self._endpoint, self._subscriber, self._status = broker, endpoint, subscriber, status
        self.peer = f"{address} (Broker {broker.Version.string()})"

    async def __aiter__(self) -> AsyncIterator[Event | BadMessage]:
        loop, ready, descriptor = asyncio.get_running_loop(), asyncio.Event(), self._subscriber.fd()
        loop.add_reader(descriptor, ready.set)
        try:
            while not self._is_lost():
                ready.clear()
                for _, data in self._subscriber.poll():
                    yield self._event(data)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ready.wait(), LOOK)
        finally:
            loop.remove_reader(descriptor)

    def _is_lost(self) -> bool:
        """Whether the peer is gone, by the last word of the endpoint on it."""
        lost = self._broker.SC.PeerLost, self._broker.SC.PeerRemoved
        words = [word for word in self._status.poll() if isinstance(word, self._broker.Status)]
        return bool(words) and words[-1].code() in lost

    def _event(self, data: Any) -> Event | BadMessage:
        try:
            event = self._broker.zeek.SafeEvent(data)
            name, arguments = event.name(), event.args()
        except Exception:  # the bindings raise what they like
            return BadMessage("Broker message is no event")
        if len(arguments) != 1 or not isinstance(arguments[0], str):
            return BadMessage("event without one string")
        return Event(name, arguments[0])

    async def send(self, event: Event) -> None:
        self._endpoint.publish(TOPIC, self._broker.zeek.Event(event.name, event.text))
