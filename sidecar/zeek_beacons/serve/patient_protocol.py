"""A connection whose request does not come is closed: enough of them would keep everybody else out."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0  # that a request line and its headers may take, from the connection or the first byte of them on


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with a limit to the time that a client may take to ask. A body has limits of its own."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Something of a request came."""
        super().data_received(data)
        is_asked = self.cycle is not None and not self.cycle.response_complete
        if is_asked:
            self._cease()
        elif self._late is None and not self.transport.is_closing():
            self._wait()

    def on_response_complete(self) -> None:
        """An answer is out; from here on uvicorn waits for the next request, until its first byte."""
        self._cease()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._cease()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _cease(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
