"""A history has one writer: two would tell the same alerts, each for itself, and prune what the other one holds."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from zeek_beacons.errors import ConfigError

SUFFIX = ".lock"


class SoleWriter:
    """A claim to a history, by the lock on a small file beside it. The system gives it back when the process ends."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError where another process has it. A folder that allows no lock is left to SQLite's own."""
        import fcntl  # not on Windows, where no sidecar runs

        self._file: int | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path.with_name(path.name + SUFFIX), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.pread(file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise ConfigError(
                f"{path}: process {other} writes this history; end it first, or name another file with --history"
            ) from error
        except OSError:
            os.close(file)
            return
        self._file = file
        with contextlib.suppress(OSError):  # a full disk: only a name is missing
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Gives the claim back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
