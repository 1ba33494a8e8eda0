"""`python -m zeek_beacons_lab knowledge`: the file of public knowledge beside the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zeek_beacons.errors import ConfigError


def knowledge(
    output: Annotated[Path, typer.Option("--output", "-o", help="Model folder that the file is written into.")],
) -> None:
    """Compile published lists of names and networks into the file of public knowledge.

    The lists are those in the installed packages pymispwarninglists and publicsuffixlist (extra `lab`); nothing is
    fetched, and the same packages make the same bytes.

    Examples:

        python -m zeek_beacons_lab knowledge -o models
    """
    from zeek_beacons_lab.knowledge.build import write_knowledge
    from zeek_beacons_lab.knowledge.sources import installed_lists, installed_suffix_list, installed_versions

    try:
        lists, suffixes, packages = installed_lists(), installed_suffix_list(), installed_versions()
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install '.[lab]' in the checkout") from error
    made = write_knowledge(output, lists, suffixes, packages)
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in made.counts.items())
    print(f"{made.path}: {made.path.stat().st_size:,} bytes, popular domains of {made.date}: {counts}")
