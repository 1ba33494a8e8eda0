"""Which pairs are to be judged, by the steps of Zeek's tracker, and how they become candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zeek_beacons.keys import Key
from zeek_beacons.live.protocol.messages import Candidate
from zeek_beacons.live.worker import FOLLOWED
from zeek_beacons.pairs import OBSERVATION_COLUMNS, PAIR_COLUMNS, STATES, Ints, Pairs

INTERVAL = 3600.0  # seconds after which a pair with new connections is judged again at the latest
_NAMES = np.array(STATES, dtype=np.object_)


class Due:
    """When each pair was judged last, and with how many connections. `least`: from how many on it is."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._judged: dict[Key, tuple[int, float]] = {}  # connections, start of the newest

    def of(self, pairs: Pairs, every: bool = False) -> Ints:
        """The rows of the pairs that are to be judged; `every`: all that have connections enough."""
        enough = np.flatnonzero((pairs.conns >= self._least) & (pairs.counts > 0))
        if every:
            return enough
        columns = (pairs.keys(enough), pairs.conns[enough].tolist(), pairs.last_ts[enough].tolist())
        judged = self._judged
        idle = float(np.nanmax(pairs.last_ts)) - INTERVAL if len(enough) else 0.0
        due = [
            (before := judged.get(key)) is None
            or conns >= 2 * before[0]
            or (conns != before[0] and (last >= before[1] + INTERVAL or last <= idle))
            for key, conns, last in zip(*columns, strict=True)
        ]
        return enough[np.array(due, dtype=np.bool_)]

    def judged(self, pairs: Pairs, rows: Ints) -> None:
        """These were judged, or need not be."""
        columns = (pairs.keys(rows), pairs.conns[rows].tolist(), pairs.last_ts[rows].tolist())
        self._judged.update((key, (conns, last)) for key, conns, last in zip(*columns, strict=True))

    def forget(self, pairs: Pairs) -> None:
        """Keeps of what was judged the pairs that are still there."""
        if len(self._judged) > 2 * len(pairs):
            there = set(pairs.keys())
            self._judged = {key: told for key, told in self._judged.items() if key in there}


def candidates(pairs: Pairs, rows: Ints, uids: Sequence[str], sensor: str, seq: int) -> list[Candidate]:
    """The pairs at these rows as a Zeek would tell of them. `uids`: of the newest connection of each."""
    columns = {name: getattr(pairs, name)[rows].tolist() for name in PAIR_COLUMNS}
    begins, ends = pairs.offsets[rows].tolist(), pairs.offsets[rows + 1].tolist()
    last = pairs.last_ts[rows].tolist()
    observed: dict[str, Any] = {name: getattr(pairs, name) for name in OBSERVATION_COLUMNS}
    observed["state"] = _NAMES[observed["state"]]
    found = []
    for at, key in enumerate(pairs.keys(rows)):
        row: dict[str, Any] = {name: values[at] for name, values in columns.items()}
        row |= {name: values[begins[at] : ends[at]] for name, values in observed.items()}
        found.append(
            Candidate(
                sensor=sensor,
                node=FOLLOWED,
                boot="",
                seq=seq,
                ts=last[at],
                uid=uids[at],
                orig_p=0,
                resp_h=row["addr"],
                reason=FOLLOWED,
                key=key,
                row=row,
            )
        )
    return found
