"""`zeek-beacons beacons`: what alerts now."""

from __future__ import annotations

from zeek_beacons.cli import asked, columns, listing, options
from zeek_beacons.readmodel.filters import Filter, Page


def beacons(
    path: asked.From = None,
    min_score: listing.MinScore = None,
    severity: listing.Severity = "",
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
    """Show the pairs that alert now: the severest first, then by falling score.

    Examples:

        zeek-beacons beacons

        zeek-beacons beacons report --min-score 0.9 --csv

        zeek-beacons beacons --url https://sensor.example:8520 --host 10.0.0.0/8
    """
    source = listing.source_of(path, url, token, authority, config)
    which = Filter(min_score=min_score, severity=severity, host=host, resp=resp)
    found = source.rows("beacons", which, Page(limit=limit), {})
    listing.show(found, columns.BEACONS, "beacon", as_csv, as_json)
