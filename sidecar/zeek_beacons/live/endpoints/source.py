"""What events come from: a file that grows, or a socket. The intake asks it again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of one writer. `header`: that of the CSV file which they are of."""

    lines: list[bytes]
    header: bytes = b""


class EventSource(Protocol):
    """Used by one thread, but for what it tells of itself."""

    name: str
    problem: str  # what keeps it from being read now; "": nothing
    refused: int  # writers turned away

    @property
    def long(self) -> int:
        """Lines left out because they were too long."""

    def look(self) -> list[Lines]:
        """What has come, a bounded part of it at most. Waits a moment where nothing has. May raise OSError."""

    def close(self) -> None:
        """Ends its use."""
