"""Where a row of a batch stands in its file."""

from __future__ import annotations


class Where:
    """Names the row of a batch for diagnostics: its file, its line and its text."""

    def __init__(self, path: str, line: int, data: bytes) -> None:
        self.path, self._line, self._data = path, line, data
        self._lines: list[bytes] | None = None

    def locate(self, row: int) -> tuple[int, str]:
        """Line number and text of a row; blank lines hold no row."""
        if self._lines is None:
            self._lines = self._data.split(b"\n")
        seen = -1
        for offset, line in enumerate(self._lines):
            seen += bool(line.strip())
            if seen == row:
                return self._line + offset, line.decode("utf-8", "replace")
        return self._line, ""
