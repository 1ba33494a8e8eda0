"""A client may claim any name: a beacon does not hide behind one that its host is busy with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.beacons.readers.logs import T0, conn, load, tsv
from zeek_beacons.config import Config
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.scoring import Scoring

SHIPPED = Scoring.load()
C2 = "45.0.0.9"
NAMES = ("ts", "uid", "server_name")


def scored(folder: Path, own: int, name: str = "www.busy.example", answers: bool = False) -> Scored:
    """A beacon of 200 check-ins that claims a name, and `own` connections to three servers that are called so."""
    rng = np.random.default_rng(1)
    beacon = np.cumsum(60 * (1 - 0.1 * rng.random(200)))
    browsing = np.sort(np.repeat(rng.uniform(0, 12_000, own // 5), 5) + rng.exponential(3, own // 5 * 5))
    rows = [_conn(at, number, C2, 300, 900) for number, at in enumerate(beacon)]
    for number, at in enumerate(browsing):
        sizes = (int(size) for size in rng.integers(300, 50_000, 2))
        rows.append(_conn(at, 1000 + number, f"46.0.0.{rng.integers(1, 4)}", *sizes))
    claims = [{"ts": row["ts"], "uid": row["uid"], "server_name": name} for row in rows]
    (folder / "ssl.log").write_bytes(tsv(claims, NAMES, "ssl"))
    if answers:
        told = {"ts": T0 - 5, "id.orig_h": "10.0.0.5", "id.resp_h": "10.0.0.53", "id.resp_p": 53, "proto": "udp"}
        told |= {"uid": "D1", "query": name, "qtype_name": "A", "rcode": 0, "TTLs": [90_000.0], "answers": [C2]}
        (folder / "dns.log").write_bytes(tsv([told], [*told], "dns"))
    pairs, _ = load(folder, tsv(sorted(rows, key=lambda row: float(row["ts"]))))
    return score(pairs, SHIPPED, Config())


def _conn(at: float, number: int, addr: str, sent: int, received: int) -> dict[str, Any]:
    ends = {"id__resp_h": addr, "id__orig_p": 10_000 + number, "uid": f"C{number}"}
    return conn(float(np.round(at, 6)), orig_bytes=sent, resp_bytes=received, **ends)


def alerting(found: Scored) -> set[str]:
    return {str(found.pairs.resp[row]) for row in np.flatnonzero(found.verdicts.alerts)}


@pytest.mark.parametrize("own", [0, 50])
def test_the_name_speaks_where_it_is_a_beacon(own: int, tmp_path: Path) -> None:
    assert alerting(scored(tmp_path, own)) == {"www.busy.example"}


@pytest.mark.parametrize("name", ["www.busy.example", "www.microsoft.com"])
@pytest.mark.parametrize("own", [1000, 4000])
def test_the_address_speaks_where_the_name_is_busy_with_others(own: int, name: str, tmp_path: Path) -> None:
    assert alerting(scored(tmp_path, own, name)) == {C2}


def test_a_name_that_was_looked_up_speaks_for_its_address(tmp_path: Path) -> None:
    assert alerting(scored(tmp_path, 1000, answers=True)) == set()
