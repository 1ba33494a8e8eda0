"""Where what is followed comes from: files that grow, or topics of Kafka, by one interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from zeek_beacons.live.follow.kinds import CONNECTIONS
from zeek_beacons.live.follow.log_files import LogFiles, is_quiet
from zeek_beacons.readers.files import Held


class LogSlice(NamedTuple):
    """New rows of a log, in complete lines under its header. `log`: its name, or the kind of flow log."""

    log: str
    rows: Held


class FollowedSource(Protocol):
    """What gives slices, each once. An earlier run may have judged some, which come again first."""

    @property
    def name(self) -> str:
        """What the user called it."""
        ...

    @property
    def has_more(self) -> bool:
        """Whether another look would find more at once."""
        ...

    def look(self) -> None:
        """Finds out what is new. Returns within seconds."""
        ...

    def old(self) -> Iterator[LogSlice]:
        """What an earlier run has judged, of the time that is looked back."""
        ...

    def stop(self) -> None:
        """Has `old` end early."""
        ...

    def beside(self) -> Iterator[LogSlice]:
        """What is new of logs that tell more about connections."""
        ...

    def connections(self) -> Iterator[LogSlice]:
        """What is new of connections: to be taken after `beside`."""
        ...

    def progress(self) -> Mapping[str, int]:
        """How far everything that was given reaches, by what it is known by."""
        ...

    def kept(self) -> None:
        """What `progress` told last is on disk."""
        ...

    def behind(self) -> int:
        """Bytes (of files) or messages that are there and were not given yet."""
        ...

    def state(self) -> Mapping[str, Any]:
        """Counts, for `zeek-beacons status`."""
        ...

    def close(self) -> None:
        """Ends its use."""
        ...


@dataclass(slots=True)
class FollowedFiles:
    """Logs as files. `once`: to their end, also where a last line has none."""

    files: LogFiles
    once: bool = False

    @property
    def name(self) -> str:
        """The paths."""
        return ", ".join(map(str, self.files.roots))

    @property
    def has_more(self) -> bool:
        """A look reads all files to their end."""
        return False

    def look(self) -> None:
        """Finds out which files there are, and how large."""
        self.files.look()

    def stop(self) -> None:
        """Files wait for nobody."""

    def old(self) -> Iterator[LogSlice]:
        """Of files with connections what was known; of the others all that is there."""
        self.files.look()
        known = [one for one in self.files.of(*CONNECTIONS) if one.known > one.read]
        if known:
            yield from self.beside()
        for one in known:
            for rows in self.files.chunks(one, one.known):
                yield LogSlice(one.kind, rows)

    def beside(self) -> Iterator[LogSlice]:
        """Certificates last: they are joined to sessions."""
        for kind in sorted(self.files.kinds() - CONNECTIONS, key=lambda kind: kind == "x509"):
            for one in self.files.of(kind):
                for rows in self.files.chunks(one, rest=self.once or is_quiet(one)):
                    yield LogSlice(kind, rows)

    def connections(self) -> Iterator[LogSlice]:
        """What was there a look before, so that the logs beside it have come as far."""
        for one in self.files.of(*CONNECTIONS):
            ends = self.once or is_quiet(one)
            for rows in self.files.chunks(one, None if ends or one.packed else one.before, rest=ends):
                yield LogSlice(one.kind, rows)

    def progress(self) -> Mapping[str, int]:
        """Unpacked bytes by file."""
        return self.files.progress()

    def kept(self) -> None:
        """Files stay where they are."""

    def behind(self) -> int:
        """Bytes of files that are not packed."""
        return self.files.behind()

    def state(self) -> Mapping[str, Any]:
        """What happened to files."""
        return self.files.state()

    def close(self) -> None:
        """Lets go of all files."""
        self.files.close()
