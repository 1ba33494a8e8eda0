"""The laboratory's command line, `python -m zeek_beacons_lab`: makes traffic, trains, measures."""

from __future__ import annotations

import typer

from zeek_beacons.cli import run
from zeek_beacons_lab.cli.bench import app as bench
from zeek_beacons_lab.cli.convert import convert
from zeek_beacons_lab.cli.evaluate import app as evaluate
from zeek_beacons_lab.cli.samples import samples
from zeek_beacons_lab.cli.synth import synth
from zeek_beacons_lab.cli.train import train

app = typer.Typer(
    name="python -m zeek_beacons_lab",
    help="How the model of zeek-beacons is made and measured. Runs from a checkout, with the extra `lab`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command()(synth)
app.command()(samples)
app.command()(train)
app.command()(convert)
app.add_typer(evaluate, name="evaluate")
app.add_typer(bench, name="bench")


def main() -> None:
    """The laboratory's command."""
    run(app)
