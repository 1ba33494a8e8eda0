"""On the driver: what the user named -> lines of logs and rows of tables, as Spark reads them.

A path without a scheme that this machine has is a file of this machine, found as by one machine; everything else is
Spark's, on whatever file system it knows.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F  # noqa: N812  as everybody calls it
from pyspark.sql.types import StructType

from zeek_beacons.errors import InputError
from zeek_beacons.readers import recognise
from zeek_beacons.readers.exports import COLUMNS, REQUIRED
from zeek_beacons.readers.files import STDIN
from zeek_beacons.readers.headers import chosen_columns, require
from zeek_beacons.readers.inputs import expand, named_like
from zeek_beacons.readers.parquet_rows import MAGIC
from zeek_beacons.readers.zeek_rows import log_name
from zeek_beacons.spark import ocsf

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TABLE = "table:"  # before the name of a table that Spark's catalogue knows
NAMING = ("http", "ssl", "quic")  # logs whose server names are joined; of several names of a connection, in this order
NOT_JOINED = ("dns", "x509", "intel", "ssh", "dhcp", "kerberos", "ntlm", "beacon_candidates")
_HEADERS = "^#(separator|set_separator|empty_field|unset_field|path|fields)[ \t]"
_FILE, _LINE = "file", "line"


@dataclass(frozen=True, slots=True)
class Logs:
    """Files of one log, and the headers of the tab-separated ones by file, as Spark calls it."""

    files: list[str]
    headers: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class TableRows:
    """A table with our fields as columns, and which of its columns each was."""

    name: str
    frame: DataFrame
    found: Mapping[str, str]


@dataclass(slots=True)
class Inputs:
    """What there is to read."""

    conn: Logs
    tables: list[TableRows]
    names: dict[str, Logs] = field(default_factory=dict)  # by log
    notes: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)  # path -> what it is
    bytes: dict[str, int] = field(default_factory=dict)  # path -> how long it is, but for tables of the catalogue


def find(
    spark: SparkSession,
    inputs: Sequence[str],
    name_logs: Sequence[str] | None,
    chosen: Sequence[str],
    taken: Mapping[str, int] | None = None,
) -> Inputs:
    """What the inputs hold.

    `name_logs`: logs to join, None: those beside; `chosen`: `--map`; `taken`: files, and their bytes, that a state
    holds, which are left aside; None: there is no state. Raises InputError.
    """
    logs: list[str] = []
    parquet: list[str] = []
    beside: list[str] = []
    tables: list[TableRows] = []
    notes: list[str] = []
    for given in inputs:
        if given == STDIN:
            raise InputError(given, "standard input is this machine's alone; --engine spark reads files and tables")
        if given.startswith(TABLE):
            tables.append(_table(given, _asked(given, lambda name=given: spark.table(name[len(TABLE) :])), chosen))
            continue
        found = _files(spark, given, notes)
        parquet += found.parquet
        logs += found.logs
        beside += found.beside
    sizes: dict[str, int] = {}
    if taken is not None:
        sizes = _fresh(spark, [*logs, *parquet], taken, notes)
        logs, parquet = ([file for file in files if shown_name(file) in sizes] for files in (logs, parquet))
        if not sizes and not tables:
            raise InputError(inputs[0], "everything here is in the state already")
    if parquet:
        shown = parquet[0] if len(parquet) == 1 else f"{parquet[0]} and {len(parquet) - 1} more"
        frame = _asked(parquet[0], lambda: spark.read.parquet(*parquet))
        tables.append(_table(shown, frame, chosen))
    found_inputs = Inputs(_conn_logs(spark, list(dict.fromkeys(logs)), notes), tables, notes=notes, bytes=sizes)
    found_inputs.files = {shown_name(file): "conn" for file in found_inputs.conn.files}
    found_inputs.files |= {table.name: "table" for table in tables}
    named = list(dict.fromkeys(beside))
    if name_logs is not None:
        named = [file for given in name_logs for file in _files(spark, given, notes, "").logs]
    if found_inputs.conn.files:
        _add_names(spark, found_inputs, named)
    return found_inputs


def lines(spark: SparkSession, files: Sequence[str]) -> DataFrame:
    """Each line of these files with the file's name, as bytes."""
    read = spark.read.option("lineSep", "\n").text(list(files))
    return read.select(F.col("_metadata.file_path").alias(_FILE), F.col("value").cast("binary").alias(_LINE))


