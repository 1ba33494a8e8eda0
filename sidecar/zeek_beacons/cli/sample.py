"""`zeek-beacons sample`: something to try it on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeek_beacons.errors import ConfigError


def sample(
    words: Annotated[
        list[str], typer.Argument(metavar="[NAME] FOLDER", help="site (where none is named), flows or events.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> None:
    """Unpack a small sample to try the other commands on.

    site: a day of a small site as Zeek logs, with six beacons in it and labels.csv that says which they are; flows: the
    same day as flow CSV; events: six hours of endpoint events, with the process behind each connection.

    Examples:

        zeek-beacons sample site demo

        zeek-beacons score demo --truth demo/labels.csv
    """
    from zeek_beacons.samples import unpack

    if len(words) > 2:
        raise ConfigError(f"sample takes a name and a folder, not {' '.join(words)}")
    name = words[0] if len(words) == 2 else "site"
    for path in unpack(name, Path(words[-1]), force=force):
        print(path)
