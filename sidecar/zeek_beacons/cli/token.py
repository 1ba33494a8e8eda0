"""`zeek-beacons token`: who may ask the console, and who may change something."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeek_beacons.cli import options
from zeek_beacons.cli.serve import History, OperatorFile, Report

if TYPE_CHECKING:
    from zeek_beacons.operator_file.store import OperatorStore

app = typer.Typer(
    help="Make, list and remove tokens for the console and its API.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(help="Who it is for: the `who` of what is done with it.", show_default=False)]


@app.callback()
def root() -> None:
    """Make, list and remove tokens for the console and its API."""


@app.command()
def add(
    name: Name,
    write: Annotated[bool, typer.Option("--write", help="It may change things, too.")] = False,
    history: History = None,
    report: Report = None,
    operator: OperatorFile = None,
    config: options.SystemConfigFile = None,
) -> None:
    """Make a token and print it. It is shown this once; only a hash of it is kept.

    Examples:

        zeek-beacons token add ana --write

        zeek-beacons token add siem --report report
    """
    print(store_of(history, report, operator, config).make_token(name, write))


@app.command(name="list")
def listed(
    history: History = None,
    report: Report = None,
    operator: OperatorFile = None,
    config: options.SystemConfigFile = None,
) -> None:
    """List the tokens: name, what it may, when it was made."""
    for token in store_of(history, report, operator, config).tokens():
        made = datetime.fromtimestamp(token.made, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        print(f"{token.name}\t{'write' if token.may_write else 'read'}\t{made}")


@app.command()
def remove(
    name: Name,
    history: History = None,
    report: Report = None,
    operator: OperatorFile = None,
    config: options.SystemConfigFile = None,
) -> None:
    """Make a token worthless, and end the sessions that began with it."""
    store_of(history, report, operator, config).remove_token(name)


def store_of(history: Path | None, report: Path | None, operator: Path | None, config: Path | None) -> OperatorStore:
    """The operators' file that a console with these options writes."""
    from zeek_beacons.live.settings import SidecarConfig, config_file
    from zeek_beacons.operator_file.store import OperatorStore
    from zeek_beacons.serve.settings import ServeConfig

    file = config_file(config)
    flags = {"history": history, "report": report, "operator": operator}
    own = ServeConfig.load(file, flags={name: None if one is None else str(one) for name, one in flags.items()})
    if own.operator:
        return OperatorStore(Path(own.operator))
    return OperatorStore(own.operator_file(own.shown(SidecarConfig.load(file))))
