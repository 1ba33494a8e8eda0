"""Files written whole or not at all: everything under temporary names first, renamed when all of it is there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from zeek_beacons.errors import OutputError


def write_all(folder: Path, files: Mapping[str, Callable[[TextIO], None]], *, force: bool = False) -> list[Path]:
    """Writes each file of `folder` by calling its writer; on any failure none of them is there.

    Without `force`, files that exist already are refused.
    """
    paths = {name: folder / name for name in files}
    existing = [path for path in paths.values() if path.exists()]
    if existing and not force:
        raise OutputError(f"{existing[0]}: exists already; remove it or use --force")
    made = not folder.exists()
    pending: dict[str, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, write in files.items():
            handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
            pending[name] = Path(temporary)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                write(stream)
            pending[name].chmod(0o644)
        for name in files:
            pending[name].replace(paths[name])
            del pending[name]
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}") from error
    finally:
        for temporary_path in pending.values():
            temporary_path.unlink(missing_ok=True)
        if pending and made:
            with contextlib.suppress(OSError):
                folder.rmdir()
    return list(paths.values())
