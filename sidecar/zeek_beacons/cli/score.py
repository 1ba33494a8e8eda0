"""`zeek-beacons score`: logs in, verdicts out."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Optional

import numpy as np
import typer
from rich.console import Console

from zeek_beacons import reports
from zeek_beacons.allow import AllowList
from zeek_beacons.cli import alert_sinks, options
from zeek_beacons.cli.alert_list import SHOWN, from_outside, incident_table
from zeek_beacons.cli.summary import summarise
from zeek_beacons.config import Config
from zeek_beacons.knowledge.local import LocalKnowledge
from zeek_beacons.operator_file.words import Words, load
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import NEAR, Scored, score_site
from zeek_beacons.pipeline import score as score_pairs
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.files import Progress
from zeek_beacons.readers.ingest import TWICE, Ingest
from zeek_beacons.readers.uids import newest_uids
from zeek_beacons.reports.against_labels import mistakes
from zeek_beacons.reports.looks_local import looks_local
from zeek_beacons.reports.queries import Sources
from zeek_beacons.scoring import Scoring
from zeek_beacons.truth import Outcome, Truth

PLAIN_WIDTH = 140  # of the table where output is no terminal


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
    columns: options.Columns = None,
    names: options.NameLogs = None,
    allow: options.AllowFile = None,
    operator: options.OperatorFile = None,
    intel: options.Intel = None,
    mmdb: options.Mmdb = None,
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
    alert: options.AlertSinks = None,
    alert_stopped: options.AlertStopped = False,
    truth: Annotated[
        Optional[Path],
        typer.Option(help="labels.csv to measure against: prints AUC, precision, recall, F1.", show_default=False),
    ] = None,
    strict: options.Strict = False,
    engine: options.Engine = "local",
    master: options.Master = None,
    spark_conf: options.SparkConf = None,
    scored_to: options.ScoredTo = None,
    state: options.State = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
    fail_on_alert: Annotated[bool, typer.Option("--fail-on-alert", help="Exit with 1 when there is an alert.")] = False,
) -> None:
    """Score every pair in logs: which beacon, how often, how sure, and why.

    Reads Zeek's conn.log (TSV or JSON), beacon_candidates.log, NetFlow/IPFIX CSV, flow logs of AWS, Azure and GCP,
    Suricata's eve.json; plain, .gz or .zst.

    Examples:

        zeek-beacons score /opt/zeek/logs/2026-01-31 -o report

        zeek-beacons score conn.log --profile conservative --allow allow.list -o report

        zcat flows.csv.gz | zeek-beacons score - --format flows --direction outbound

        zeek-beacons score firewall.csv --map orig_h=Source --map resp_h=Destination --map resp_p=Port

        zeek-beacons score conn.log --alert syslog:tls://siem.example:6514 --alert file:/var/log/beacons.json

        zeek-beacons score hdfs:///zeek/2026-01 --engine spark --master yarn -o report --scored-to hdfs:///beacons/2026-01
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
        map=columns,
        intel=intel,
        mmdb=mmdb,
    )
    for_spark = {"--master": master, "--spark-conf": spark_conf, "--scored-to": scored_to, "--state": state}
    on_spark = options.is_spark(engine, for_spark)
    if on_spark:
        only_here = {"--format": form, "--alerts-per-host-day": alerts_per_host_day, "--features": features}
        options.refuse_with_spark(only_here | {"--truth": truth})
    else:
        request = options.request(inputs, form, names, begin, until, strict)
    words = said_in(operator)
    allowed = words.with_file(AllowList.load(allow) if allow else AllowList())
    expected = Truth.load(truth) if truth else None
    scoring = Scoring.rules_only() if rules_only else Scoring.load(model)
    scoring = scoring.knowing(LocalKnowledge.load(settings.intel, settings.mmdb))
    sinks = alert_sinks.opened(config, alert, alert_stopped)
    if output is not None:
        reports.prepare(output)
    totals: dict[str, Any] = {}
    site = None
    if on_spark:
        from zeek_beacons.cli import score_spark  # PySpark is loaded only for those who ask for it

        where = score_spark.OnSpark(master, spark_conf or [], scored_to, output, state)
        logs = score_spark.Read(inputs, names, *options.bounds(begin, until), strict)
        scored, ingest, totals, seconds = score_spark.run(where, logs, settings, scoring, allowed, words.said)
    else:
        with options.progress(inputs) as advance:
            pairs, ingest = read_logs(request, settings, advance)
        read_at = time.perf_counter()
        if alerts_per_host_day is None:
            scored = score_pairs(pairs, scoring, settings, allowed, said=words.said)
        else:
            scored, site = score_site(pairs, scoring, settings, alerts_per_host_day, allowed, words.said)
        seconds = {"read": read_at - began, "score": time.perf_counter() - read_at}
    summary = summarise(scored, ingest, scoring, settings, seconds, site, allowed) | totals
    looked_up = not on_spark and (as_json or output is not None or sinks is not None)
    sources = known_sources(scored, ingest) if looked_up else Sources()
    outcome = expected.compare(scored) if expected else None
    if outcome is not None:
        summary["truth"] = outcome.summary() | mistakes(scored, outcome)
    if output is not None:
        reports.write(scored, summary, output, features, sources)
    for warning in summary["warnings"]:
        print(f"WARNING: {warning}", file=sys.stderr)
    if as_json:
        listed = {
            "incidents": reports.tables.incidents(scored).to_pylist(),
            "alerts": reports.tables.alerts(scored, sources).to_pylist(),
        }
        print(json.dumps(summary | listed, indent=2))
    else:
        show(scored, summary, ingest, outcome, output)
    if sinks is not None:
        sinks.send(scored, scoring.identity, sources)
    if fail_on_alert and scored.verdicts.alerts.any():
        raise typer.Exit(1)


