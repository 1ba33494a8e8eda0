"""Files -> Pairs. One file a format family; a new one is a module, a line in READERS, and its name in
cli/options.py (FORMATS, which the command line shows without loading the readers)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import (
    aws_flows,
    azure_flows,
    binetflow,
    candidates,
    eve,
    events,
    exports,
    flow_csv,
    gcp_flows,
    parquet_rows,
    zeek_log,
)
from zeek_beacons.readers.candidate_rows import Candidate
from zeek_beacons.readers.channels import Beside, with_channels
from zeek_beacons.readers.combined import is_combined
from zeek_beacons.readers.files import STDIN, Input, Progress
from zeek_beacons.readers.first_sights import first_sights
from zeek_beacons.readers.headers import cells, columns_of, first_line, listed, refuse_unknown_fields
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.inputs import Found, beside, candidates_beside, expand
from zeek_beacons.readers.log_context import ContextCollector, LogContext
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.unreadable import unknown
from zeek_beacons.readers.zeek_rows import log_name


@dataclass(frozen=True, slots=True)
class Request:
    """What to read: files as the user named them, and the bounds of the time that counts (epoch seconds)."""

    inputs: Sequence[str]
    form: str | None = None  # a key of READERS; None: recognised from the content
    name_logs: Sequence[str] | None = None  # logs that tell of connections; None: those beside the input
    begin: float | None = None
    until: float | None = None
    strict: bool = False


Reader = Callable[[Sequence[Input], Request, Config, Ingest, Progress | None], Pairs]


def _read_conn(
    sources: Sequence[Input], request: Request, config: Config, ingest: Ingest, progress: Progress | None
) -> Pairs:
    context = _read_context(sources, request, ingest)
    collector = Collector(config, ingest, request.begin, request.until, context)
    for source in sources:
        ingest.begin_file()
        for part in zeek_log.parts(source, collector, context, progress):
            part.give(collector)
    others, told = request.name_logs or (), Found([], [])
    if request.name_logs is None:
        paths = [source.path for source in sources]
        others, told = beside(paths).files, candidates_beside(paths)
    ingest.notes += told.notes
    logs = Beside(sources, others, told.files, request.begin, request.until, config, ingest, context.owners)
    pairs = with_channels(collector.pairs(), logs)
    return replace(pairs, traits=context.owners.told(pairs)) if context.owners else pairs


def _read_context(sources: Sequence[Input], request: Request, ingest: Ingest) -> LogContext:
    """What the logs beside the input tell, or those that were named, which must be readable then."""
    collector = ContextCollector(ingest)
    if request.name_logs is None:
        found = beside([source.path for source in sources])
        ingest.notes += found.notes
        collector.read_spared(found.files)
    else:
        collector.read(request.name_logs)
    streams = [source for source in sources if is_combined(source.head())]
    if any(not source.is_file for source in streams):
        ingest.notes.append("names in a stream of all logs are joined from a file, not from a pipe")
    for source in streams:
        if source.is_file:
            collector.read_stream(source.path)
    return collector.context()


def _by(parts: Callable[[Input, Collector, Progress | None], Iterator[Part]]) -> Reader:
    """A reader of files that need nothing but a collector."""

    def read_all(
        sources: Sequence[Input], request: Request, config: Config, ingest: Ingest, progress: Progress | None
    ) -> Pairs:
        collector = Collector(config, ingest, request.begin, request.until)
        for source in sources:
            ingest.begin_file()
            for part in parts(source, collector, progress):
                part.give(collector)
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
    "exports": _by(exports.parts),
    "binetflow": _by(binetflow.parts),
    "flows": _by(flow_csv.parts),
    "candidates": _read_candidates,
    "aws": _by(aws_flows.parts),
    "azure": _by(azure_flows.parts),
    "gcp": _by(gcp_flows.parts),
    "eve": _by(eve.parts),
    "events": _by(events.parts),
}
# First match wins; documents and rows of JSON are looked at before Zeek's logs are, the others after.
JSON_SNIFFERS = {"eve": eve.sniff, "gcp": gcp_flows.sniff, "azure": azure_flows.sniff, "events": events.sniff_json}
SNIFFERS = {
    "aws": aws_flows.sniff,
    "binetflow": binetflow.sniff,
    "exports": exports.sniff,
    "events": events.sniff,
    "flows": flow_csv.sniff,
}


def read(request: Request, config: Config, progress: Progress | None = None) -> tuple[Pairs, Ingest]:
    """Reads all inputs, which must be of one format. Raises InputError; bad rows are counted in the Ingest."""
    form, sources, ingest = opened(request, config)
    pairs = READERS[form](sources, request, config, ingest, progress)
    pairs = replace(pairs, traits=first_sights(pairs, config.min_connections))
    if not ingest.rows:
        ingest.notes.append("the input holds no rows")
    return pairs, ingest


def opened(request: Request, config: Config) -> tuple[str, list[Input], Ingest]:
    """The inputs that hold anything, their one format, and where to note what is read. Raises InputError."""
    refuse_unknown_fields(config.map, (flow_csv.ALIASES, exports.COLUMNS, events.COLUMNS))
    found = expand(request.inputs)
    sources = [Input(path) for path in found.files]
    forms = [_form(source, request.form, config.map) for source in sources]
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
    return known[0][1], [source for source, _ in known], ingest


def _form(source: Input, asked: str | None, chosen: Sequence[str]) -> str | None:
    """The format to read an input as: the one asked for, or the one its content shows; None where it is empty."""
    head = source.head()
    if not head.strip():
        return None
    if asked is None and aws_flows.is_parquet(parquet_rows.columns_of_file(source)):
        return "aws"
    return asked or recognise(source.path, head, chosen)


def recognise(path: str, head: bytes, chosen: Sequence[str] = ()) -> str:
    """The format that a file starting like this is in, where `chosen` says what some columns are. Raises InputError."""
    for form, sniff in JSON_SNIFFERS.items():
        if sniff(head):
            return form
    log = log_name(head)
    if log == "conn":
        return "conn"
    if log == "beacon_candidates":
        return "candidates"
    if log is not None:
        raise InputError(path, f"this is a Zeek {log} log; give the conn.log (ssl and http logs beside it are found)")
    for form, looks_like in SNIFFERS.items():
        if looks_like(head, chosen):
            return form
    if problem := unknown(head):
        raise InputError(path, problem)
    shown = "stdin" if path == STDIN else "content"
    raise InputError(
        path,
        f"unknown {shown} (starts with {head[:24]!r}); expected conn.log (also as CSV or Parquet), "
        "beacon_candidates.log, a binetflow, a flow log of AWS, Azure or GCP, eve.json, or a flow CSV with a header"
        + _unnamed(head),
    )


def _unnamed(head: bytes) -> str:
    """What to do about a CSV whose columns nobody knows, "" where it is none."""
    given = cells(first_line(head))
    if len(given) < len(flow_csv.REQUIRED) or not all(name.strip() for name in given):
        return ""
    found = columns_of(given, flow_csv.ALIASES)
    missing = [name for name in flow_csv.REQUIRED if name not in found]
    return (
        f". As a flow CSV it lacks {', '.join(missing)}; its columns are: {listed(given)}; "
        f"say which is which: --map {missing[0]}=COLUMN"
    )
