"""Fuzzes all targets, or those that are named: python -m tests.fuzz --seconds N [--keep FOLDER] [TARGET ...].

Prints a line a target: inputs tried, and whether something was found, which then lies in the folder. Ends with 1 where
something was. Without atheris it does nothing, loudly.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

NEEDED = "ZEEK_BEACONS_NEEDS_ATHERIS"  # set to 1: it is an error that atheris is missing


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--keep", type=Path, help="folder for inputs that reach something new, and for what is found")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    given = parser.parse_args(arguments)
    if importlib.util.find_spec("atheris") is None:
        print("#### fuzz SKIPPED: no atheris (the extra `fuzz`, on Linux). NOTHING was fuzzed. ####")
        return int(bool(os.environ.get(NEEDED)))
    from tests.fuzz.run import run
    from tests.fuzz.targets import TARGETS

    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    folder = given.keep or Path(tempfile.mkdtemp(prefix="beacons-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    return 0 if run(given.targets or [*TARGETS], given.seconds, folder.absolute(), given.jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