def read_logs(request: Request, settings: Config, progress: Progress | None = None) -> tuple[Pairs, Ingest]:
    """Reads logs as `readers.read` does; among the notes are networks that look local."""
    pairs, ingest = read(request, settings, progress)
    ingest.notes += looks_local(pairs)
    return pairs, ingest


def said_in(file: Path | None) -> Words:
    """What operators said, by their file. Raises InputError."""
    return Words() if file is None else load(file)


def known_sources(scored: Scored, ingest: Ingest) -> Sources:
    """The files of a run, and the newest uids of what alerts where a second look at them tells."""
    alerts = np.flatnonzero(scored.verdicts.alerts).tolist()
    return Sources.of(ingest.files, newest_uids(ingest.files, scored.pairs, alerts), ingest.long_gone)


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
    in_groups = f", {summary['groups_that_alert']} alerting as groups" if summary["groups_that_alert"] else ""
    together = f"{incidents} incident{'' if incidents == 1 else 's'}: " if incidents else ""
    print(
        f"{together}{summary['alerts']} alert{plural} in {summary['pairs']} pairs "
        f"({summary['pairs_scored']} with enough connections{in_groups}), "
        f"model {summary['model']}"
    )
    print(f"threshold {summary['threshold_in_force']}")
    if summary["near_misses"]:
        print(f"near misses, at most {NEAR:g} below it: {summary['near_misses']}")
    print(f"{ingest.rows_used} of {ingest.rows} rows used, {summary['first_seen']} to {summary['last_seen']}")
    for reason, skipped in ingest.skipped.items():
        path, line, text = skipped.examples[0]
        print(f"skipped {skipped.rows}: {reason}, first at {path}:{line}: {text}")
    for reason, rows in ingest.outside.items():
        print(f"left out {rows}: {reason}")
    if ingest.duplicates:
        print(f"dropped {ingest.duplicates} duplicates: {TWICE}")
    for note in ingest.notes:
        print(f"note: {note}")
    for told in scored.scoring.local.indicators.said:
        print(f"indicators: {told}")
    if len(scored.listed_quiet):
        print(f"on an indicator list without alerting: {len(scored.listed_quiet)} pairs with enough connections")
    if outcome is not None:
        print(outcome.text())
    if output is not None:
        print(f"reports in {output}: start with report.md")
