"""A stand-in for Zeek: serves the WebSocket API on a free loopback port and keeps to docs/wire.md."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from zeek_beacons.live.protocol import frames
from zeek_beacons.live.protocol.frames import Event
from zeek_beacons.live.protocol.shards import WHOLE, Shard

ACK = '{"type":"ack","endpoint":"fake","version":"8.0.10"}'
Handler = Callable[["FakeZeek", dict[str, Any]], "list[tuple[str, dict[str, Any]]]"]


class FakeZeek:
    """One node that owns all pairs, or those of one shard.

    What came is in `heard`; `accepting`: how a hello is answered. `version`: of the contract; from 2 on it notices
    incidents, and before that pairs.
    """

    def __init__(self, shard: Shard = WHOLE) -> None:
        self.shard = shard
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.applications: list[str | None] = []
        self.connections = 0
        self.accepting = True
        self.version = 3
        self.confirming = True
        self.boot = "b1"
        self._socket: ServerConnection | None = None

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.request.path == "/v1/messages/json"
        self.applications.append(socket.request.headers.get("X-Application-Name"))
        assert json.loads(await socket.recv()) == frames.topics(self.shard)
        await socket.send(ACK)
        self._socket = socket
        self.connections += 1
        try:
            async for data in socket:
                event = frames.unframe(data)
                assert isinstance(event, Event), data
                await self._hear(event.name.removeprefix("Beacons::"), json.loads(event.text))
        except ConnectionClosed:
            pass
        finally:
            self._socket = None

    async def _hear(self, name: str, content: dict[str, Any]) -> None:
        self.heard.append((name, content))
        if name == "hello":
            answer = {"accepted": self.accepting, "reason": "" if self.accepting else "another sidecar serves"}
            if content["v"] > self.version:
                answer = {"accepted": False, "reason": f"version {content['v']} of the contract, this Zeek does not"}
            me = {
                "v": self.version,
                "node": "zeek",
                "boot": self.boot,
                "sensor": "lab",
                "zeek": "8.0.10",
                "package": "0.1.0",
            }
            await self.say("hello", me | answer | {"sidecar": content["sidecar"]})
        if name == "verdict" and content["level"] and self.confirming:
            incident = ("incident",) if self.version > 1 else ()
            key = {field: content[field] for field in ("orig_h", "resp", "resp_p", "proto", "level", *incident)}
            with contextlib.suppress(ConnectionClosed):  # a sidecar that is ending; what it sent is read all the same
                await self.say("noticed", {"v": self.version, "node": "zeek", "boot": self.boot} | key)

    async def say(self, name: str, content: object) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        topic = {"candidate": frames.CANDIDATES, "long": frames.LONG}.get(name, frames.CONTROL)
        await self.raw(frames.frame(Event(f"Beacons::{name}", text), self.shard.topic(topic)))

    async def raw(self, data: str | bytes, text: bool | None = None) -> None:
        assert self._socket is not None
        await self._socket.send(data, text=text)

    async def cut(self, code: int | None = None) -> None:
        """Ends the connection: orderly with a code, or all at once."""
        assert self._socket is not None
        if code is None:
            self._socket.transport.abort()
        else:
            await self._socket.close(code)

    def all(self, name: str) -> list[dict[str, Any]]:
        return [content for heard, content in self.heard if heard == name]

    async def until(self, condition: Callable[[], Any]) -> None:
        """Waits for something to be true, as long as the test may take."""
        async with asyncio.timeout(120):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(zeek: FakeZeek, port: int = 0) -> AsyncIterator[int]:
    """The stand-in on a free port, or on this one."""
    server: Server
    async with serve(zeek.serve, "127.0.0.1", port, max_size=None, compression=None) as server:
        yield next(iter(server.sockets)).getsockname()[1]
