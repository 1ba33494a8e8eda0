"""Inputs as the user names them -> files -> blocks of whole lines, decompressed."""

from __future__ import annotations

import glob
import gzip
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import zstandard

from zeek_beacons.errors import InputError

BLOCK = 32 << 20  # bytes; large enough that parsing pays, small enough that many fit in memory
LONGEST_LINE = 64 << 20  # bytes; more without an end of line is no log
STDIN = "-"
_BOM = b"\xef\xbb\xbf"

Progress: TypeAlias = Callable[[int], None]

# Rotated logs keep their stem: conn.log, conn.2026-01-01-00-00-00.log.gz, conn.00:00:00-01:00:00.log.gz,
# conn_20260101_….log. conn-summary and conn_long are other logs.
_LOG = r"(\.(?!log)[^/]*|[_-]\d[^/]*)?\.(log|json|ndjson)(\.labeled)?(\.gz|\.zst)?$"
_IN_FOLDER = (
    re.compile("^conn" + _LOG),
    re.compile("^beacon_candidates" + _LOG),
    re.compile(r"\.csv(\.gz|\.zst)?$"),
    re.compile(r"\.(parquet|binetflow)(\.gz|\.zst)?$"),
)
# CSV files of our own that may lie in a folder of flows: reports and labels.
_OURS = frozenset({"alerts.csv", "hosts.csv", "scored_pairs.csv", "labels.csv"})
_NAME_LOGS = re.compile("^(ssl|http)" + _LOG)


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file. `line` is the 1-based number of the first one."""

    data: bytes
    line: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that holds no row: its 1-based number, its bytes, and what is wrong."""

    number: int
    data: bytes
    problem: str

    @property
    def text(self) -> str:
        """The start of the line, for diagnostics."""
        return self.data[:1000].decode("utf-8", "replace").rstrip("\r\n")


def expand(inputs: Sequence[str]) -> list[str]:
    """Files for what the user named: files, globs, folders of (rotated) logs, `-` for stdin; none twice, in order."""
    found: list[str] = []
    for given in inputs:
        if given == STDIN or Path(given).is_file():
            found.append(given)
        elif Path(given).is_dir():
            found += _in_folder(Path(given))
        elif Path(given).exists():
            found.append(given)  # a pipe or device
        elif matches := [m for m in sorted(glob.glob(given, recursive=True)) if Path(m).is_file()]:  # noqa: PTH207
            found += matches  # glob.glob: also takes absolute patterns
        else:
            raise InputError(given, "no such file, folder or pattern")
    return list(dict.fromkeys(found))


def beside(paths: Sequence[str]) -> list[str]:
    """The ssl and http logs in the folders of these files."""
    folders = dict.fromkeys(Path(path).parent for path in paths if path != STDIN and Path(path).is_file())
    return [str(file) for folder in folders for file in sorted(folder.iterdir()) if _NAME_LOGS.match(file.name)]


def _in_folder(folder: Path) -> list[str]:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(str(folder), "permission denied")
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in _OURS)
    for pattern in _IN_FOLDER:
        if chosen := [str(file) for file in files if pattern.search(file.name)]:
            return chosen
    raise InputError(str(folder), "no conn, beacon_candidates or CSV log in this folder")


def head(path: str, size: int = 1 << 20) -> bytes:
    """The first decompressed bytes of a file, to recognise its format. Stdin and pipes are not consumed by it."""
    _begun.pop(path, None)
    source = _source(path)
    with _opened(path, source=source) as stream:
        first = _read(stream, size, path)
    if isinstance(source, _Replayed):
        source.rewind()
        _begun[path] = source
    return first.removeprefix(_BOM)


def blocks(path: str, progress: Progress | None = None, size: int = BLOCK) -> Iterator[Block]:
    """The lines of a file in blocks; the last one may end without a newline. Raises InputError on a broken file."""
    line, rest = 1, b""
    with _opened(path, progress) as stream:
        while data := _read(stream, size, path):
            end = data.rfind(b"\n") + 1
            if not end:
                rest += data
                if len(rest) > LONGEST_LINE:
                    raise InputError(path, f"a line of more than {LONGEST_LINE >> 20} MB: not a log", line)
                continue
            whole, rest = rest + data[:end], data[end:]
            yield Block(whole.removeprefix(_BOM) if line == 1 else whole, line)
            line += whole.count(b"\n")
    if rest:
        yield Block(rest.removeprefix(_BOM) if line == 1 else rest, line)


@contextmanager
def _opened(path: str, progress: Progress | None = None, source: Any = None) -> Iterator[IO[bytes]]:
    """A file's decompressed bytes; all layers are closed at the end, but stdin is left open."""
    with ExitStack() as layers:
        raw: Any = layers.enter_context(closing(source or _begun.pop(path, None) or _source(path)))
        try:
            magic = raw.peek(4)[:4]
        except OSError as error:
            raise InputError(path, f"cannot be read: {error.strerror}") from error
        if progress is not None:
            raw = _Counted(raw, progress)
        if magic[:2] == b"\x1f\x8b":
            raw = layers.enter_context(gzip.GzipFile(fileobj=raw))
        elif magic == b"\x28\xb5\x2f\xfd":
            raw = _Zstd(raw)
        yield raw


def _source(path: str) -> Any:
    """The bytes of a file as they are; those of stdin and of pipes, which come only once, can be replayed."""
    if path == STDIN and sys.stdin is None:
        raise InputError(path, "stdin is closed")
    try:
        raw: Any = sys.stdin.buffer if path == STDIN else Path(path).open("rb")  # noqa: SIM115 (_opened closes it)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    return raw if path != STDIN and Path(path).is_file() else _Replayed(raw)


def _read(stream: IO[bytes], size: int, path: str) -> bytes:
    try:
        return stream.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise InputError(path, f"compressed data is damaged or cut short: {error}") from error
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from error


class _Replayed:
    """A stream whose beginning can be read twice: what was read before `rewind` comes again after it."""

    def __init__(self, raw: Any) -> None:
        self._raw, self._kept, self._at, self._rewound = raw, b"", 0, False

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end; they stay."""
        if lacking := self._at + size - len(self._kept):
            self._kept += self._raw.read(max(0, lacking))
        return self._kept[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        data = self.peek(size)
        self._at += len(data)
        if self._rewound and self._at == len(self._kept):
            self._kept, self._at = b"", 0
        return data

    def rewind(self) -> None:
        """Goes back to the beginning, for good."""
        self._at, self._rewound = 0, True

    def close(self) -> None:
        """Closes the stream at the end of the second reading; stdin stays open."""
        if self._rewound and self._raw is not sys.stdin.buffer:
            self._raw.close()


# Inputs that come only once, between the look at their head and the reading.
_begun: dict[str, _Replayed] = {}


class _Counted:
    """A file that tells how many of its (compressed) bytes have been read."""

    def __init__(self, raw: Any, progress: Progress) -> None:
        self._raw, self._progress = raw, progress

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._raw.read(size)
        self._progress(len(data))
        return data


class _Zstd:
    """A zstandard file of one or more frames. Unlike the library's own stream it says when a frame is cut short."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._data = b""

    def read(self, size: int) -> bytes:
        parts, length = [self._data], len(self._data)
        while length < size:
            compressed = self._frame.unused_data if self._frame.eof else b""
            compressed = compressed or self._raw.read(1 << 20)
            if not compressed:
                if not self._frame.eof:
                    raise EOFError("the last frame is not complete")
                break
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            parts.append(self._frame.decompress(compressed))
            length += len(parts[-1])
        data = b"".join(parts)
        self._data = data[size:]
        return data[:size]
