"""Something between Zeek and the sidecar that cuts connections and changes messages."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from typing import Self

from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from zeek_beacons.live.protocol import frames

Change = Callable[[str], Iterable[str]]


def unchanged(frame: str) -> Iterable[str]:
    """One frame in, the same out."""
    return (frame,)


def apart(frame: str) -> list[str]:
    """The same messages in events of one each: an event holds 64 at most, and may hold fewer."""
    event = frames.unframe(frame)
    if not isinstance(event, frames.PackedEvent):
        return [frame]
    topic = json.loads(frame)["topic"]
    return [frames.frame(frames.PackedEvent(event.name, (text,)), topic) for text in event.texts]


class Meddler:
    """Passes WebSocket frames on, from a thread of its own. `to_sidecar` and `to_zeek` give what becomes of a frame."""

    def __init__(self, zeek_port: int, to_sidecar: Change = unchanged, to_zeek: Change = unchanged) -> None:
        self.port = 0
        self.accepted = 0  # connections of sidecars until now
        self.to_sidecar, self.to_zeek = to_sidecar, to_zeek
        self._zeek_port = zeek_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._sockets: set[ServerConnection] = set()
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Ends all connections at once, without a farewell."""
        for socket in list(self._sockets):
            self._loop.call_soon_threadsafe(socket.transport.abort)

    async def _open(self) -> None:
        self._server = await serve(self._pass_on, "127.0.0.1", 0, max_size=None, compression=None)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _pass_on(self, sidecar: ServerConnection) -> None:
        self._sockets.add(sidecar)
        self.accepted += 1
        try:
            headers = {
                "X-Application-Name": (sidecar.request and sidecar.request.headers.get("X-Application-Name")) or "x"
            }
            address = f"ws://127.0.0.1:{self._zeek_port}/v1/messages/json"
            async with connect(address, max_size=None, compression=None, additional_headers=headers) as zeek:
                ways = (
                    self._pump(zeek, sidecar, lambda frame: self.to_sidecar(frame)),
                    self._pump(sidecar, zeek, lambda frame: self.to_zeek(frame)),
                )
                tasks = [asyncio.create_task(way) for way in ways]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        except (OSError, ConnectionClosed):
            pass
        finally:
            self._sockets.discard(sidecar)

    @staticmethod
    async def _pump(source: object, target: object, change: Change) -> None:
        async for frame in source:  # type: ignore[attr-defined]
            for changed in change(frame):
                await target.send(changed)  # type: ignore[attr-defined]
