"""`python -m zeek_beacons_lab evaluate`: how good the verdicts are."""

from __future__ import annotations

import typer

from zeek_beacons_lab.cli.evaluate.all_studies import every
from zeek_beacons_lab.cli.evaluate.captures import ablation, calibration, peers, real, stress
from zeek_beacons_lab.cli.evaluate.others import ctu13, evidence, grid

app = typer.Typer(help="Measure detection quality.", no_args_is_help=True)
for command in (real, peers, stress, grid, evidence, calibration, ablation, ctu13):
    app.command()(command)
app.command("all")(every)


@app.callback()
def root() -> None:
    """Measure detection quality."""
