"""`python -m zeek_beacons_lab soak`: days of a site in minutes; fails where memory or files grow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def soak(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Folder for samples.csv, soak.png and what the processes write; must not exist."
        ),
    ],
    days: Annotated[int, typer.Option(min=2, help="Days that are replayed.")] = 4,
    minutes: Annotated[float, typer.Option(min=1, help="Minutes in which they are.")] = 30.0,
) -> None:
    """Replay days of a site in minutes against real processes, and fail where memory or files grow.

    A real Zeek, its sidecar and a follower of rotated logs. Sidecar and follower are ended, killed and started
    again on the first day. It fails where anything is larger on the last day than on the day before.

    Needs zeek in PATH or /opt/zeek/bin.

    Example:

        python -m zeek_beacons_lab soak -o soak --days 4 --minutes 30
    """
    from zeek_beacons.errors import ConfigError
    from zeek_beacons_lab.soak.run import soak as run

    if output.exists():
        raise ConfigError(f"{output}: is there already; name a folder that is not")
    for line in run(output.absolute(), days, minutes):
        print(line, flush=True)
