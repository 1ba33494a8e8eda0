"""`zeek-beacons hosts`: which hosts to look at first."""

from __future__ import annotations

from zeek_beacons.cli import asked, columns, listing, options
from zeek_beacons.readmodel.filters import Filter, Page


def hosts(
    path: asked.From = None,
    severity: listing.Severity = "",
    host: listing.Host = "",
    limit: listing.Limit = 20,
    as_csv: listing.AsCsv = False,
    as_json: options.AsJson = False,
    url: asked.Url = None,
    token: asked.Token = "",
    authority: asked.Authority = None,
    config: options.SystemConfigFile = None,
) -> None:
    """Show originators by combined risk: 1 - product of (1 - score) over the incidents that they are in.

    Examples:

        zeek-beacons hosts

        zeek-beacons hosts report --severity high
    """
    source = listing.source_of(path, url, token, authority, config)
    found = source.rows("hosts", Filter(severity=severity, host=host), Page(limit=limit), {})
    listing.show(found, columns.HOSTS, "host", as_csv, as_json)
