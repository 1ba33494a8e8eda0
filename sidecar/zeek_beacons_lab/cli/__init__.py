"""The laboratory's command line, `python -m zeek_beacons_lab`: makes traffic, trains, measures."""

from __future__ import annotations

from typing import ClassVar

import typer

from zeek_beacons.cli import run
from zeek_beacons.cli.lazy_group import CommandTable, LazyGroup


class LabCommands(LazyGroup):
    """The commands of `python -m zeek_beacons_lab`."""

    table: ClassVar[CommandTable] = {
        "synth": (
            "zeek_beacons_lab.cli.synth:synth",
            "Makes a small site's traffic with known beacons in it, and labels.csv that says which they are.",
        ),
        "samples": (
            "zeek_beacons_lab.cli.samples:samples",
            "Make the samples that ship with the product, compressed.",
        ),
        "picture": ("zeek_beacons_lab.cli.picture:picture", "Draw what `make demo` prints, as the README shows it."),
        "train": (
            "zeek_beacons_lab.cli.train:train",
            "Train the forest on synthetic traffic and captures, or on labelled rows of one's own alone.",
        ),
        "anomaly": (
            "zeek_beacons_lab.cli.anomaly:anomaly",
            "Train the isolation forest on benign pairs that says how unlike them a pair is.",
        ),
        "train-classifier": (
            "zeek_beacons_lab.cli.train_classifier:train_classifier",
            "Train the classifier of connections on synthetic sites, captures and labelled exports.",
        ),
        "golden": (
            "zeek_beacons_lab.cli.golden:golden",
            "Record what a model's features and scores are, for `zeek-beacons model verify`.",
        ),
        "knowledge": (
            "zeek_beacons_lab.cli.knowledge:knowledge",
            "Compile published lists of names and networks into the file of public knowledge.",
        ),
        "convert": (
            "zeek_beacons_lab.cli.convert:convert",
            "Convert the beaconing study's synthetic benchmark to flow CSV and labels.",
        ),
        "evaluate": ("zeek_beacons_lab.cli.evaluate:app", "Measure detection quality."),
        "bench": ("zeek_beacons_lab.cli.bench:app", "Measure speed and memory."),
        "soak": (
            "zeek_beacons_lab.cli.soak:soak",
            "Replay days of a site in minutes against real processes, and fail where memory or files grow.",
        ),
    }


app = typer.Typer(
    name="python -m zeek_beacons_lab",
    cls=LabCommands,
    help="How the model of zeek-beacons is made and measured. Runs from a checkout, with the extra `lab`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """How the model of zeek-beacons is made and measured."""


def main() -> None:
    """The laboratory's command."""
    run(app)
