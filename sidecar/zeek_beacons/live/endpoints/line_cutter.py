"""Bytes as they come -> whole lines."""

from __future__ import annotations

LONGEST = 64 << 10  # bytes of a line


class LineCutter:
    """Cuts one stream. Of a line longer than LONGEST nothing is held, and it is counted."""

    def __init__(self) -> None:
        self.long = 0  # lines left out
        self._rest = b""
        self._skips = False  # the rest of a line that is too long

    def cut(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._skips and lines:
            del lines[0]
            self._skips = False
        good = [line for line in lines if len(line) <= LONGEST]
        self.long += len(lines) - len(good)
        if self._skips:
            self._rest = b""
        elif len(self._rest) > LONGEST:
            self.long += 1
            self._rest, self._skips = b"", True
        return good

    def end(self) -> list[bytes]:
        """The last line, which nothing ended, where there is one; what comes next is another stream."""
        rest, self._rest, self._skips = self._rest, b"", False
        return [rest] if rest.strip() else []
