"""The process that scores an upload, apart from the server: `python -m zeek_beacons.serve.child SPEC`.

It binds itself to the limits that SPEC names before it looks at the file, and then runs the command line as anybody
would. What it prints goes to the job's log.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from zeek_beacons.errors import BeaconsError, InputError
from zeek_beacons.readers.files import Input

BLOCK_ROOM = 1 << 20
MEGABYTE = 1_000_000
LARGEST_RESULT = 4000  # megabytes of one file


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run, and within which limits."""

    command: tuple[str, ...]  # of zeek-beacons
    packed: tuple[str, ...]  # files that are unpacked on reading
    unpacked_megabytes: int
    memory_megabytes: int
    seconds: float
    progress: str  # file for the number of bytes read

    def text(self) -> str:
        """As `read` takes it."""
        return json.dumps(asdict(self))


def read(file: Path) -> Spec:
    """The specification in a file."""
    given = json.loads(file.read_text(encoding="utf-8"))
    return Spec(**(given | {"command": tuple(given["command"]), "packed": tuple(given["packed"])}))


def bind(spec: Spec) -> None:
    """Sets the limits, for this process and those that it starts."""
    import resource  # not on Windows, where no console runs

    memory, seconds = spec.memory_megabytes * MEGABYTE, int(spec.seconds)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_RESULT * MEGABYTE, LARGEST_RESULT * MEGABYTE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def check_unpacked(files: Iterable[str], megabytes: int) -> None:
    """Unpacks files to nowhere. Raises InputError where they hold more than they may."""
    came = 0
    for file in files:
        for block in Input(file).blocks():
            came += len(block.data)
            if came > megabytes * MEGABYTE:
                raise InputError(file, f"unpacked it has more than {megabytes} MB")


def main() -> None:
    """Runs what the specification names."""
    spec = read(Path(sys.argv[1]))
    bind(spec)
    try:
        check_unpacked(spec.packed, spec.unpacked_megabytes)
    except BeaconsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except MemoryError:
        print("error: it does not fit into memory", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    from zeek_beacons import cli
    from zeek_beacons.cli import options

    options.report_progress_to(Path(spec.progress))
    sys.argv = ["zeek-beacons", *spec.command]
    cli.main()


if __name__ == "__main__":
    main()
