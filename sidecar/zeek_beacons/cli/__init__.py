"""The command line. Only this package prints and picks exit codes: 0 ran, 1 found beacons with --fail-on-alert,
2 bad usage or input, 70 a fault of ours.
"""

from __future__ import annotations

import io
import signal
import sys
import traceback
from typing import NoReturn

import typer

from zeek_beacons import __version__
from zeek_beacons.cli.model import app as model
from zeek_beacons.cli.pcap import pcap
from zeek_beacons.cli.sample import sample
from zeek_beacons.cli.score import score
from zeek_beacons.cli.sidecar import sidecar
from zeek_beacons.cli.status import status
from zeek_beacons.cli.validate import validate
from zeek_beacons.errors import BeaconsError

app = typer.Typer(
    name="zeek-beacons",
    help="Finds command-and-control beaconing in the timing of Zeek's connections.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command()(score)
app.command()(pcap)
app.command()(sidecar)
app.command()(status)
app.command()(validate)
app.command()(sample)
app.add_typer(model, name="model")


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
