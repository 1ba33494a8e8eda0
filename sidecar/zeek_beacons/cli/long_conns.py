"""`zeek-beacons long-conns`: which pairs keep connections open for long."""

from __future__ import annotations

from typing import Annotated

import typer

from zeek_beacons.cli import asked, columns, listing, options
from zeek_beacons.readmodel.filters import Filter, Page


def long_conns(
    path: asked.From = None,
    min_duration: Annotated[float, typer.Option(min=0, help="Only from so many seconds on.")] = 3600.0,
    by_sum: Annotated[
        bool, typer.Option("--by-sum", help="By what connections within 24 hours add up to, not by the longest one.")
    ] = False,
    host: listing.Host = "",
    resp: listing.Resp = "",
    limit: listing.Limit = 20,
    as_csv: listing.AsCsv = False,
    as_json: options.AsJson = False,
    url: asked.Url = None,
    token: asked.Token = "",
    authority: asked.Authority = None,
    config: options.SystemConfigFile = None,
) -> None:
    """Show pairs by how long their connections are open: the longest one, or what 24 hours add up to.

    Severity: low from 1 hour on, medium from 4, high from 12, critical from 24, by the longer of the two.

    Examples:

        zeek-beacons long-conns

        zeek-beacons long-conns report --by-sum --min-duration 14400
    """
    source = listing.source_of(path, url, token, authority, config)
    which = Filter(host=host, resp=resp)
    more = {"min_duration": min_duration, "by_sum": by_sum}
    found = source.rows("long-connections", which, Page(limit=limit), more)
    listing.show(found, columns.LONG, "pair", as_csv, as_json)
