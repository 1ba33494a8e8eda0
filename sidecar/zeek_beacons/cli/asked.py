"""Options that say what is asked: a file on this machine, or another machine's `zeek-beacons serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

From = Annotated[
    Optional[Path],
    typer.Argument(
        metavar="[PATH]",
        help="A history, a result.sqlite or its folder (default: the sidecar's history).",
        show_default=False,
    ),
]
Url = Annotated[
    Optional[str],
    typer.Option(
        help="Ask `zeek-beacons serve` of another machine: https://HOST:PORT.",
        envvar="ZEEK_BEACONS_URL",
        show_default=False,
    ),
]
Token = Annotated[
    str,
    typer.Option(
        help="Token for --url (better in the environment: ZEEK_BEACONS_TOKEN).",
        envvar="ZEEK_BEACONS_TOKEN",
        show_default=False,
        show_envvar=False,
    ),
]
Authority = Annotated[
    Optional[Path],
    typer.Option("--ca", help="Certificate authority (PEM) that --url is checked against.", show_default=False),
]