def shown_name(file: str) -> str:
    """A file as a user calls it, and by which Spark's spellings of it are known to be one."""
    return re.sub("^file:/+", "/", unquote(file))


@dataclass(slots=True)
class _Found:
    logs: list[str] = field(default_factory=list)
    parquet: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)  # all files in the folders of the logs


def _files(spark: SparkSession, given: str, notes: list[str], log: str = "conn") -> _Found:
    """The files of one input: logs, or Parquet where there are no logs. `log`: of which a folder is searched."""
    if "://" not in given and (Path(given).exists() or glob.glob(given, recursive=True)):  # noqa: PTH207
        expanded = expand([given])
        notes += expanded.notes
        parquet = [file for file in expanded.files if _is_parquet(file)]
        logs = [file for file in expanded.files if file not in parquet]
        folders = dict.fromkeys(Path(file).parent for file in logs)
        beside = [str(file) for folder in folders for file in sorted(folder.iterdir()) if file.is_file()]
        return _Found(*([f"file://{Path(file).absolute()}" for file in some] for some in (logs, parquet, beside)))
    listed = _listed(spark, given)
    if not listed:
        raise InputError(given, "no such file, folder or pattern")
    is_one = len(listed) == 1 and unquote(listed[0]).endswith(given.rstrip("/").rpartition("/")[2])
    logs, parquet = listed, [file for file in listed if file.endswith(".parquet")]
    if not is_one and not re.search(r"[*?\[{]", given) and log:
        logs = named_like(log, listed)
        parquet = [] if logs else parquet
    logs = [file for file in logs if not file.endswith(".parquet")]
    if not logs and not parquet:
        raise InputError(given, "no conn log and no Parquet file in this folder")
    if is_one and logs:
        listed = _listed(spark, given.rstrip("/").rpartition("/")[0])
    within = {file.rpartition("/")[0] for file in logs}
    return _Found(logs, parquet, [file for file in listed if file.rpartition("/")[0] in within])


def _listed(spark: SparkSession, given: str) -> list[str]:
    """The files of a folder, of all below it, or of a pattern; nothing of them is read."""
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    try:
        return sorted(row.path for row in reader.load(given).select("path").collect())
    except AnalysisException as error:
        if "PATH_NOT_FOUND" in str(error):
            return []
        raise InputError(given, _first_line(error)) from error
    except Exception as error:
        raise InputError(given, f"cannot be listed: {_first_line(error)}") from error


def _fresh(spark: SparkSession, files: list[str], taken: Mapping[str, int], notes: list[str]) -> dict[str, int]:
    """The bytes of those files that a state has not taken yet. Raises InputError where one was other when it was."""
    listed = spark.read.format("binaryFile").load(files).select("path", "length").collect() if files else []
    sizes = {shown_name(row.path): row.length for row in listed}
    for name, size in sizes.items():
        if taken.get(name, size) != size:
            problem = (
                f"the state has taken {taken[name]} bytes of it, now it has {size}: a file is taken once, when whole"
            )
            raise InputError(name, problem)
    fresh = {name: size for name, size in sizes.items() if name not in taken}
    if left := len(sizes) - len(fresh):
        notes.append(f"{left} files are in the state already and were not read")
    return fresh


def _is_parquet(file: str) -> bool:
    with Path(file).open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def _conn_logs(spark: SparkSession, files: list[str], notes: list[str]) -> Logs:
    if not files:
        return Logs([], {})
    heads = _heads(spark, files)
    known = set(map(shown_name, heads))
    notes += [f"{shown_name(file)} is empty" for file in files if shown_name(file) not in known]
    for file, head in heads.items():
        form = recognise(shown_name(file), head)
        if form != "conn":
            problem = f"--engine spark reads Zeek's conn.log and Parquet tables; this is {form}"
            raise InputError(shown_name(file), problem)
    if not heads:
        raise InputError(shown_name(files[0]), "the file is empty")
    return Logs([file for file in files if shown_name(file) in known], _of_tsv(heads))


