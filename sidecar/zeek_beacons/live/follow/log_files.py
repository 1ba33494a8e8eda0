"""Logs that grow, are rotated, packed and cut: what is new of each, in complete lines, and nothing twice.

A file is known by its beginning, up to the end of its first row. So it stays the same file when it is renamed, copied
or packed, and becomes another one when it is cut and written anew. How far it was read is counted in unpacked bytes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from zeek_beacons.errors import InputError
from zeek_beacons.live.follow.kinds import FLOWS, STREAM, flow_kind, header_of
from zeek_beacons.readers.combined import is_combined
from zeek_beacons.readers.files import BOM, LONGEST_LINE, Held, Input, decompressed, read_piece
from zeek_beacons.readers.inputs import is_flow_name, log_kind
from zeek_beacons.readers.zeek_rows import log_name, log_path

BLOCK = 16 << 20  # bytes read at once
MOST_FILES = 20_000  # remembered; beyond, those that were seen least lately are forgotten
DEEPEST = 8  # folders in folders that are looked into
MOST_COPIES = 8  # looked at for the header of a file that has none
QUIET = 600.0  # seconds without a change after which a last line is complete without its end
_PACKED = re.compile(r"\.(gz|zst)$")

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class LogFile:
    """One log. `read`: unpacked bytes that were given; `known`: of these, those of an earlier run."""

    identity: str
    kind: str
    path: Path
    packed: bool
    size: int  # as it lies there, at the last look and at the one before
    before: int = 0
    changed: float = 0.0  # when, by the file's own time
    read: int = 0
    known: int = 0
    header: bytes = b""
    inode: tuple[int, int] = (0, 0)
    stamp: tuple[int, int] = (0, 0)  # size and time when it was read to its end
    raw: BinaryIO | None = None  # held open while it grows: it may be renamed to where nobody looks

    def close(self) -> None:
        """Lets go of the file."""
        if self.raw is not None:
            self.raw.close()
            self.raw = None


@dataclass(slots=True)
class FileCounts:
    """What happened to files, since the start."""

    files: int = 0
    bytes: int = 0  # unpacked
    unreadable: int = 0
    cut: int = 0  # files that became shorter, or began anew
    left_out: int = 0  # files that were too old at the first look
    problem: str = ""


@dataclass(slots=True)
class LogFiles:
    """The logs under some paths. `known`: how far an earlier run got, by identity, None where there was none.

    `chosen`: what some columns of flow logs are, as `Config.map`. `resume`: nothing that is known is read again.
    """

    roots: Sequence[Path]
    known: Mapping[str, int] | None = None
    back: float | None = None  # seconds before the first look in which a file must have changed; None: all are read
    chosen: tuple[str, ...] = ()
    resume: bool = False
    files: OrderedDict[str, LogFile] = field(default_factory=OrderedDict)  # by identity, those seen last at the end
    counts: FileCounts = field(default_factory=FileCounts)
    _heads: dict[tuple[int, int], tuple[int, int, str]] = field(default_factory=dict)  # inode -> size, time, identity
    _headers: dict[tuple[int, int], tuple[str, bytes]] = field(default_factory=dict)  # inode -> kind, header
    _begun: bool = False
    _failed: dict[str, tuple[int, int]] = field(default_factory=dict)

    def look(self, now: float | None = None) -> None:
        """Finds out which files there are, and how large."""
        now = time.time() if now is None else now
        there: dict[str, list[tuple[bool, Path, os.stat_result]]] = {}
        owner: dict[tuple[int, int], str] = {}
        seen: set[tuple[int, int]] = set()
        for path, kind in self._paths():
            try:
                stat = path.stat()
            except OSError:
                continue
            inode = (stat.st_dev, stat.st_ino)
            if inode in seen:
                continue
            seen.add(inode)
            identity = self._identity(path, kind, stat)
            if identity:
                owner[inode] = identity
                there.setdefault(identity, []).append((bool(_PACKED.search(path.name)), path, stat))
        for identity, copies in there.items():
            packed, path, stat = _fullest(copies)
            self._note(identity, packed, path, stat, now)
        for identity, one in self.files.items():
            self._check_open(one, identity in there, owner)
        for inode in self._heads.keys() - seen:
            del self._heads[inode]
            self._headers.pop(inode, None)
        while len(self.files) > MOST_FILES:
            self.files.popitem(last=False)[1].close()
        self._begun = True

    def of(self, *kinds: str) -> list[LogFile]:
        """The files of some kinds, in the order in which they were written last."""
        found = [one for one in self.files.values() if one.kind in kinds]
        return sorted(found, key=lambda one: (one.changed, str(one.path)))

    def kinds(self) -> set[str]:
        """Which logs there are."""
        return {one.kind for one in self.files.values()}

    def chunks(self, one: LogFile, upto: int | None = None, rest: bool = False) -> Iterator[Held]:
        """What is new of a file, as logs of their own.

        `upto`: to here at most, in unpacked bytes. `rest`: a last line without its end too.
        """
        stamp = _stamp(one)
        if one.stamp == stamp or (upto is not None and one.read >= upto) or self._failed.get(one.identity) == stamp:
            return
        try:
            stream = self._stream(one)
            left = b""
            while data := _read(stream, BLOCK if upto is None else min(BLOCK, upto - one.read - len(left)), one.path):
                whole = left + data
                end = whole.rfind(b"\n") + 1
                left = whole[end:]
                if end:
                    yield self._chunk(one, whole[:end])
                elif len(left) > LONGEST_LINE:
                    raise InputError(str(one.path), f"a line of more than {LONGEST_LINE >> 20} MB: not a log")
            if left and rest:
                yield self._chunk(one, left + b"\n", len(left))
            if upto is None and (rest or not left):
                one.stamp = stamp
        except InputError as error:
            self._failed[one.identity] = stamp
            self.counts.unreadable += 1
            self.counts.problem = str(error)
            log.warning("log_unreadable", extra={"fields": {"problem": str(error)}})
        except OSError as error:
            self.counts.problem = f"{one.path}: {error.strerror}"
        finally:
            if one.packed:
                one.close()

    def progress(self) -> dict[str, int]:
        """How far each file was read, by identity."""
        return {identity: one.read for identity, one in self.files.items()}

    def behind(self) -> int:
        """Bytes that are there and were not given, of files that are not packed."""
        waiting = (one for one in self.files.values() if not one.packed and one.stamp != _stamp(one))
        return sum(max(0, one.size - one.read) for one in waiting)

    def state(self) -> dict[str, Any]:
        """What happened to files, and how much is behind."""
        return asdict(self.counts) | {"behind": self.behind()}

    def close(self) -> None:
        """Lets go of all files."""
        for one in self.files.values():
            one.close()

    def _paths(self) -> Iterator[tuple[Path, str]]:
        """Files that may be logs, with the kind that their names say."""
        for root in self.roots:
            if root.is_dir():
                for path in _inside(root):
                    if (kind := log_kind(path.name)) or is_flow_name(path.name):
                        yield path, kind
            else:
                yield root, log_kind(root.name)
                try:
                    beside = sorted(root.parent.iterdir())
                except OSError:
                    continue
                yield from ((path, kind) for path in beside if (kind := log_kind(path.name)) and kind != "conn")

    def _identity(self, path: Path, kind: str, stat: os.stat_result) -> str:
        """What a file is known by; "" where it holds no row yet, or is no such log."""
        inode, stamp = (stat.st_dev, stat.st_ino), (stat.st_size, stat.st_mtime_ns)
        known = self._heads.get(inode)
        if known is not None and known[:2] == stamp:
            return known[2]
        identity = ""
        try:
            source = Input(str(path))
            head = source.head() if source.is_file else b""
            found, unknown = self._kind(str(path), head, kind)
            row = _to_second_row(head) if found in FLOWS and header_of(found, head) else _to_first_row(head)
        except InputError as error:
            if not _PACKED.search(path.name):  # one that is packed may not be whole yet
                self.counts.problem = str(error)
            return ""
        if row:
            header, before = header_of(found, head), None
            if not header and not head.lstrip().startswith(b"{"):  # cut, and written on
                before = self._headers.get(inode) or _beside(path, found, row)
            if before is not None:
                found, header = before
            elif not found and unknown:
                self.counts.problem = unknown
            if found:
                identity = hashlib.sha256(row).hexdigest()[:24]
                self._headers[inode] = found, header
        if known is not None and known[2] not in ("", identity):
            self.counts.cut += 1
        self._heads[inode] = (*stamp, identity)
        return identity

    def _kind(self, path: str, head: bytes, named: str) -> tuple[str, str]:
        """Which log a file is, "" where it is none that counts; and why nobody knows it, where that is so."""
        found = _log_of(head, named)
        if found or named or not _to_first_row(head):
            return found, ""
        try:
            return flow_kind(path, head, self.chosen), ""
        except InputError as error:
            return "", str(error)

    def _note(self, identity: str, packed: bool, path: Path, stat: os.stat_result, now: float) -> None:
        one = self.files.get(identity)
        if one is None:
            kind, header = self._headers[stat.st_dev, stat.st_ino]
            one = LogFile(identity, kind, path, packed, 0, header=header)
            self._begin(one, stat, now)
            self.files[identity] = one
        self.files.move_to_end(identity)
        if one.packed != packed:
            one.close()
        one.path, one.packed, one.inode = path, packed, (stat.st_dev, stat.st_ino)
        one.before, one.size, one.changed = one.size, stat.st_size, stat.st_mtime

    def _begin(self, one: LogFile, stat: os.stat_result, now: float) -> None:
        """Where the reading of a new file begins."""
        known = None if self.known is None else self.known.get(one.identity)
        self.counts.files += 1
        one.known = known or 0
        if self.resume:
            one.read = one.known
        is_old = self.back is not None and not self._begun and stat.st_mtime < now - self.back
        if is_old and (known is not None or self.known is None):
            one.read = one.known
            if not one.known:
                one.stamp = (stat.st_size, int(stat.st_mtime * 1e6))
                self.counts.left_out += 1

    def _check_open(self, one: LogFile, is_there: bool, owner: Mapping[tuple[int, int], str]) -> None:
        """Lets go of a file that was cut. One that is nowhere to be seen is read to its end while it is held open."""
        if one.raw is None:
            return
        stat = os.fstat(one.raw.fileno())
        inode = (stat.st_dev, stat.st_ino)
        if is_there and inode != one.inode:  # it goes on, or ends, in a copy
            one.close()
        elif owner.get(inode, one.identity) != one.identity or stat.st_size < one.read:
            one.close()
            if not is_there:
                one.stamp = _stamp(one)
        elif not is_there:
            one.before, one.size, one.changed = one.size, stat.st_size, stat.st_mtime
            if one.stamp == _stamp(one) and stat.st_mtime < time.time() - QUIET:
                one.close()

    def _stream(self, one: LogFile) -> Any:
        """The unpacked bytes from where the reading stopped."""
        if one.raw is None:
            one.raw = one.path.open("rb")
        if not one.packed:
            one.raw.seek(one.read)
            return one.raw
        stream = decompressed(one.raw, str(one.path))
        left = one.read
        while left and (data := _read(stream, min(left, BLOCK), one.path)):
            left -= len(data)
        return stream

    def _chunk(self, one: LogFile, data: bytes, length: int | None = None) -> Held:
        """Lines as a log of its own, with the header above them."""
        place = f"{one.path}@{one.read}"
        length = len(data) if length is None else length
        data = data if one.read else data.removeprefix(BOM)
        begins = data.startswith((one.header or b"#") if one.kind in FLOWS else b"#")
        header = b"" if one.read == 0 and begins else one.header
        one.read += length
        self.counts.bytes += length
        at = data.rfind(b"\n#separator ") + 1
        if (at or data.startswith(b"#separator ")) and one.kind not in FLOWS:
            one.header = header_of(one.kind, data[at:])
        return Held(place, header + data)


def _read(stream: Any, size: int, path: Path) -> bytes:
    return read_piece(stream, size, str(path)) if size > 0 else b""


def _inside(root: Path) -> Iterator[Path]:
    """The files in a folder, those in links to folders too, no folder twice."""
    seen: set[tuple[int, int]] = set()
    waiting = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            stat = folder.stat()
            if (stat.st_dev, stat.st_ino) in seen or depth > DEEPEST:
                continue
            seen.add((stat.st_dev, stat.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir():
                waiting.append((Path(entry.path), depth + 1))
            else:
                yield Path(entry.path)


def _fullest(copies: Sequence[tuple[bool, Path, os.stat_result]]) -> tuple[bool, Path, os.stat_result]:
    """Of the copies of one file the one that holds most: the largest, or another one that was packed later."""
    plain = max((copy for copy in copies if not copy[0]), key=lambda copy: copy[2].st_size, default=None)
    packed = max((copy for copy in copies if copy[0]), key=lambda copy: copy[2].st_size, default=None)
    if plain is None or packed is None:
        return plain or packed or copies[0]
    # What is packed under the file's own name holds the same, as soon as it is whole.
    is_other = _PACKED.sub("", packed[1].name) != plain[1].name
    return packed if is_other and packed[2].st_mtime_ns > plain[2].st_mtime_ns else plain


def _beside(path: Path, kind: str, row: bytes) -> tuple[str, bytes] | None:
    """Kind and header of the newest copy beside a file that was cut before this run: a Zeek log of as many columns."""
    try:
        # logrotate calls them conn.log.1 and conn.log-20260101, Zeek conn.2026-01-01-00-00-00.log.
        those = (p for p in path.parent.iterdir() if p.name.startswith(path.name) or log_kind(p.name) == kind)
        copies = sorted((p.stat().st_mtime_ns, p) for p in those if p != path)
        for _, copy in reversed(copies[-MOST_COPIES:]):
            header = header_of(kind, Input(str(copy)).head())
            fields = next((line for line in header.splitlines() if line.startswith(b"#fields\t")), b"")
            if fields.count(b"\t") == row.count(b"\t") + 1:
                return kind, header
    except (OSError, InputError):
        pass
    return None


def _to_first_row(head: bytes) -> bytes:
    """The beginning of a file up to the end of its first row; nothing where that is not complete."""
    at = 0
    while (end := head.find(b"\n", at)) >= 0:
        if not head.startswith(b"#", at) and head[at:end].strip():
            return head[: end + 1]
        at = end + 1
    return b""


def _to_second_row(head: bytes) -> bytes:
    """The same up to the end of the row that follows the first."""
    first = _to_first_row(head)
    second = _to_first_row(head[len(first) :])
    return first + second if second else b""


def is_quiet(one: LogFile) -> bool:
    """Whether nothing has been written to a file for so long that its last line is complete."""
    return one.changed < time.time() - QUIET


def _stamp(one: LogFile) -> tuple[int, int]:
    """A file's size and time, by which it is known whether it changed."""
    return one.size, int(one.changed * 1e6)


def _log_of(head: bytes, named: str) -> str:
    """Which log a file is by its beginning and its name; "" where it is none that counts."""
    if is_combined(head):
        return STREAM
    told = log_path(head)
    if told:
        return log_kind(f"{told}.log")
    return named or log_kind(f"{log_name(head) or ''}.log")
