"""A cable between Zeek and the sidecar: it passes bytes on, slowly, not at all, or one way only."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self

PIECE = 4096


class TcpWire:
    """Listens on a port of its own, and passes on to Zeek's. `delay`: seconds for each piece of 4 kB."""

    def __init__(self, zeek_port: int, delay: float = 0.0) -> None:
        self.delay = delay
        self.passing = threading.Event()  # cleared: nothing gets through, and both ends still stand
        self.passing.set()
        self._zeek_port = zeek_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._ended = False

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self.passing.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()
        for end in self._ends:
            end.close()

    def half_close(self) -> None:
        """Zeek's side says that nothing more comes from the sidecar, whose own side stands as before."""
        for end in self._ends[1::2]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_WR)

    def _accept(self) -> None:
        while not self._ended:
            try:
                sidecar, _ = self._server.accept()
            except OSError:
                return
            try:
                zeek = socket.create_connection(("127.0.0.1", self._zeek_port))
            except OSError:
                sidecar.close()
                continue
            self._ends += [sidecar, zeek]
            for way in ((sidecar, zeek), (zeek, sidecar)):
                self._threads.append(threading.Thread(target=self._pump, args=way))
                self._threads[-1].start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                self.passing.wait()
                time.sleep(self.delay)
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
