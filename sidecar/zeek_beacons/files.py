"""Output files: written whole or not at all. The one place that writes results, models, states and tables.

Everything is written under a temporary name beside its place first. On any failure (a full disk, a missing right, an
error of the one who writes) the temporary files are removed, and what was there before stays as it was.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from zeek_beacons.errors import ConfigError, OutputError


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """An empty folder to write files into. At the end they go to `folder` together, replacing those of the same name.

    `folder` is made where it is missing. Raises OutputError; whatever is raised inside leaves `folder` as it was.
    """
    missing = [at for at in (folder, *folder.parents) if not at.exists()]
    aside: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
        yield aside
        written = sorted(aside.iterdir())
        for file in written:
            if (folder / file.name).is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{folder / file.name} is a folder")
        for file in written:
            file.replace(folder / file.name)
        missing = []
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written, nothing was changed: {error.strerror or error}") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):
            for made in missing:
                made.rmdir()


def write_all(folder: Path, files: Mapping[str, Callable[[TextIO], object]], *, force: bool = False) -> list[Path]:
    """Writes text files into `folder`, by name, calling the writer of each. Raises OutputError.

    Without `force`, files that exist already are refused.
    """
    paths = [folder / name for name in files]
    existing = [path for path in paths if path.exists()]
    if existing and not force:
        raise OutputError(f"{existing[0]}: exists already; remove it or use --force")
    with staged(folder) as aside:
        for name, write in files.items():
            with (aside / name).open("w", encoding="utf-8", newline="\n") as stream:
                write(stream)
    return paths


def write_atomic(path: Path, content: str | bytes, *, mode: int | None = None) -> None:
    """Writes one file, text as UTF-8. Raises OutputError. `mode`: its permissions, whatever the umask says."""
    with staged(path.parent) as aside:
        file = aside / path.name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            file.chmod(mode)


@contextmanager
def replacing(folder: Path, *, force: bool = False) -> Iterator[Path]:
    """An empty folder to work in that takes the place of `folder` at the end, and is removed on failure.

    Raises OutputError; without `force` also where `folder` exists and holds something.
    """
    target = folder.absolute()
    if target.exists() and not force and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{folder}: exists; name another folder or replace it with --force")
    aside: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.unfinished-", dir=target.parent))
        yield aside
        aside.chmod(0o755)
        _swap(aside, target)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written, nothing was changed: {error.strerror or error}") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def secret_text(file: Path) -> str:
    """What a file says that only its owner may read. Raises ConfigError."""
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{file}: others may read what is secret; chmod 600 {file}")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: no text in UTF-8") from error


def shipped_models() -> Path:
    """The folder of the model and of what lies beside it, as it comes with this package."""
    package = Path(__file__).resolve().parent
    installed = package / "models"
    return installed if installed.is_dir() else package.parents[1] / "models"


def _swap(fresh: Path, target: Path) -> None:
    """Puts a folder in the place of what is there."""
    old = None
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old-", dir=target.parent))
        target.rename(old / target.name)
    fresh.rename(target)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
