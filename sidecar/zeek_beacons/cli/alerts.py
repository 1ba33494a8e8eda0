"""`zeek-beacons alerts`: which pairs reached a level, and when."""

from __future__ import annotations

from zeek_beacons.cli import asked, columns, listing, options
from zeek_beacons.readmodel.filters import Filter, Page


def alerts(
    path: asked.From = None,
    min_score: listing.MinScore = None,
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
    """Show the alerts, the newest first. Of a result all came at once, when it was made.

    Examples:

        zeek-beacons alerts

        zeek-beacons alerts --severity high --json
    """
    source = listing.source_of(path, url, token, authority, config)
    which = Filter(min_score=min_score, severity=severity, host=host)
    found = source.rows("alerts", which, Page(limit=limit), {})
    listing.show(found, columns.ALERTS, "alert", as_csv, as_json)
