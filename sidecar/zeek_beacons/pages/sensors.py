"""The sensors of a console over many: whether each is read, how far behind it is, what differs from the others."""

from __future__ import annotations

from collections.abc import Sequence

from zeek_beacons.fleet.row import SensorRow
from zeek_beacons.pages.context import PageContext
from zeek_beacons.pages.environment import render
from zeek_beacons.pages.words import plural

LATE = 3600.0  # seconds without a new connection from which on a sensor is marked


def sensors_page(rows: Sequence[SensorRow], ctx: PageContext) -> str:
    """One row for each."""
    unread = sum(row.unread_since is not None for row in rows)
    return render(
        "sensors.html",
        ctx=ctx,
        rows=rows,
        late=LATE,
        sound=not unread,
        answer=_answer(len(rows), unread),
        beneath=_beneath(rows),
    )


def _answer(number: int, unread: int) -> str:
    if not unread:
        return "The sensor is read" if number == 1 else f"All {number} sensors are read"
    return f"{plural(unread, 'sensor')} of {number} cannot be read"


def _beneath(rows: Sequence[SensorRow]) -> str:
    drifting = sum(bool(row.drift) for row in rows)
    if drifting:
        return f"{plural(drifting, 'sensor differs', 'sensors differ')} from the others in what is marked below."
    return "Version, model and settings are the same wherever they are known."
