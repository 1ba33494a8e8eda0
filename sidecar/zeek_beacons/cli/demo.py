"""`zeek-beacons demo`: a guided walk over a sample, from its logs to what was found, why, and what was wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from zeek_beacons.reports.about import LIMITS

TOLD = 5  # of each kind of mistake
FOLDER = Path("demo-out")


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the sample and the reports.")] = FOLDER,
    sample: Annotated[str, typer.Option(help="site, flows or events.")] = "site",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a sample that lies there.")] = False,
) -> None:
    """Walk through a sample: unpack, score, what the first finding means, what was wrong, what to do next.

    Examples:

        zeek-beacons demo

        zeek-beacons demo endpoints --sample events
    """
    from zeek_beacons.cli.score import score
    from zeek_beacons.samples import SAMPLES, unpack

    logs, report = folder / "logs", folder / "report"
    files = unpack(sample, logs, force=force)
    print(f"1. The input: {SAMPLES[sample]}\n")
    for file in files:
        print(f"   {file}")
    labels = logs / "labels.csv"
    command = f"zeek-beacons score {logs} --truth {labels} -o {report}"
    print(f"\n2. What alerts: {command}\n")
    score(inputs=[str(logs)], output=report, truth=labels)
    summary = json.loads((report / "run_summary.json").read_text(encoding="utf-8"))
    with (report / "alerts.csv").open(encoding="utf-8", newline="") as stream:
        alerts = list(csv.DictReader(stream))
    for title, lines in _walk(alerts, summary, folder):
        print(f"\n{title}\n")
        print("\n".join(f"   {line}" for line in lines))


def _walk(
    alerts: Sequence[Mapping[str, str]], summary: Mapping[str, Any], folder: Path
) -> Iterator[tuple[str, list[str]]]:
    """What follows the list, by title."""
    yield "3. What the first finding means", _first(alerts, summary)
    yield "4. What was wrong, by the labels", _mistakes(summary["truth"])
    ingest = summary["ingest"]
    clean = [f"{ingest['used']} of {ingest['rows']} rows used, {ingest['duplicates']} duplicates"]
    clean += [f"skipped {one['rows']}: {why}" for why, one in ingest["skipped"].items()]
    clean += [f"left out {rows}: {why}" for why, rows in ingest["left_out"].items()]
    yield "5. How clean the input was", clean
    yield "6. What not to expect", list(LIMITS)
    report = folder / "report"
    yield (
        "7. What to do next",
        [
            f"open {report / 'report.html'} in a browser",
            f"zeek-beacons serve --report {report}    # the same as pages (needs the extra serve)",
            f"zeek-beacons hosts {report}             # which host to look at first",
            "zeek-beacons score YOUR-LOGS -o report  # the same on logs of your own",
        ],
    )


def _first(alerts: Sequence[Mapping[str, str]], summary: Mapping[str, Any]) -> list[str]:
    if not alerts:
        return ["Nothing alerts."]
    first = alerts[0]
    return [
        first["summary"],
        *(f"- {reason}" for reason in first["why"].split("; ")),
        f"What a score is: {summary['score_semantics']}.",
        f"Pairs alert from a threshold on: {summary['threshold_in_force']}.",
    ]


def _mistakes(truth: Mapping[str, Any]) -> list[str]:
    lines = [f"{truth['beacons']} beacons, {truth['benign']} benign pairs, {truth['false_alerts']} false alerts"]
    for title, found in (("missed", truth["missed"]), ("false", truth["false"])):
        lines += [f"{title}: {one['pair']}: {one['why']}" for one in found[:TOLD]]
    return lines
