"""`file:PATH`: one line an alert, appended; a full file goes to PATH.1, that to PATH.2 and so on.

Options: `format` (json), `size` in bytes (100 MB), `count` of older files (5).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.formats import FORMATS
from zeek_beacons.alerts.sink import DeliveryError, SinkSpec

SIZE, COUNT = 100_000_000, 5
MODE = 0o640


class FileSink:
    """A rotating file of lines. Several processes may write to one."""

    def __init__(self, spec: SinkSpec) -> None:
        self._format = FORMATS[spec.option("format", "json", tuple(FORMATS))]
        self._size = spec.number("size", SIZE, 1, 1 << 50)
        self._count = spec.number("count", COUNT, 0, 1000)
        spec.done()
        self._path = Path(spec.target).absolute()
        if self._path.is_dir() or not self._path.parent.is_dir():
            raise spec.wrong(f"{spec.target}: {'is a folder' if self._path.is_dir() else 'its folder does not exist'}")
        self.name = spec.name(spec.target)

    def deliver(self, alert: Alert) -> bool:
        """Appends a line, whole or not at all, and has it on the disk on return."""
        line = self._format.text(alert).encode() + b"\n"
        try:
            with self._locked() as file:
                size = os.lseek(file, 0, os.SEEK_END)
                if size and size + len(line) > self._size:
                    self._rotate()
                else:
                    _append(file, size, line)
                    return True
            with self._locked() as file:
                _append(file, os.lseek(file, 0, os.SEEK_END), line)
        except OSError as error:
            raise DeliveryError(error.strerror or str(error)) from error
        return True

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The file that the path names, made where it is missing, with no other writer."""
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, MODE)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._is_at_its_path(file):
                    yield file
                    return
            finally:
                os.close(file)

    def _is_at_its_path(self, file: int) -> bool:
        """Whether nobody has rotated it away while its lock was waited for."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(file), self._path.stat())
        return False

    def _rotate(self) -> None:
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self._count + 1))]
        names[-1].unlink(missing_ok=True)
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            with contextlib.suppress(FileNotFoundError):
                newer.rename(older)


def _append(file: int, size: int, line: bytes) -> None:
    """Writes at the end; where the disk is full the file is left as it was, and OSError raised."""
    if size and os.pread(file, 1, size - 1) != b"\n":  # what a power cut left
        line = b"\n" + line
    try:
        written = 0
        while written < len(line):
            written += os.write(file, line[written:])
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise
