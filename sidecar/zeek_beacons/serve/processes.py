"""What a job's process is started with and ended by, and what its files may be called."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

import zeek_beacons

GRACE = 5.0  # seconds from a request to end to the end by force
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


def safe_name(name: str) -> str:
    """A file's name that is one and nothing else: no folder, nothing hidden, no option."""
    base = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^A-Za-z0-9._-]", "_", base)[-100:].lstrip(".-") or "upload"


def environment(folder: Path) -> dict[str, str]:
    """What a child needs of ours: no settings, so that an upload is never told to the sinks of alerts."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    package = str(Path(zeek_beacons.__file__).resolve().parents[1])
    return inherited | {"PYTHONPATH": package, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}


def head(file: Path) -> bytes:
    """The first bytes of a file, which tell captures and packed logs from the rest."""
    with file.open("rb") as stream:
        return stream.read(4)


def without(folder: Path, text: str) -> str:
    """The text without where the files lie."""
    return text.replace(f"{folder}{os.sep}input{os.sep}", "").replace(f"{folder}{os.sep}", "")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and those that it started."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
