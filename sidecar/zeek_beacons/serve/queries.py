"""What lists can be asked for in the address: filters and pages."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import Depends, Query

from zeek_beacons.readmodel import Filter, Page
from zeek_beacons.readmodel.filters import LONGEST, MOST, SORTS
from zeek_beacons.serve.moments import ago
from zeek_beacons.verdicts import KINDS, LABELS, SEVERITIES

SEVERITY = "|".join(SEVERITIES[1:])


def _filter(
    host: Annotated[str, Query(max_length=LONGEST, description="Originator: an address or a range.")] = "",
    resp: Annotated[str, Query(max_length=LONGEST, description="Responder: address, range, name, `*.name`.")] = "",
    port: Annotated[int | None, Query(ge=0, le=65_535, description="The responder's port.")] = None,
    severity: Annotated[str, Query(pattern=f"^({SEVERITY})?$", description="This one or a higher one.")] = "",
    kind: Annotated[str, Query(pattern=f"^({'|'.join(KINDS)})?$")] = "",
    label: Annotated[str, Query(pattern=f"^({'|'.join(LABELS)})?$")] = "",
    since: Annotated[str, Query(max_length=40, description="Last seen since: a time, or `24h`.")] = "",
    min_score: Annotated[float | None, Query(ge=0, le=1)] = None,
    suppressed: Annotated[bool | None, Query(description="Only what something keeps quiet, or only the rest.")] = None,
    incident: Annotated[str, Query(max_length=LONGEST)] = "",
    text: Annotated[str, Query(max_length=LONGEST, description="Part of an address, a name or a service.")] = "",
    sensor: Annotated[str, Query(max_length=LONGEST, description="Seen by this sensor.")] = "",
) -> Filter:
    return Filter(
        host=host,
        resp=resp,
        port=port,
        severity=severity,
        kind=kind,
        label=label,
        since=ago(since, time.time()),
        min_score=min_score,
        suppressed=suppressed,
        incident=incident,
        text=text,
        sensor=sensor,
    )


def _page(
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    sort: Annotated[str, Query(pattern=f"^({'|'.join(SORTS)})?$", description="Empty: the worst first.")] = "",
    descending: bool = True,
) -> Page:
    return Page(offset, limit, sort, descending)


Which = Annotated[Filter, Depends(_filter)]
Part = Annotated[Page, Depends(_page)]
