"""A file of events that others write, followed as it grows, is rotated away, or is cut and begun anew."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from zeek_beacons.live.endpoints.line_cutter import LONGEST, LineCutter
from zeek_beacons.live.endpoints.source import Lines
from zeek_beacons.readers.events import sniff

LOOK = 0.5  # seconds between looks at a file that does not grow
MOST = 1 << 20  # bytes taken at once
BACKLOG = 64 << 20  # bytes before the end of a file at which reading begins
_BOM = b"\xef\xbb\xbf"


class FollowedFile:
    """One path. What a file held that is rotated away is read to its end before the next one is."""

    def __init__(self, path: Path, wait: float = LOOK) -> None:
        self.name, self.problem, self.refused = str(path), "", 0
        self._path, self._wait = path, wait
        self._cutter = LineCutter()
        self._file = -1  # descriptor
        self._identity: tuple[int, int] = (0, 0)
        self._at = 0  # how far it was read
        self._header = b""
        self._was_left = False  # the path named another file at the last look already

    @property
    def long(self) -> int:
        """Lines left out because they were too long."""
        return self._cutter.long

    def look(self) -> list[Lines]:
        """What the file has more than at the last look. Raises OSError where it cannot be read."""
        try:
            found = self._look()
        except OSError:
            self.close()
            raise
        if not found:
            time.sleep(self._wait)
        return found

    def close(self) -> None:
        """Ends the use of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _look(self) -> list[Lines]:
        if self._file < 0 and not self._open():
            return []
        if os.fstat(self._file).st_size < self._at:  # cut, to be written anew
            return self._leave()
        data = os.read(self._file, MOST)
        if data:
            self._at += len(data)
            self._was_left = False
            return self._lines(self._cutter.cut(data))
        try:
            now = self._path.stat()
        except FileNotFoundError:  # between two files
            return []
        if (now.st_dev, now.st_ino) == self._identity:
            return []
        if not self._was_left:  # who writes may not have turned to the new file yet
            self._was_left = True
            return []
        return self._leave()

    def _open(self) -> bool:
        """Opens what the path names; false where there is nothing to read yet."""
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            self.problem = "no such file"
            return False
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            self.problem = "not a regular file"
            return False
        head = os.pread(self._file, LONGEST, 0)
        if b"\n" not in head and len(head) < LONGEST:  # not even its first line is whole
            self.close()
            self.problem = ""
            return False
        self.problem, self._was_left = "", False
        identity = (found.st_dev, found.st_ino)
        first = head.split(b"\n", 1)[0]
        self._header = b"" if first.removeprefix(_BOM).lstrip().startswith(b"{") or not sniff(first) else first
        skipped = len(first) + 1 if self._header else len(_BOM) if head.startswith(_BOM) else 0
        if identity != self._identity or found.st_size < self._at:
            self._at = max(skipped, self._from(found.st_size))
        self._identity = identity
        os.lseek(self._file, self._at, os.SEEK_SET)
        return True

    def _from(self, size: int) -> int:
        """Where the reading of a large file begins: at a line."""
        if size <= BACKLOG:
            return 0
        begin = size - BACKLOG
        return begin + os.pread(self._file, LONGEST, begin).find(b"\n") + 1

    def _leave(self) -> list[Lines]:
        """Has the next look open the path anew. Returns the last line where nothing ended it."""
        self.close()
        self._identity = (0, 0)
        return self._lines(self._cutter.end())

    def _lines(self, lines: list[bytes]) -> list[Lines]:
        return [Lines(lines, self._header)]
