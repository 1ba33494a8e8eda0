"""An input -> its beginning, and blocks of whole lines, decompressed."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import zstandard

from zeek_beacons.errors import InputError
from zeek_beacons.readers.packing import LONGEST_MAGIC, packed

HEAD = 64 << 10  # bytes that show what a file is
LONGEST_HEAD = 1 << 20  # bytes looked at where the first line is longer than that
BLOCK = 32 << 20  # bytes; large enough that parsing pays, small enough that many fit in memory
LONGEST_LINE = 64 << 20  # bytes; more without an end of line is no log
STDIN = "-"
BOM = b"\xef\xbb\xbf"
_NEWLINE = 10
_STEP = 1 << 16  # bytes that are compared at once, which stay in the cache

Progress: TypeAlias = Callable[[int], None]


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


class Input:
    """A file, pipe or stdin as the user named it: its beginning may be looked at, then all of it is read once.

    Nothing is held in between but the beginning of what comes only once, which `blocks` then gives again.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_file = path != STDIN and Path(path).is_file()
        self._once: _Replayed | None = None  # a pipe or stdin, once it was opened

    def head(self) -> bytes:
        """The first decompressed bytes, to recognise the format by: `HEAD`, or more where no line ends in them."""
        first = b""
        with self._opened() as raw:
            if self._once is not None:
                self._once.rewind()
            stream = decompressed(raw, self.path)
            while b"\n" not in first and len(first) < LONGEST_HEAD and (more := read_piece(stream, HEAD, self.path)):
                first += more
        return first.removeprefix(BOM)

    def blocks(self, progress: Progress | None = None) -> Iterator[Block]:
        """The lines in blocks; the last one may end without a newline. Raises InputError on a broken file."""
        line, rest = 1, b""
        for data in self.pieces(progress):
            end = data.rfind(b"\n") + 1
            if not end:
                rest += data
                if len(rest) > LONGEST_LINE:
                    problem = f"a line of more than {LONGEST_LINE >> 20} MB: not a log"
                    raise InputError(self.path, problem, line)
                continue
            whole, rest = rest + data[:end], data[end:]
            yield Block(whole.removeprefix(BOM) if line == 1 else whole, line)
            line += newlines(whole)
        if rest:
            yield Block(rest.removeprefix(BOM) if line == 1 else rest, line)

    def pieces(self, progress: Progress | None = None) -> Iterator[bytes]:
        """The bytes in pieces, cut anywhere: of formats whose rows are no lines. Raises InputError."""
        with self._opened() as raw:
            if self._once is not None:
                self._once.rewind(for_good=True)
            stream = decompressed(raw, self.path, progress)
            while data := read_piece(stream, BLOCK, self.path):
                yield data
            if self._once is not None:
                self._once.close()

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The bytes as they are. A file is opened anew each time, a pipe or stdin once."""
        if self._once is not None:
            yield self._once
            return
        if self.path == STDIN and sys.stdin is None:
            raise InputError(self.path, "stdin is closed")
        try:
            raw: Any = sys.stdin.buffer if self.path == STDIN else Path(self.path).open("rb")  # noqa: SIM115
        except OSError as error:
            raise InputError(self.path, f"cannot be read: {error.strerror}") from error
        if self.is_file:
            with raw:
                yield raw
        else:
            self._once = _Replayed(raw)
            yield self._once


class Held(Input):
    """Lines that are in memory, as an input."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(STDIN)  # no file of this name is looked for
        self.path, self._data = name, data

    def head(self) -> bytes:
        """The first lines of it."""
        return self._data[: self._data.find(b"\n", HEAD) + 1 or None]

    def blocks(self, _progress: Progress | None = None) -> Iterator[Block]:
        """All of it as one."""
        yield Block(self._data, 1)


Source: TypeAlias = str | Input  # a path, or what was opened already


def opened(source: Source) -> Input:
    """The input that a source means."""
    return Input(source) if isinstance(source, str) else source


def decompressed(raw: Any, path: str, progress: Progress | None = None) -> Any:
    """The bytes of a file, unpacked where they are packed, to be read by `read_piece`. Raises InputError."""
    try:
        begin = raw.peek(LONGEST_MAGIC)[:LONGEST_MAGIC]
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    if problem := packed(begin):
        raise InputError(path, problem)
    magic = begin[:4]
    if progress is not None:
        raw = _Counted(raw, progress)
    if magic[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)
    return _Zstd(raw) if magic == b"\x28\xb5\x2f\xfd" else raw


def read_piece(stream: Any, size: int, path: str) -> bytes:
    """So many bytes of a stream, fewer at its end. Raises InputError."""
    try:
        data: bytes = stream.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise InputError(path, f"compressed data is damaged or cut short: {error}") from error
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from error
    return data


def newlines(data: bytes) -> int:
    """How many line ends there are; for large data more than twice as fast as `bytes.count`."""
    octets, count = np.frombuffer(data, dtype=np.uint8), 0
    for begin in range(0, len(octets), _STEP):
        count += int(np.count_nonzero(octets[begin : begin + _STEP] == _NEWLINE))
    return count


class _Replayed:
    """A stream whose beginning can be read again: what was read before a `rewind` comes again after it."""

    def __init__(self, raw: Any) -> None:
        self._raw, self._kept, self._at, self._keeps = raw, b"", 0, True

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end; they stay."""
        lacking = self._at + size - len(self._kept)
        if lacking > 0:
            self._kept += self._raw.read(lacking)
        return self._kept[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        data = self.peek(size)
        self._at += len(data)
        if not self._keeps and self._at == len(self._kept):
            self._kept, self._at = b"", 0
        return data

    def rewind(self, for_good: bool = False) -> None:
        """Goes back to the beginning; after a rewind `for_good` nothing that was read is kept any more."""
        self._at, self._keeps = 0, not for_good

    def close(self) -> None:
        """Closes the stream; stdin stays open."""
        if self._raw is not sys.stdin.buffer:
            self._raw.close()


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
            compressed = compressed or self._raw.read(min(size, 1 << 20))
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
