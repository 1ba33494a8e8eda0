"""A Unix stream socket on which endpoints' agents write events, a JSON object a line, several at a time."""

from __future__ import annotations

import selectors
import socket
import stat
from pathlib import Path

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.endpoints.line_cutter import LineCutter
from zeek_beacons.live.endpoints.source import Lines

MOST_WRITERS = 64
PIECE = 64 << 10  # bytes taken of a writer at once
WAIT = 0.5  # seconds for which nothing is waited for longer
WRITABLE_BY_GROUP = 0o660


class EventSocket:
    """Listens from creation on. A writer that is faster than its events are taken has to wait."""

    def __init__(self, path: Path, wait: float = WAIT) -> None:
        """Raises ConfigError where nothing can listen there."""
        self.name, self.problem, self.refused = f"unix:{path}", "", 0
        self._path, self._wait = path, wait
        self._long = 0  # of writers that have left
        self._writers: dict[socket.socket, LineCutter] = {}
        self._listener = _listening(path)
        self._identity = path.stat().st_ino
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._listener, selectors.EVENT_READ)

    @property
    def long(self) -> int:
        """Lines left out because they were too long."""
        return self._long + sum(cutter.long for cutter in list(self._writers.values()))

    def look(self) -> list[Lines]:
        """What the writers have written, a piece of each at most."""
        found = []
        for key, _ in self._ready.select(self._wait):
            if key.fileobj is self._listener:
                self._accept()
            else:
                found += self._read(key.fileobj)  # type: ignore[arg-type]
        return [Lines(lines) for lines in found if lines]

    def close(self) -> None:
        """Lets the writers go and takes the socket away."""
        for writer in [*self._writers, self._listener]:
            self._ready.unregister(writer)
            writer.close()
        self._writers.clear()
        self._ready.close()
        if _inode(self._path) == self._identity:
            self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            writer, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # it has left already
            return
        if len(self._writers) >= MOST_WRITERS:
            self.refused += 1
            writer.close()
            return
        writer.setblocking(False)
        self._writers[writer] = LineCutter()
        self._ready.register(writer, selectors.EVENT_READ)

    def _read(self, writer: socket.socket) -> list[list[bytes]]:
        cutter = self._writers[writer]
        try:
            data = writer.recv(PIECE)
        except BlockingIOError:
            return []
        except OSError:  # a writer that was killed
            data = b""
        if data:
            return [cutter.cut(data)]
        last = cutter.end()
        self._long += cutter.long
        del self._writers[writer]
        self._ready.unregister(writer)
        writer.close()
        return [last]


def _listening(path: Path) -> socket.socket:
    """A socket that listens at the path; one that a dead process left there is taken away."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    try:
        _clear(path)
        listener.bind(str(path))
        path.chmod(WRITABLE_BY_GROUP)  # before anybody can connect
        listener.listen()
    except (OSError, ConfigError) as error:
        listener.close()
        raise ConfigError(f"events: {path}: {getattr(error, 'strerror', None) or error}") from error
    return listener


def _clear(path: Path) -> None:
    """Takes a socket away that nobody listens at. Raises ConfigError where the path is taken."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise ConfigError("is there, and is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise ConfigError("another process listens there")


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
