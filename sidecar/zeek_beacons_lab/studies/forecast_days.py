"""Days on which beacons are switched on after the baseline, and what each of them is as pairs and as connections."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from zeek_beacons.config import Config
from zeek_beacons.labels import BEACONS
from zeek_beacons.pairs import PROTOS, STATES, Ints, Pairs
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.connection_table import YES, ConnectionTable
from zeek_beacons.readers.connections import read_connections
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.studies.injection import FULL_DAY, can_host, inject, with_pair
from zeek_beacons_lab.traffic import Traffic, generate
from zeek_beacons_lab.traffic.logs import write_traffic

BASELINE = 12.0  # hours
SHORTEST = 20.0  # hours of a capture that leaves something to judge
FEWEST = 6  # check-ins after the baseline
INJECTED = ("fixed sleep", "jitter shortens", "padding", "normal jitter", "missed beats", "operator sessions")
SWITCHED_ON, INJECTED_IN, OF_CAPTURE = "drawn days", "beacons injected into real days", "C2 of captures"
SITE = {"beacons": 10, "benign": 120, "hours": 24.0, "hosts": 24}


@dataclass(frozen=True, slots=True)
class Hunted:
    """A beacon that should be found."""

    row: int  # of the day's pairs
    orig_h: str
    addr: str
    begin: float  # its first check-in, seconds since the epoch
    sleep: float  # median wait, seconds


@dataclass(frozen=True, slots=True, eq=False)
class ForecastDay:
    """One network's day."""

    name: str
    kind: str  # SWITCHED_ON, INJECTED_IN, OF_CAPTURE
    tables: Sequence[ConnectionTable]
    pairs: Pairs
    hunted: Sequence[Hunted]
    is_c2: np.ndarray[tuple[int], np.dtype[np.bool_]]  # (pairs,) whatever is no false alert


def drawn_day(seed: int, config: Config) -> ForecastDay:
    """A day of `synth` whose C2 begins after the baseline."""
    with tempfile.TemporaryDirectory(prefix="zeek-beacons-") as scratch:
        write_switched_on(seed, Path(scratch))
        request = Request([scratch])
        tables = list(read_connections(request, config)[0])
        pairs, _ = read(request, config)
    truth = generate(seed=seed, **SITE).truth  # type: ignore[arg-type]
    keys = set(zip(truth.orig_h[truth.is_c2], truth.resp[truth.is_c2], truth.resp_p[truth.is_c2], strict=True))
    of_pair = list(zip(pairs.orig_h, pairs.addr, pairs.resp_p, strict=True))
    is_c2 = np.array([key in keys for key in of_pair], dtype=np.bool_)
    return ForecastDay(f"seed {seed}", SWITCHED_ON, tables, pairs, list(_hunted(pairs, is_c2)), is_c2)


def write_switched_on(seed: int, folder: Path) -> None:
    """The files of such a day."""
    traffic = generate(seed=seed, **SITE)  # type: ignore[arg-type]
    late = traffic.start >= traffic.start.min() + BASELINE * 3600
    write_traffic(_chosen(traffic, np.flatnonzero(late | ~traffic.truth.is_c2[traffic.pair])), folder, "conn")


def injected_day(folder: Path, capture: Capture, config: Config, seed: int) -> ForecastDay | None:
    """A benign day of a capture with a beacon of each family in it; None where the capture has no room for one."""
    if not can_host(capture) or capture.seconds < SHORTEST * 3600 or np.isin(capture.label, list(BEACONS)).any():
        return None
    tables = list(read_connections(Request([str(folder)]), config)[0])
    start = min(float(table.ts.min()) for table in tables) + BASELINE * 3600
    with_beacons, added = capture, []
    for number, family in enumerate(INJECTED):
        late = _from(inject(capture, family, FULL_DAY, (seed, number)).pair, start)
        if late.counts[0] >= FEWEST:
            with_beacons = with_pair(with_beacons, late)
            added.append(late)
    is_c2 = np.arange(len(with_beacons.pairs)) >= len(capture.pairs)
    hunted = list(_hunted(with_beacons.pairs, is_c2))
    tables += [_as_table(pair) for pair in added]
    return ForecastDay(capture.name, INJECTED_IN, tables, with_beacons.pairs, hunted, is_c2)


def capture_day(folder: Path, capture: Capture, config: Config) -> ForecastDay | None:
    """A capture with C2 that is long enough; it is there from the beginning, mostly."""
    is_c2 = np.isin(capture.label, list(BEACONS))
    if not is_c2.any() or capture.seconds < SHORTEST * 3600:
        return None
    tables = list(read_connections(Request([str(folder)]), config)[0])
    return ForecastDay(capture.name, OF_CAPTURE, tables, capture.pairs, list(_hunted(capture.pairs, is_c2)), is_c2)


def _hunted(pairs: Pairs, is_c2: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Iterator[Hunted]:
    seen: set[tuple[str, str, int]] = set()
    for row in np.flatnonzero(is_c2 & (pairs.counts >= FEWEST)).tolist():
        key = (pairs.orig_h[row], pairs.addr[row], int(pairs.resp_p[row]))
        start = pairs.start[pairs.offsets[row] : pairs.offsets[row + 1]]
        if key not in seen:
            seen.add(key)
            yield Hunted(row, key[0], key[1], float(start[0]), float(np.median(np.diff(start))))


def _chosen(traffic: Traffic, rows: Ints) -> Traffic:
    columns = ("pair", "start", "duration", "orig_bytes", "resp_bytes", "state")
    return replace(traffic, **{name: getattr(traffic, name)[rows] for name in columns})


def _from(pair: Pairs, start: float) -> Pairs:
    """What a single pair does from then on."""
    skipped = int(np.searchsorted(pair.start, start))
    late = pair.cut(np.array([0]), np.array([skipped]), np.array([len(pair.start) - skipped]))
    count = np.array([len(late.start)])
    return replace(late, conns=count, named=np.minimum(late.named, count), first_ts=late.start[:1].copy())


def _as_table(pair: Pairs) -> ConnectionTable:
    """A single pair's connections."""
    n = len(pair.start)
    packets = np.ceil(np.nan_to_num(pair.orig_bytes) / 1400) + 4
    return ConnectionTable(
        ts=pair.start,
        duration=pair.duration,
        orig_h=Texts.constant(n, str(pair.orig_h[0])),
        orig_p=np.full(n, -1),
        resp_h=Texts.constant(n, str(pair.addr[0])),
        resp_p=np.full(n, int(pair.resp_p[0])),
        proto=Texts(np.full(n, PROTOS.index(str(pair.proto[0]))), PROTOS),
        service=Texts.constant(n, str(pair.service[0]) or None),
        conn_state=Texts(pair.state.astype(np.int64), STATES),
        history=Texts.constant(n),
        orig_bytes=pair.orig_bytes,
        resp_bytes=pair.resp_bytes,
        orig_pkts=packets,
        resp_pkts=packets,
        uid=pa.nulls(n, pa.string()),
        community_id=pa.nulls(n, pa.string()),
        local_orig=np.full(n, YES, dtype=np.int8),
        local_resp=np.zeros(n, dtype=np.int8),
        labels={},
    )
