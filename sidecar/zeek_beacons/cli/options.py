"""Options that several commands share. Every command imports this module: what only some need is imported by them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError

if TYPE_CHECKING:
    from zeek_beacons.readers import Request

FORMATS = (
    "conn",
    "exports",
    "binetflow",
    "flows",
    "candidates",
    "aws",
    "azure",
    "gcp",
    "eve",
    "events",
)  # the readers' names
ENGINES = ("local", "spark")

Inputs = Annotated[
    list[str], typer.Argument(help="Files, globs, folders of (rotated) logs, or `-` for stdin.", show_default=False)
]
Form = Annotated[
    Optional[str], typer.Option("--format", help=f"Force the format: {', '.join(FORMATS)}.", show_default=False)
]
Columns = Annotated[
    Optional[list[str]],
    typer.Option(
        "--map",
        help="What a column of a CSV or Parquet file is where its heading is not known: FIELD=COLUMN; may repeat.",
        show_default=False,
    ),
]
NameLogs = Annotated[
    Optional[list[str]],
    typer.Option(
        "--names",
        help="ssl, quic, http, dns, x509, intel, ssh, dhcp, kerberos and ntlm logs to join (default: those beside).",
        show_default=False,
    ),
]
Begin = Annotated[
    Optional[str],
    typer.Option("--from", help="Skip connections that start earlier (ISO 8601 or epoch).", show_default=False),
]
Until = Annotated[
    Optional[str], typer.Option("--to", help="Skip connections that start then or later.", show_default=False)
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first bad row instead of counting it.")]
ConfigFile = Annotated[
    Optional[Path],
    typer.Option(
        "--config", help="Settings in TOML; ZEEK_BEACONS_... variables and flags override them.", show_default=False
    ),
]
SystemConfigFile = Annotated[
    Optional[Path],
    typer.Option(
        "--config",
        help="Settings in TOML (default: /etc/zeek-beacons.toml where it exists); "
        "ZEEK_BEACONS_... variables and flags override them.",
        show_default=False,
    ),
]
Direction = Annotated[
    Optional[str],
    typer.Option(
        help="Connections to look at: any, from-local, outbound, inbound, internal.  [default: any]", show_default=False
    ),
]
LocalNets = Annotated[
    Optional[list[str]],
    typer.Option("--local-net", help="A network that counts as local (default: private space).", show_default=False),
]
Profile = Annotated[
    Optional[str],
    typer.Option(
        help="How much must be sure: conservative, balanced, sensitive.  [default: balanced]", show_default=False
    ),
]
Threshold = Annotated[
    Optional[float],
    typer.Option(
        help="Score from which a pair alerts, above 0 to 1, in place of the profile's threshold.", show_default=False
    ),
]
ModelFolder = Annotated[
    Optional[Path], typer.Option("--model", help="Model folder (default: the shipped one).", show_default=False)
]
RulesOnly = Annotated[bool, typer.Option("--rules-only", help="Score by the interpretable rules alone.")]
AllowFile = Annotated[Optional[Path], typer.Option("--allow", help="Allow-list file.", show_default=False)]
OperatorFile = Annotated[
    Optional[Path],
    typer.Option(
        "--operator",
        help="What operators said in the console (operator.sqlite): allow entries, snoozes and feedback hold.",
        show_default=False,
    ),
]
Intel = Annotated[
    Optional[list[str]],
    typer.Option(
        "--intel",
        help="A list of indicators: plain lines, CSV, Zeek Intel, MISP, STIX 2.1; may repeat.",
        show_default=False,
    ),
]
Mmdb = Annotated[
    Optional[list[str]],
    typer.Option(
        "--mmdb",
        help="A database in MaxMind's format: autonomous system or country of servers; may repeat.",
        show_default=False,
    ),
]
MaxObservations = Annotated[
    Optional[int], typer.Option(help="Newest connections kept of each pair.  [default: 512]", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AlertSinks = Annotated[
    Optional[list[str]],
    typer.Option(
        "--alert",
        help="Where alerts go: file:PATH, syslog:udp://HOST:PORT, webhook:URL, email:ADDRESS; may repeat.",
        show_default=False,
    ),
]
AlertStopped = Annotated[
    bool, typer.Option("--alert-stopped", help="Alert too when a beacon has stopped; needs --alert.")
]
Engine = Annotated[
    str,
    typer.Option(
        help="What does the work: local, this machine, or spark, a Spark cluster (extra `spark`; docs/spark.md)."
    ),
]
Master = Annotated[
    Optional[str],
    typer.Option(help="With --engine spark: the master's URL (default: as Spark is set up).", show_default=False),
]
SparkConf = Annotated[
    Optional[list[str]],
    typer.Option(
        "--spark-conf", help="With --engine spark: a setting, spark.KEY=VALUE; may repeat.", show_default=False
    ),
]
ScoredTo = Annotated[
    Optional[str],
    typer.Option(
        "--scored-to",
        help="With --engine spark: the folder or URL under which scored/day=... is written (default: that of -o).",
        show_default=False,
    ),
]
State = Annotated[
    Optional[str],
    typer.Option(
        help="With --engine spark: a folder or URL of what earlier runs saw of each pair; the inputs are added to it.",
        show_default=False,
    ),
]
AlertsPerHostDay = Annotated[
    Optional[float],
    typer.Option(
        help="Alerts a host and day that are allowed; sets the threshold by this network's own pairs, "
        "in place of the profile's.",
        show_default=False,
    ),
]


def request(
    inputs: list[str], form: str | None, names: list[str] | None, begin: str | None, until: str | None, strict: bool
) -> Request:
    """What to read, from the options. Raises ConfigError."""
    from zeek_beacons.readers import Request
    from zeek_beacons.readers.inputs import expand

    if form is not None and form not in FORMATS:
        raise ConfigError(f"--format is {form!r}, expected one of {', '.join(FORMATS)}")
    first, last = bounds(begin, until)
    return Request(
        inputs=inputs,
        form=form,
        name_logs=None if names is None else expand(names).files,
        begin=first,
        until=last,
        strict=strict,
    )


def bounds(begin: str | None, until: str | None) -> tuple[float | None, float | None]:
    """The bounds of the time that counts, epoch seconds. Raises ConfigError."""
    first, last = (None if text is None else moment(name, text) for name, text in (("--from", begin), ("--to", until)))
    if first is not None and last is not None and first >= last:
        raise ConfigError(f"--from {begin} is not before --to {until}")
    return first, last


def is_spark(engine: str, for_spark: Mapping[str, object]) -> bool:
    """Whether Spark does the work. `for_spark`: options that only it has, by name. Raises ConfigError."""
    if engine not in ENGINES:
        raise ConfigError(f"--engine is {engine!r}, expected one of {', '.join(ENGINES)}")
    if engine != "spark" and (given := [name for name, value in for_spark.items() if value]):
        raise ConfigError(f"{given[0]} is for --engine spark")
    return engine == "spark"


def refuse_with_spark(given: Mapping[str, object]) -> None:
    """Refuses options, by name, that need all pairs on one machine. Raises ConfigError."""
    if known := [name for name, value in given.items() if value]:
        raise ConfigError(f"{known[0]} is not known to --engine spark")


def moment(option: str, text: str) -> float:
    """A point in time as epoch seconds. Naive times are UTC. Raises ConfigError."""
    try:
        value = float(text)
    except ValueError:
        pass
    else:
        if math.isfinite(value):
            return value
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option} is {text!r}, expected 2026-01-31T12:00:00Z or epoch seconds") from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def settings(file: Path | None, **flags: object) -> Config:
    """The configuration: file < environment < flags that were given."""
    return Config.load(file, flags=flags)


def either(threshold: float | None, alerts_per_host_day: float | None) -> None:
    """Refuses a threshold beside a budget, which would set another. Raises ConfigError."""
    if threshold is not None and alerts_per_host_day is not None:
        raise ConfigError("--threshold and --alerts-per-host-day exclude each other: each sets the threshold")


_progress_file: Path | None = None


def report_progress_to(file: Path) -> None:
    """Has `progress` keep the number of bytes read in a file, for whoever started this process."""
    global _progress_file
    _progress_file = file


@contextmanager
def progress(inputs: list[str]) -> Iterator[Callable[[int], None] | None]:
    """A progress bar over the bytes of the inputs on a terminal; None elsewhere, or see `report_progress_to`."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from zeek_beacons.readers.files import STDIN
    from zeek_beacons.readers.inputs import expand

    console = Console(stderr=True)
    if _progress_file is not None:
        yield _noted_in(_progress_file)
        return
    if not console.is_terminal:
        yield None
        return
    total = sum(Path(path).stat().st_size for path in expand(inputs).files if path != STDIN and Path(path).is_file())
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=total or None)
        yield lambda size: bar.advance(task, size)


def _noted_in(file: Path) -> Callable[[int], None]:
    """Adds up bytes in a file."""
    read = 0

    def advance(size: int) -> None:
        nonlocal read
        read += size
        file.write_text(str(read), encoding="ascii")

    return advance
