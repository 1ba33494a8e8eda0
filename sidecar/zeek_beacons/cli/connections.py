"""`zeek-beacons connections`: every pair that is held, whatever was concluded about it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from zeek_beacons.cli import asked, columns, listing, options
from zeek_beacons.cli.source import Row, Rows
from zeek_beacons.errors import ConfigError
from zeek_beacons.readmodel.filters import Filter, Page


def connections(
    path: asked.From = None,
    min_score: listing.MinScore = None,
    host: listing.Host = "",
    resp: listing.Resp = "",
    limit: listing.Limit = 20,
    below_gate: Annotated[
        bool, typer.Option("--below-gate", help="Those with too few connections to be scored, in sum.")
    ] = False,
    as_csv: listing.AsCsv = False,
    as_json: options.AsJson = False,
    url: asked.Url = None,
    token: asked.Token = "",
    authority: asked.Authority = None,
    config: options.SystemConfigFile = None,
) -> None:
    """Show all pairs: those that alert first, then by falling score.

    Examples:

        zeek-beacons connections --host 10.0.0.5

        zeek-beacons connections report --below-gate
    """
    source = listing.source_of(path, url, token, authority, config)
    if not below_gate:
        which = Filter(min_score=min_score, host=host, resp=resp)
        found = source.rows("connections", which, Page(limit=limit), {})
        listing.show(found, columns.CONNECTIONS, "pair", as_csv, as_json)
    elif as_csv or host or resp or min_score is not None:
        raise ConfigError("--below-gate tells of all pairs below the gate, as a table or with --json")
    else:
        _show_below_gate(source.below_gate(), as_json)


def _show_below_gate(told: Row, as_json: bool) -> None:
    if as_json:
        print(json.dumps(told, indent=2))
        return
    counts: dict[str, Any] = told["by_connections"]
    rows: list[Row] = told["top"]
    listing.show(Rows(rows, told["pairs"]), columns.CONNECTIONS, "pair")
    print(f"of {told['hosts']} hosts with {told['responders']} responders")
    print("by connections: " + ", ".join(f"{count}: {pairs}" for count, pairs in counts.items()))
