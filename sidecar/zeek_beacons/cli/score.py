"""`zeek-beacons score`: logs in, verdicts out."""

from __future__ import annotations

import json
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console

from zeek_beacons import __version__, reports
from zeek_beacons.allow import AllowList
from zeek_beacons.cli import options
from zeek_beacons.cli.alert_list import SHOWN, from_outside, incident_table
from zeek_beacons.config import Config
from zeek_beacons.pipeline import Scored, score_site
from zeek_beacons.pipeline import score as score_pairs
from zeek_beacons.readers import read
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.scoring import Scoring
from zeek_beacons.truth import Outcome, Truth
from zeek_beacons.verdicts import LABELS

LISTED = {"incidents": reports.tables.incidents, "alerts": reports.tables.alerts}  # in the JSON
PLAIN_WIDTH = 140  # of the table where output is no terminal
CALIBRATED = "probability of a beacon where beacons and benign pairs are equally frequent; not the share of true alerts"
SEMANTICS = "0 to 1, higher is more beacon-like; ranks pairs, and is not a calibrated probability"


def score(
    inputs: options.Inputs,
    output: Annotated[
        Optional[Path], typer.Option("--output", "-o", help="Folder for the reports.", show_default=False)
    ] = None,
    profile: options.Profile = None,
    threshold: options.Threshold = None,
    model: options.ModelFolder = None,
    rules_only: options.RulesOnly = False,
    alerts_per_host_day: options.AlertsPerHostDay = None,
    form: options.Form = None,
    names: options.NameLogs = None,
    allow: options.AllowFile = None,
    direction: options.Direction = None,
    local_net: options.LocalNets = None,
    min_connections: Annotated[
        Optional[int],
        typer.Option(help="Connections below which a pair is not scored.  [default: 6]", show_default=False),
    ] = None,
    max_observations: options.MaxObservations = None,
    begin: options.Begin = None,
    until: options.Until = None,
    features: Annotated[bool, typer.Option("--features", help="Also write features.parquet.")] = False,
    truth: Annotated[
        Optional[Path],
        typer.Option(help="labels.csv to measure against: prints AUC, precision, recall, F1.", show_default=False),
    ] = None,
    strict: options.Strict = False,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
    fail_on_alert: Annotated[bool, typer.Option("--fail-on-alert", help="Exit with 1 when there is an alert.")] = False,
) -> None:
    """Score every pair in logs: which beacon, how often, how sure, and why.

    Reads Zeek's conn.log (TSV or JSON), beacon_candidates.log, NetFlow/IPFIX CSV; plain, .gz or .zst.

    Examples:

        zeek-beacons score /opt/zeek/logs/2026-01-31 -o report

        zeek-beacons score conn.log --profile conservative --allow allow.list -o report

        zcat flows.csv.gz | zeek-beacons score - --format flows --direction outbound
    """
    began = time.perf_counter()
    options.either(threshold, alerts_per_host_day)
    settings = options.settings(
        config,
        profile=profile,
        threshold=threshold,
        direction=direction,
        local_nets=local_net,
        min_connections=min_connections,
        max_observations=max_observations,
    )
    request = options.request(inputs, form, names, begin, until, strict)
    allowed = AllowList.load(allow) if allow else None
    expected = Truth.load(truth) if truth else None
    scoring = Scoring.rules_only() if rules_only else Scoring.load(model)
    if output is not None:
        reports.prepare(output)
    with options.progress(inputs) as advance:
        pairs, ingest = read(request, settings, advance)
    read_at = time.perf_counter()
    if alerts_per_host_day is None:
        scored = score_pairs(pairs, scoring, settings, allowed)
    else:
        scored, _site = score_site(pairs, scoring, settings, alerts_per_host_day, allowed)
    scored_at = time.perf_counter()
    summary = summarise(scored, ingest, scoring, settings, {"read": read_at - began, "score": scored_at - read_at})
    outcome = expected.compare(scored) if expected else None
    if outcome is not None:
        summary["truth"] = outcome.summary()
    if output is not None:
        reports.write(scored, summary, output, features)
    if as_json:
        listed = {name: table(scored).to_pylist() for name, table in LISTED.items()}
        print(json.dumps(summary | listed, indent=2))
    else:
        show(scored, summary, ingest, outcome, output)
    if fail_on_alert and scored.verdicts.alerts.any():
        raise typer.Exit(1)


def summarise(
    scored: Scored, ingest: Ingest, scoring: Scoring, settings: Config, seconds: dict[str, float]
) -> dict[str, Any]:
    """The content of run_summary.json."""
    verdicts = scored.verdicts
    return {
        "zeek_beacons": __version__,
        "first_seen": _when(ingest.first_us),
        "last_seen": _when(ingest.last_us),
        "pairs": len(scored.pairs),
        "pairs_scored": int((scored.feature_row >= 0).sum()),
        "alerts": int(verdicts.alerts.sum()),
        "incidents": len(scored.incidents),
        "verdicts": {name: int((verdicts.label == code).sum()) for code, name in enumerate(LABELS)},
        "profile": settings.profile,
        "thresholds": dict(scoring.thresholds),
        "threshold": verdicts.threshold,
        "score_semantics": CALIBRATED if verdicts.calibrated else SEMANTICS,
        "model": scoring.identity,
        "settings": {name: getattr(settings, name) for name in settings.__slots__},
        "ingest": ingest.summary(),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "pyarrow", "onnxruntime")},
        },
    }


def _when(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show(scored: Scored, summary: dict[str, Any], ingest: Ingest, outcome: Outcome | None, output: Path | None) -> None:
    """Prints the alerts, and what they come from."""
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    incidents = len(scored.incidents)
    if incidents:
        console.print(incident_table(scored))
        if incidents > SHOWN:
            console.print(f"and {incidents - SHOWN} more")
        console.print()
    plural = "" if summary["alerts"] == 1 else "s"
    if outside := from_outside(scored):
        print(outside)
    together = f"{incidents} incident{'' if incidents == 1 else 's'}: " if incidents else ""
    print(
        f"{together}{summary['alerts']} alert{plural} in {summary['pairs']} pairs "
        f"({summary['pairs_scored']} with enough connections), "
        f"profile {summary['profile']}, model {summary['model']}"
    )
    print(f"{ingest.rows_used} of {ingest.rows} rows used, {summary['first_seen']} to {summary['last_seen']}")
    for reason, skipped in ingest.skipped.items():
        path, line, text = skipped.examples[0]
        print(f"skipped {skipped.rows}: {reason}, first at {path}:{line}: {text}")
    for reason, rows in ingest.outside.items():
        print(f"left out {rows}: {reason}")
    for note in ingest.notes:
        print(f"note: {note}")
    if outcome is not None:
        print(outcome.text())
    if output is not None:
        print(f"reports in {output}: start with report.md")