def _add_names(spark: SparkSession, inputs: Inputs, files: list[str]) -> None:
    """Adds the logs that name servers, and notes which others are left aside."""
    for log in NAMING:
        named = [file for file in named_like(log, files) if file not in inputs.conn.files]
        heads = _heads(spark, named) if named else {}
        good = {file: head for file, head in heads.items() if _is_log(head, log)}
        if good:
            known = set(map(shown_name, good))
            inputs.names[log] = Logs([file for file in named if shown_name(file) in known], _of_tsv(good))
            inputs.files |= {shown_name(file): "server names" for file in inputs.names[log].files}
    if inputs.names:
        inputs.notes.append(
            f"of {', '.join(inputs.names)} logs the server names are joined; certificates, web clients, traits and the "
            "channels http and proxy are known to one machine only"
        )
    if left := [log for log in NOT_JOINED if named_like(log, files)]:
        inputs.notes.append(f"not joined by --engine spark: {', '.join(left)} logs beside the input")


def _is_log(head: bytes, log: str) -> bool:
    found = log_name(head)
    return found == log or (head.startswith(b"{") and found in (None, "ssl"))


def _heads(spark: SparkSession, files: Sequence[str]) -> dict[str, bytes]:
    """The headers and one row of each file that holds anything, by its name as Spark has it.

    Of JSON the longest row, which has the most fields: it leaves out those that are unset. Raises InputError.
    """
    text = F.decode(F.col(_LINE), "ISO-8859-1")
    header, row = F.when(text.rlike(_HEADERS), F.col(_LINE)), F.when(~text.rlike(r"^(#.*)?\s*$"), F.col(_LINE))
    grouped = lines(spark, files).groupBy(_FILE)
    try:
        longest = F.max_by(row, F.struct(F.length(row), row)).alias("longest")
        first = F.first(row, ignorenulls=True).alias("first")
        found = grouped.agg(F.collect_set(header).alias("headers"), longest, first).collect()
    except Exception as error:
        raise InputError(shown_name(files[0]), f"cannot be read: {_first_line(error)}") from error
    heads: dict[str, bytes] = {}
    for one in found:
        headers = sorted((bytes(line) for line in one.headers), key=lambda line: not line.startswith(b"#separator"))
        fields = {line for line in headers if line.startswith(b"#fields")}
        if len(fields) > 1:
            problem = f"{len(fields)} headers with other columns in one file, of which --engine spark reads one"
            raise InputError(shown_name(one[_FILE]), problem)
        row = bytes(one.longest or b"")
        row = row if row.startswith(b"{") else bytes(one.first or b"")
        if headers or row:
            heads[one[_FILE]] = b"".join(line.rstrip(b"\r") + b"\n" for line in headers) + row + b"\n"
    return heads


def _of_tsv(heads: Mapping[str, bytes]) -> dict[str, bytes]:
    """The headers alone, of files that have some."""
    headers = {file: b"".join(line for line in _kept(head)) for file, head in heads.items()}
    return {file: header for file, header in headers.items() if header}


def _kept(head: bytes) -> Iterator[bytes]:
    return (line for line in head.splitlines(keepends=True) if line.startswith(b"#"))


def _table(name: str, frame: DataFrame, chosen: Sequence[str]) -> TableRows:
    """A table with our fields, whatever it calls them. Raises InputError where a required one is missing."""
    columns = dict(_columns(frame.schema))
    if ocsf.is_ocsf(columns) and not chosen:
        return TableRows(name, *ocsf.connections(name, frame, columns))
    found = chosen_columns(name, list(columns), COLUMNS, chosen)
    require(name, found, list(columns), REQUIRED, COLUMNS)
    return TableRows(name, frame.select([F.col(columns[column]).alias(ours) for ours, column in found.items()]), found)


def _columns(schema: StructType, before: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The columns of a table and what is inside them, `a.b` for `b` in `a`: as we call them, and as Spark does."""
    for one in schema.fields:
        path = (*before, one.name)
        if isinstance(one.dataType, StructType):
            yield from _columns(one.dataType, path)
        else:
            yield ".".join(path), ".".join(f"`{part}`" for part in path)


def _asked(name: str, work: Any) -> DataFrame:
    try:
        frame: DataFrame = work()
    except Exception as error:
        raise InputError(name, f"cannot be read by Spark: {_first_line(error)}") from error
    return frame


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
