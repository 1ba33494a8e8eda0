"""`zeek-beacons bench`: speed and memory, measured side by side in one run."""

from __future__ import annotations

import typer

app = typer.Typer(help="Measure speed and memory.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Measure speed and memory."""
