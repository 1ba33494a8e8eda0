"""Files -> Pairs. One file a format family; a new one is a module and a line in READERS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import binetflow, candidates, exports, flow_csv, zeek_log
from zeek_beacons.readers.candidate_rows import Candidate
from zeek_beacons.readers.files import STDIN, Progress, beside, expand, head
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.names import Names, read_names
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.zeek_rows import log_name


@dataclass(frozen=True, slots=True)
class Request:
    """What to read: files as the user named them, and the bounds of the time that counts (epoch seconds)."""

    inputs: Sequence[str]
    form: str | None = None  # a key of READERS; None: recognised from the content
    name_logs: Sequence[str] | None = None  # ssl and http logs; None: those beside the input
    begin: float | None = None
    until: float | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """One input file, its first bytes, and the format it is read as ("": not known yet)."""

    path: str
    head: bytes
    form: str


Reader = Callable[[Sequence[File], Request, Config, Ingest, Progress | None], Pairs]


def _read_conn(
    files: Sequence[File], request: Request, config: Config, ingest: Ingest, progress: Progress | None
) -> Pairs:
    collector = Collector(config, ingest, request.begin, request.until)
    logs = beside([file.path for file in files]) if request.name_logs is None else list(request.name_logs)
    names: Names = read_names(logs)
    ingest.files.update(dict.fromkeys(logs, "server names"))
    for file in files:
        ingest.open(file.path, file.form)
        zeek_log.read(file.path, file.head, collector, names, progress)
    return collector.pairs()


def _by(read_one: Callable[[str, bytes, Collector, Progress | None], None]) -> Reader:
    """A reader of files that need nothing but a collector."""

    def read_all(
        files: Sequence[File], request: Request, config: Config, ingest: Ingest, progress: Progress | None
    ) -> Pairs:
        collector = Collector(config, ingest, request.begin, request.until)
        for file in files:
            ingest.open(file.path, file.form)
            read_one(file.path, file.head, collector, progress)
        return collector.pairs()

    return read_all


def _read_candidates(
    files: Sequence[File], request: Request, config: Config, ingest: Ingest, progress: Progress | None
) -> Pairs:
    found: list[Candidate] = []
    for file in files:
        ingest.open(file.path, file.form)
        found += candidates.candidates(file.path, file.head, ingest, progress)
    return candidates.joined(found, config, ingest, request.begin, request.until)


READERS: dict[str, Reader] = {
    "conn": _read_conn,
    "exports": _by(exports.read),
    "binetflow": _by(binetflow.read),
    "flows": _by(flow_csv.read),
    "candidates": _read_candidates,
}
SNIFFERS = {"binetflow": binetflow.sniff, "exports": exports.sniff, "flows": flow_csv.sniff}  # first match wins


def read(request: Request, config: Config, progress: Progress | None = None) -> tuple[Pairs, Ingest]:
    """Reads all inputs, which must be of one format. Raises InputError; bad rows are counted in the Ingest."""
    paths = expand(request.inputs)
    files = [File(path, head(path), request.form or "") for path in paths]
    empty = [file.path for file in files if not file.head.strip()]
    if len(empty) == len(files):
        raise InputError(empty[0], "the file is empty")
    files = [recognise(file) for file in files if file.path not in empty]
    forms = {file.form: file.path for file in files}
    if len(forms) > 1:
        listed = ", ".join(f"{path} is {form}" for form, path in forms.items())
        raise InputError(files[0].path, f"inputs of different formats in one call ({listed}); score them one by one")
    ingest = Ingest(strict=request.strict)
    pairs = READERS[files[0].form](files, request, config, ingest, progress)
    ingest.notes += [f"{path} is empty" for path in empty]
    if not ingest.rows:
        ingest.notes.append("the input holds no rows")
    return pairs, ingest


def recognise(file: File) -> File:
    """The file with its format: the one asked for, or the one its content shows. Raises InputError for another."""
    path, first = file.path, file.head
    if file.form:
        return file
    log = log_name(first)
    if log == "conn":
        return replace(file, form="conn")
    if log == "beacon_candidates":
        return replace(file, form="candidates")
    if log is not None:
        raise InputError(path, f"this is a Zeek {log} log; give the conn.log (ssl and http logs beside it are found)")
    for form, sniff in SNIFFERS.items():
        if sniff(first):
            return replace(file, form=form)
    shown = "stdin" if path == STDIN else "content"
    raise InputError(
        path,
        f"unknown {shown} (starts with {first[:24]!r}); "
        "expected conn.log (also as CSV or Parquet), beacon_candidates.log, a binetflow or a flow CSV with a header",
    )
