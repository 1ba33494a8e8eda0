"""Inputs as the user names them -> files. In a folder a log is known by its name and by what its content says."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zeek_beacons.errors import InputError
from zeek_beacons.readers.files import STDIN, Input
from zeek_beacons.readers.zeek_rows import log_name, log_path

# Rotated logs keep their stem: conn.log, conn.2026-01-01-00-00-00.log.gz, conn.00:00:00-01:00:00.log.gz,
# conn_20260101_….log. conn-summary and conn_long are other logs; so is conn.summary.log, by its content.
_LOG = r"(\.(?!log)[^/]*|[_-]\d[^/]*)?\.(log|json|ndjson)(\.labeled)?(\.gz|\.zst)?$"
# The first kind that a folder holds is what it is read as: a Zeek log ("": none), and the names of such files.
_KINDS = (
    ("conn", re.compile("^conn" + _LOG)),
    ("beacon_candidates", re.compile("^beacon_candidates" + _LOG)),
    ("", re.compile(r"\.csv(\.gz|\.zst)?$")),
    ("", re.compile(r"\.(parquet|binetflow(\.2format)?)(\.gz|\.zst)?$")),
    ("", re.compile(r"_vpcflowlogs_[^/]*\.log(\.gz|\.zst)?$")),  # AWS, as delivered to S3
    ("", re.compile(r"^PT1H[^/]*\.json(\.gz|\.zst)?$")),  # Azure, a file an hour
    ("", re.compile(r"^\d\d:\d\d:\d\d_\d\d:\d\d:\d\d_S\d+\.json(\.gz|\.zst)?$")),  # GCP, as a sink writes it
    ("", re.compile(r"^eve[^/]*\.json([.-]\d+)?(\.gz|\.zst)?$")),
)
_LOGS_BESIDE = ("http", "ssl", "quic", "dns", "x509", "intel", "ssh", "dhcp", "kerberos", "ntlm")
_BESIDE = tuple((log, re.compile(f"^{log}{_LOG}")) for log in _LOGS_BESIDE)
# CSV files of our own that may lie in a folder of flows: reports and labels.
_OURS = frozenset({"alerts.csv", "hosts.csv", "incidents.csv", "scored_pairs.csv", "labels.csv"})
_NOT_UNPACKED = frozenset({".bz2", ".xz", ".zip", ".lz4", ".7z"})
_TOLD = 3  # files left out that a note names


@dataclass(frozen=True, slots=True)
class Found:
    """The files that an input means, none twice, in order; and what to tell about those left out."""

    files: list[str]
    notes: list[str]


def log_kind(name: str) -> str:
    """Which log a file is by its name: conn or one that tells of connections; "" for others."""
    kinds = (_KINDS[0], *_BESIDE)
    return next((log for log, pattern in kinds if pattern.search(name)), "")


def is_flow_name(name: str) -> bool:
    """Whether a file has the name of a flow log, and none of a file that we write ourselves."""
    return name not in _OURS and any(pattern.search(name) for kind, pattern in _KINDS if not kind)


def expand(inputs: Sequence[str]) -> Found:
    """Files for what the user named: files, globs, folders of (rotated) logs, `-` for stdin. Raises InputError."""
    found: list[str] = []
    notes: list[str] = []
    for given in inputs:
        if given == STDIN or Path(given).is_file():
            found.append(given)
        elif Path(given).is_dir():
            inside = _in_folder(Path(given))
            found += inside.files
            notes += inside.notes
        elif Path(given).exists():
            found.append(given)  # a pipe or device
        elif matches := [m for m in sorted(glob.glob(given, recursive=True)) if Path(m).is_file()]:  # noqa: PTH207
            found += matches  # glob.glob: also takes absolute patterns
        else:
            raise InputError(given, "no such file, folder or pattern")
    return Found(list(dict.fromkeys(found)), notes)


def beside(paths: Sequence[str]) -> Found:
    """The logs in the folders of these files that tell of connections."""
    return _in_folders_of(paths, _BESIDE)


def candidates_beside(paths: Sequence[str]) -> Found:
    """The beacon_candidates logs in the folders of these files."""
    (kind,) = (kind for kind in _KINDS if kind[0] == "beacon_candidates")
    return _in_folders_of(paths, (kind,))


def named_like(log: str, paths: Iterable[str]) -> list[str]:
    """Those of these files that have the name of a log, also a rotated one, in order."""
    (name,) = (name for kind, name in (*_KINDS[:2], *_BESIDE) if kind == log)
    return sorted(path for path in paths if name.search(path.rpartition("/")[2]))


def _in_folders_of(paths: Sequence[str], logs: Sequence[tuple[str, re.Pattern[str]]]) -> Found:
    folders = dict.fromkeys(Path(path).parent for path in paths if path != STDIN and Path(path).is_file())
    kinds = [_of_kind(_files(folder.iterdir()), log, name) for folder in folders for log, name in logs]
    return Found([file for kind in kinds for file in kind.files], [note for kind in kinds for note in kind.notes])


def _in_folder(folder: Path) -> Found:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(str(folder), "permission denied")
    files = [file for file in _files(folder.rglob("*")) if file.name not in _OURS]
    notes: list[str] = []
    for log, name in _KINDS:
        found = _of_kind(files, log, name)
        notes += found.notes
        if found.files:
            return Found(found.files, notes)
    if packed := [file.name for file in files if file.suffix in _NOT_UNPACKED]:
        notes.append(f"{packed[0]} is packed in a way that is not read: unpack it first")
    raise InputError(str(folder), "; ".join(["no conn, beacon_candidates or CSV log in this folder", *notes]))


def _files(within: Iterable[Path]) -> list[Path]:
    return sorted(path for path in within if path.is_file())


def _of_kind(files: Sequence[Path], log: str, name: re.Pattern[str]) -> Found:
    """The files with such names, but for those whose content is no such log."""
    named = [str(file) for file in files if name.search(file.name)]
    others = [path for path in named if log and _is_other(path, log)]
    if not others:
        return Found(named, [])
    shown = ", ".join([*others[:_TOLD], *["…"][: len(others) - _TOLD]])
    left_out = set(others)
    return Found(
        [path for path in named if path not in left_out],
        [f"left out by content, no {log} log: {len(others)} file{'s'[: len(others) - 1]} ({shown})"],
    )


def _is_other(path: str, log: str) -> bool:
    """Whether a file says that it is another log; of one that cannot be read that is told where it is read."""
    try:
        return not _is_log(Input(path).head(), log)
    except InputError:
        return False


def _is_log(head: bytes, log: str) -> bool:
    """Whether the start of a file is this log's by its own word (`#path`, `_path`), or without one by its columns.

    JSON leaves out what is unset: rows that neither name a log nor hold a column of one are whose name the file has.
    An empty log is a log.
    """
    told = log_path(head)
    if told or not head.strip():
        return told in ("", log)
    found = log_name(head)
    if not head.lstrip().startswith(b"{"):
        return found == log
    return found in (log, None) or (log == "quic" and found == "ssl")
