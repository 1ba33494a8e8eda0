"""The command line. Only this package prints and picks exit codes: 0 ran, 1 found beacons with --fail-on-alert,
2 bad usage or input.
"""

from __future__ import annotations

import sys

import typer

from zeek_beacons import __version__
from zeek_beacons.cli.bench import app as bench
from zeek_beacons.cli.convert import convert
from zeek_beacons.cli.evaluate import app as evaluate
from zeek_beacons.cli.model import app as model
from zeek_beacons.cli.score import score
from zeek_beacons.cli.synth import synth
from zeek_beacons.cli.train import train
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
app.command()(validate)
app.command()(synth)
app.command()(train)
app.command()(convert)
app.add_typer(model, name="model")
app.add_typer(evaluate, name="evaluate")
app.add_typer(bench, name="bench")


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """Finds command-and-control beaconing in the timing of Zeek's connections."""
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """The `zeek-beacons` command: errors of this package become one line and exit code 2."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BeaconsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:  # standard output cannot be written
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
