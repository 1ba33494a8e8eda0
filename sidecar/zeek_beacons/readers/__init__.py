"""Files -> Pairs. One file a format family; a new one is a module, a line in READERS, and its name in
cli/options.py (FORMATS, which the command line shows without loading the readers)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import binetflow, candidates, exports, flow_csv, zeek_log
from zeek_beacons.readers.answers import AnswerCollector, Answers
from zeek_beacons.readers.candidate_rows import Candidate
from zeek_beacons.readers.combined import is_combined
from zeek_beacons.readers.files import STDIN, Input, Progress
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.inputs import beside, expand
from zeek_beacons.readers.names import NameCollector, Names, log_of
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.side_logs import BadRows, spared
from zeek_beacons.readers.unreadable import unknown
from zeek_beacons.readers.zeek_rows import log_name


@dataclass(frozen=True, slots=True)
class Request:
    """What to read: files as the user named them, and the bounds of the time that counts (epoch seconds)."""

    inputs: Sequence[str]
    form: str | None = None  # a key of READERS; None: recognised from the content
    name_logs: Sequence[str] | None = None  # ssl, quic, http and dns logs; None: those beside the input
    begin: float | None = None
    until: float | None = None
    strict: bool = False


Reader = Callable[[Sequence[Input], Request, Config, Ingest, Progress | None], Pairs]


def _read_conn(
    sources: Sequence[Input], request: Request, config: Config, ingest: Ingest, progress: Progress | None
) -> Pairs:
    names, answers = _read_names(sources, request, ingest)
    collector = Collector(config, ingest, request.begin, request.until, answers)
    for source in sources:
        ingest.begin_file()
        zeek_log.read(source, collector, names, progress)
    return collector.pairs()


def _read_names(sources: Sequence[Input], request: Request, ingest: Ingest) -> tuple[Names, Answers]:
    """What the logs beside the input tell of names, or those that were named, which must be readable then."""
    names, answers = NameCollector(), AnswerCollector()
    if request.name_logs is None:
        found = beside([source.path for source in sources])
        ingest.notes += found.notes
        for path in found.files:
            with spared(ingest):
                _read_name_log(path, names, answers, ingest)
    else:
        for path in request.name_logs:
            _read_name_log(path, names, answers, ingest)
    streams = [source for source in sources if is_combined(source.head())]
    if any(not source.is_file for source in streams):
        ingest.notes.append("names in a stream of all logs are joined from a file, not from a pipe")
    for path in (source.path for source in streams if source.is_file):
        names.read_stream(path)
        answers.read(path, BadRows(path))  # its bad rows are told as those of the connections
    ingest.notes += answers.notes()
    return names.names(), answers.answers()


def _read_name_log(path: str, names: NameCollector, answers: AnswerCollector, ingest: Ingest) -> None:
    """Takes one log whole, or nothing of it where it raises InputError."""
    log, bad = log_of(path), BadRows(path, ingest.strict)
    if log == "dns":
        answers.read(path, bad)
    elif log:
        names.read(path, log, bad)
    ingest.files[path] = "DNS answers" if log == "dns" else "server names"
    ingest.notes += bad.notes()


def _by(read_one: Callable[[Input, Collector, Progress | None], None]) -> Reader:
    """A reader of files that need nothing but a collector."""

    def read_all(
        sources: Sequence[Input], request: Request, config: Config, ingest: Ingest, progress: Progress | None
    ) -> Pairs:
        collector = Collector(config, ingest, request.begin, request.until)
        for source in sources:
            ingest.begin_file()
            read_one(source, collector, progress)
        return collector.pairs()

    return read_all


def _read_candidates(
    sources: Sequence[Input], request: Request, config: Config, ingest: Ingest, progress: Progress | None
) -> Pairs:
    found: list[Candidate] = []
    for source in sources:
        found += candidates.candidates(source, ingest, progress)
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
    found = expand(request.inputs)
    sources = [Input(path) for path in found.files]
    forms = [_form(source, request.form) for source in sources]
    empty = [source.path for source, form in zip(sources, forms, strict=True) if form is None]
    if len(empty) == len(sources):
        raise InputError(empty[0], "the file is empty")
    known = [(source, form) for source, form in zip(sources, forms, strict=True) if form is not None]
    by_form = {form: source.path for source, form in known}
    if len(by_form) > 1:
        listed = ", ".join(f"{path} is {form}" for form, path in by_form.items())
        raise InputError(known[0][0].path, f"inputs of different formats in one call ({listed}); score them one by one")
    ingest = Ingest(strict=request.strict, files={source.path: form for source, form in known})
    ingest.notes += [*found.notes, *(f"{path} is empty" for path in empty)]
    pairs = READERS[known[0][1]]([source for source, _ in known], request, config, ingest, progress)
    if not ingest.rows:
        ingest.notes.append("the input holds no rows")
    return pairs, ingest


def _form(source: Input, asked: str | None) -> str | None:
    """The format to read an input as: the one asked for, or the one its content shows; None where it is empty."""
    head = source.head()
    return (asked or recognise(source.path, head)) if head.strip() else None


def recognise(path: str, head: bytes) -> str:
    """The format that a file starting like this is in. Raises InputError."""
    log = log_name(head)
    if log == "conn":
        return "conn"
    if log == "beacon_candidates":
        return "candidates"
    if log is not None:
        raise InputError(path, f"this is a Zeek {log} log; give the conn.log (ssl and http logs beside it are found)")
    for form, sniff in SNIFFERS.items():
        if sniff(head):
            return form
    if problem := unknown(head):
        raise InputError(path, problem)
    shown = "stdin" if path == STDIN else "content"
    raise InputError(
        path,
        f"unknown {shown} (starts with {head[:24]!r}); "
        "expected conn.log (also as CSV or Parquet), beacon_candidates.log, a binetflow or a flow CSV with a header",
    )
