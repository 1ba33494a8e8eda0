"""`zeek-beacons classify`: each connection by itself, and what a log's connections look like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Optional

import typer

from zeek_beacons.cli import options
from zeek_beacons.cli.lazy_group import CommandTable, LazyGroup
from zeek_beacons.config import Config
from zeek_beacons.files import shipped_models

Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.", show_default=False)]


class Classify(LazyGroup):
    """The commands of `zeek-beacons classify`."""

    table: ClassVar[CommandTable] = {
        "score": (
            "zeek_beacons.cli.classify:score",
            "Say of each connection whether it is a scan, recon, brute force, C2-like or normal; and which hosts do.",
        ),
        "explore": (
            "zeek_beacons.cli.classify:explore",
            "Show what the connections of a log look like, and how well the classifier tells them apart.",
        ),
    }


app = typer.Typer(
    cls=Classify,
    help="Judge each connection by itself: scan, recon, brute force, C2-like or normal.",
    no_args_is_help=True,
)


@app.callback()
def root() -> None:
    """Judge each connection by itself: scan, recon, brute force, C2-like or normal."""


def score(
    inputs: options.Inputs,
    output: Folder,
    only_found: Annotated[
        bool, typer.Option("--only-found", help="Leave normal connections out of connections.csv.")
    ] = False,
    model: options.ModelFolder = None,
    form: options.Form = None,
    columns: options.Columns = None,
    direction: options.Direction = None,
    local_net: options.LocalNets = None,
    begin: options.Begin = None,
    until: options.Until = None,
    strict: options.Strict = False,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Say of each connection whether it is a scan, recon, brute force, C2-like or normal; and which hosts do.

    A second opinion: no verdict on a pair changes by it. Writes connections.csv, hosts.csv and run_summary.json.

    Examples:

        zeek-beacons classify score conn.log -o classes

        zeek-beacons classify score /opt/zeek/logs/2026-01-31 --only-found -o classes
    """
    from zeek_beacons.classify.model import Classifier
    from zeek_beacons.classify.scored import score as run

    settings = _settings(config, direction, local_net, columns)
    classifier = Classifier.load(model or shipped_models())
    request = options.request(inputs, form, None, begin, until, strict)
    with options.progress(inputs) as advance:
        summary = run(request, settings, classifier, output, only_found, advance)
    if as_json:
        print(json.dumps(summary, indent=2))
    else:
        _show(summary, output)


def explore(
    inputs: options.Inputs,
    output: Folder,
    labels: Annotated[
        Optional[Path],
        typer.Option(help="labels.csv by pair, where the input has no label columns.", show_default=False),
    ] = None,
    model: options.ModelFolder = None,
    form: options.Form = None,
    columns: options.Columns = None,
    local_net: options.LocalNets = None,
    begin: options.Begin = None,
    until: options.Until = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample and the intervals; the same gives the same.")] = 1,
    strict: options.Strict = False,
    config: options.ConfigFile = None,
) -> None:
    """Show what the connections of a log look like, and how well the classifier tells them apart.

    Writes explore.html and its pictures as PNG. Labels are read from the input (label, label_tactic,
    mitre_attack_tactics and the like) or from labels.csv; without any the parts that need them are left out.
    Needs the extra `plots`: pip install 'zeek-beacons[plots]'.

    Examples:

        zeek-beacons classify explore conn.log -o explored

        zeek-beacons classify explore conn.log --labels labels.csv -o explored
    """
    from zeek_beacons.classify.explored import explore as run
    from zeek_beacons.classify.model import Classifier

    settings = _settings(config, None, local_net, columns)
    classifier = Classifier.load(model or shipped_models())
    request = options.request(inputs, form, None, begin, until, strict)
    with options.progress(inputs) as advance:
        found = run(request, settings, classifier, output, labels, seed, advance)
    print(f"{found.connections} connections, {found.labelled} of them labelled; start with {output / 'explore.html'}")
    for note in found.notes:
        print(f"note: {note}")


def _settings(
    config: Path | None, direction: str | None, local_net: list[str] | None, columns: list[str] | None
) -> Config:
    return options.settings(config, direction=direction, local_nets=local_net, map=columns)


def _show(summary: dict[str, Any], output: Path) -> None:
    """Prints what was found."""
    counts = ", ".join(f"{count} {name}" for name, count in summary["classes"].items())
    print(f"{summary['connections']} connections: {counts}")
    print("hosts: " + ", ".join(f"{count} {role}" for role, count in summary["hosts"].items()))
    if missing := summary["missing_everywhere"]:
        print(f"note: the input says nothing of {', '.join(missing)}; the classes rest on what is left")
    for reason, skipped in summary["ingest"]["skipped"].items():
        print(f"skipped {skipped['rows']}: {reason}, first at {skipped['examples'][0]}")
    for reason, rows in summary["ingest"]["left_out"].items():
        print(f"left out {rows}: {reason}")
    for note in summary["ingest"]["notes"]:
        print(f"note: {note}")
    print(f"results in {output}: connections.csv, hosts.csv, run_summary.json; model {summary['model']}")
