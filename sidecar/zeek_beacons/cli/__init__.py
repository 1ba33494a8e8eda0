"""The command line. Only this package prints and picks exit codes: 0 ran, 1 found beacons with --fail-on-alert,
2 bad usage or input, 70 a fault of ours.
"""

from __future__ import annotations

import io
import signal
import sys
import traceback
from typing import ClassVar, NoReturn

import typer

from zeek_beacons import __version__
from zeek_beacons.cli.lazy_group import CommandTable, LazyGroup
from zeek_beacons.errors import BeaconsError


class Commands(LazyGroup):
    """The commands of `zeek-beacons`."""

    table: ClassVar[CommandTable] = {
        "score": (
            "zeek_beacons.cli.score:score",
            "Score every pair in logs: which beacon, how often, how sure, and why.",
        ),
        "pcap": (
            "zeek_beacons.cli.pcap:pcap",
            "Run captures through Zeek and the sidecar: notices as on a sensor, and the reports of `score`.",
        ),
        "sidecar": (
            "zeek_beacons.cli.sidecar:sidecar",
            "Judge the candidates of a running Zeek and send verdicts back, which become its notices.",
        ),
        "status": (
            "zeek_beacons.cli.status:status",
            "Show whether the sidecar serves Zeek, what it did, and what was lost.",
        ),
        "validate": (
            "zeek_beacons.cli.validate:validate",
            "Read logs without scoring them and say what was found: formats, rows, bad lines, time span, clock jumps.",
        ),
        "sample": ("zeek_beacons.cli.sample:sample", "Unpack a small sample to try the other commands on."),
        "model": ("zeek_beacons.cli.model:app", "Look at a model folder."),
    }


app = typer.Typer(
    name="zeek-beacons",
    cls=Commands,
    help="Finds command-and-control beaconing in the timing of Zeek's connections.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """Finds command-and-control beaconing in the timing of Zeek's connections."""
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """The `zeek-beacons` command."""
    run(app)


def run(app: typer.Typer) -> None:
    """Runs a command line: errors of this package become one line and exit code 2, faults of ours 70."""
    if sys.stdout is None:  # as by `>&-`; what is opened next would take its place
        _end("error: standard output is closed; to see nothing, send it to /dev/null", 2)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it quietly, as it ends every other tool
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names from the network on an ASCII terminal
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BeaconsError as error:
        _end(f"error: {error}", 2)
    except OSError as error:  # standard output cannot be written
        _end(f"error: {error}", 2)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except Exception:
        traceback.print_exc()
        _end("error: this is a fault of zeek-beacons, please report it with the lines above", 70)


def _end(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)
