"""A real Zeek whose pairs two sidecars share: every candidate has one verdict, of the sidecar of its shard."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import AsyncExitStack
from pathlib import Path

from tests.beacons.alerts.receivers import free_port
from tests.beacons.live import real_zeek
from zeek_beacons.config import Config
from zeek_beacons.live.service import Service
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.start import start
from zeek_beacons.scoring import Scoring

PAIRS = 40
SERVER = "count_to_v4_addr(3405803776 + host)"  # each host has its own
HOSTS = [f"10.0.0.{n}" for n in range(PAIRS)]


def shard_of(host: str) -> int:
    return int.from_bytes(hashlib.sha256(host.encode()).digest()[:4], "big") % 2 + 1


def test_each_pair_is_judged_by_the_sidecar_of_its_host(zeek: str, tmp_path: Path) -> None:
    services = asyncio.run(both(tmp_path))
    rows = [json.loads(line) for line in (tmp_path / "beacon_verdicts.log").read_text().splitlines()]
    last = {row["id.orig_h"]: row for row in rows}
    assert sorted(last) == sorted(HOSTS)
    received = [service.state()["received"] for service in services]
    assert received == [sum(shard_of(row["id.orig_h"]) == n for row in rows) for n in (1, 2)]
    states = [service.state() for service in services]
    assert [(one["gaps"], one["dropped"], one["duplicates"], one["ignored"]) for one in states] == [(0, 0, 0, 0)] * 2
    noticed = real_zeek.notices(tmp_path)
    assert len(noticed) == sum(one["notices"] for one in states)
    assert min(one["notices"] for one in states) > 0


async def both(folder: Path) -> list[Service]:
    """Runs Zeek and the two, until all pairs have their verdicts."""
    port, scoring = free_port(), Scoring.load(threads=1)
    settings = (f"Beacons::listen_port={port}/tcp", "Beacons::shards=2", "Beacons::direction=Beacons::ANY")
    more = ("LogAscii::use_json=T", "Log::flush_interval=100msecs", "Log::write_buffer_size=1", "Beacons::allow_file=")
    zeek, history = f"ws://127.0.0.1:{port}", str(folder / "history.db")
    owns = [SidecarConfig(zeek=zeek, shard=f"{n}/2", history=history, state="none") for n in (1, 2)]
    services = [start(own, Config(), scoring) for own in owns]
    async with AsyncExitStack() as stack:
        made = real_zeek.running(folder, *settings, *more, pairs=PAIRS, wait="4sec", resp=SERVER)
        await stack.enter_async_context(made)
        tasks = [asyncio.create_task(service.run()) for service in services]
        async with asyncio.timeout(120):
            while not finished(folder, services):
                await asyncio.sleep(0.1)
        for service in services:
            service.stop()
        await asyncio.gather(*tasks)
    return services


def finished(folder: Path, services: list[Service]) -> bool:
    """Whether each pair's last candidate is answered, and no alert waits for its notice."""
    log = folder / "beacon_verdicts.log"
    if not log.exists():
        return False
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    judged = {row["id.orig_h"] for row in rows if row["conns"] >= 10}
    return judged >= set(HOSTS) and not any(service.state()["unconfirmed"] for service in services)
