"""`zeek-beacons feedback`: what people said that pairs are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeek_beacons.cli import options
from zeek_beacons.cli.serve import History, OperatorFile, Report

app = typer.Typer(help="Export what people said in the console as labels.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def root() -> None:
    """Export what people said in the console as labels."""


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The labels file to write.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
    history: History = None,
    report: Report = None,
    operator: OperatorFile = None,
    config: options.SystemConfigFile = None,
) -> None:
    """Write feedback as labels.csv, as `score --truth`, training and evaluation read it.

    Examples:

        zeek-beacons feedback export -o labels.csv

        zeek-beacons feedback export --report report -o labels.csv
    """
    from zeek_beacons.cli.token import store_of
    from zeek_beacons.files import write_all
    from zeek_beacons.operator_file.labels import write

    feedback = store_of(history, report, operator, config).feedback(newest=True)
    write_all(output.parent, {output.name: lambda stream: write(feedback, stream)}, force=force)
    print(f"{len(feedback)} pairs with feedback in {output}")
