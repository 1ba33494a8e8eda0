"""`python -m zeek_beacons_lab evaluate`: how good the verdicts are."""

from __future__ import annotations

from typing import ClassVar

import typer

from zeek_beacons.cli.lazy_group import CommandTable, LazyGroup

_HERE = "zeek_beacons_lab.cli.evaluate"


class Studies(LazyGroup):
    """The commands of `python -m zeek_beacons_lab evaluate`."""

    table: ClassVar[CommandTable] = {
        "list": (
            f"{_HERE}.captures:alert_list",
            "The alert list as shown, nothing set aside: with and without context, gates and facts, and the peers.",
        ),
        "real": (
            f"{_HERE}.captures:real",
            "Labelled captures: what is found, what alerts falsely, and where the C2 ranks.",
        ),
        "polled": (
            f"{_HERE}.captures:polled",
            "What exchanges inside connections that stay open add to the alerts on captures. Needs a Zeek.",
        ),
        "peers": (
            f"{_HERE}.captures:peers",
            "The published formulas and standard learners beside this package, on the same pairs in the same run.",
        ),
        "stress": (
            f"{_HERE}.captures:stress",
            "Simulated beacons injected into the real benign days of captures: what is found, by family and length.",
        ),
        "behaviours": (
            f"{_HERE}.captures:behaviours",
            "What implants do beside keeping one timer, hidden in real days: what the shipped model finds, and when.",
        ),
        "grid": (
            f"{_HERE}.others:grid",
            "The beaconing study's benchmark: trained on its training half, and the shipped model as it is.",
        ),
        "evidence": (
            f"{_HERE}.others:evidence",
            "How many check-ins it takes: C2 and Poisson pairs of equal length that differ in their rhythm alone.",
        ),
        "calibration": (
            f"{_HERE}.captures:calibration",
            "Whether a score means what it says: reliability diagram and expected calibration error.",
        ),
        "ablation": (
            f"{_HERE}.captures:ablation",
            "What each part buys: families of features, scorers, look-alikes, check-ins, stretches, groups, evidence.",
        ),
        "ctu13": (
            f"{_HERE}.others:ctu13",
            "CTU-13's `.binetflow` files, one a scenario: the shipped model, models trained on it, its own fields.",
        ),
        "forecast": (
            f"{_HERE}.forecasts:forecast",
            "What forecasting finds of beacons that begin after its baseline, beside the pair scorer.",
        ),
        "classify": (
            f"{_HERE}.others:classify",
            "Single connections: the published recipe and ours, on the same rows, split at random and by group.",
        ),
        "all": (
            f"{_HERE}.all_studies:every",
            "Every study at once, with labs left out: all tables and figures of docs/evaluation.",
        ),
    }


app = typer.Typer(cls=Studies, help="Measure detection quality.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Measure detection quality."""
