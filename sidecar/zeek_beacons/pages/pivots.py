"""Links to other tools for one pair, from templates of addresses in the settings."""

from __future__ import annotations

import string
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from zeek_beacons.charts.axis import clock
from zeek_beacons.errors import ConfigError
from zeek_beacons.pages.context import Pivot
from zeek_beacons.readmodel import Beacon

# Nothing is asked of anybody before somebody follows the link.
DEFAULT: Mapping[str, str] = {"VirusTotal": "https://www.virustotal.com/gui/search/{resp}"}
FIELDS = ("orig_h", "resp", "addr", "name", "resp_p", "proto", "uid", "begin", "end", "begin_ms", "end_ms")


def checked(templates: Mapping[str, str]) -> dict[str, str]:
    """The templates, each a web address with known fields. Raises ConfigError."""
    for name, template in templates.items():
        try:
            named = {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}
        except ValueError as error:
            raise ConfigError(f"pivot {name}: {template!r} is no template: {error}") from error
        if urlsplit(template).scheme not in ("http", "https"):
            raise ConfigError(f"pivot {name}: {template!r}, expected an address that begins with https:// or http://")
        if unknown := named - set(FIELDS):
            raise ConfigError(f"pivot {name}: no field {min(unknown)!r}, expected one of {', '.join(FIELDS)}")
    return dict(templates)


def pivots(beacon: Beacon, templates: Mapping[str, str] = DEFAULT) -> list[Pivot]:
    """The links for a pair; those whose fields are not known for it are left out."""
    values = {name: quote(text, safe="", errors="replace") for name, text in _values(beacon).items() if text}
    links = []
    for name, template in templates.items():
        try:
            links.append(Pivot(name, template.format(**values)))
        except KeyError:
            continue
    return links


def _values(beacon: Beacon) -> dict[str, str]:
    row = beacon.row
    told = {
        "orig_h": row.orig_h,
        "resp": row.addr if row.resp.startswith("group:") else row.resp,
        "addr": row.addr,
        "name": row.name,
        "resp_p": str(row.resp_p),
        "proto": row.proto,
        "uid": beacon.uids[0] if beacon.uids else "",
    }
    for name, seconds in (("begin", row.first_seen), ("end", row.last_seen)):
        if seconds is not None:
            told |= {name: clock(seconds, "%Y-%m-%dT%H:%M:%SZ"), f"{name}_ms": f"{seconds * 1000:.0f}"}
    return told
