"""Keeps templates compiled, beside them, as Python keeps its modules: compiling takes longer than a short page does.

Where the folder may not be written to, each process compiles them anew. Jinja2 checks that what it loads was made of
the template as it is now, by this version of itself and of Python.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from zeek_beacons.errors import OutputError
from zeek_beacons.files import write_atomic


class CompiledBeside(BytecodeCache):
    """Compiled templates in one folder. `made_by`: the modules that say how templates are compiled."""

    def __init__(self, folder: Path, made_by: Sequence[Path]) -> None:
        self._folder = folder
        self._mark = hashlib.blake2b(b"".join(one.read_bytes() for one in made_by), digest_size=6).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fills a bucket with what is kept, where there is something fit."""
        with contextlib.suppress(OSError, EOFError, ValueError, TypeError), self._file(bucket).open("rb") as file:
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps what a bucket holds, where that can be."""
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError, OutputError):
            write_atomic(self._file(bucket), bucket.bytecode_to_string(), mode=0o644)

    def _file(self, bucket: Bucket) -> Path:
        return self._folder / f"{bucket.key}.{self._mark}.{sys.implementation.cache_tag}.jinja"
