"""What an attacker can do to Zeek's tracker, measured: docs/attackers.md tells what it costs."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.readers import Request, read

from .conftest import SCRIPTS
from .forged import T0, UDP, Packet, query, write

Run = Callable[..., Mapping[str, int]]
VICTIMS = 20
# What is counted, printed at the end.
COUNTED = """
module Beacons;
redef Site::private_address_space_is_local = F;
redef Site::local_nets += { 10.0.0.0/8 };
redef Beacons::listen = F;
redef Beacons::min_connections = 5;
global most: count = 0;
event connection_state_remove(c: connection) &priority=-10
	{
	if ( |pairs| > most )
		most = |pairs|;
	}
event zeek_done() &priority=-20
	{
	local flooding = 0;
	for ( _, p in pairs )
		if ( p$orig_h == 10.0.0.66 )
			++flooding;
	print "most", most;
	print "flooding", flooding;
	print "evicted", evicted;
	print "crowding", evicted_crowding;
	print "restarts", sketch_restarts;
	print "names", names_held;
	print "missed", names_missed;
	print "answers", |lookups_a| + |lookups_b|;
	print "forgotten", answers_forgotten;
	}
"""


@pytest.fixture
def attacked(zeek: str, tmp_path: Path) -> Run:
    """Runs Zeek, with one seed of its hashes, on packets in `tmp_path`; returns what is counted at the end."""

    def run(packets: Iterable[Packet], *options: str) -> dict[str, int]:
        trace = write(tmp_path / "attack.pcap", packets)
        (tmp_path / "counted.zeek").write_text(COUNTED, encoding="utf-8")
        command = [zeek, "-D", "-C", "-r", str(trace), str(SCRIPTS), "counted.zeek", *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
        return {name: int(value) for name, value in (line.split(", ") for line in done.stdout.splitlines())}

    return run


def beacons(sleep: float, hours: float) -> Iterator[Packet]:
    """A beacon of each of VICTIMS hosts, to a server of its own, with a jitter of 10 %."""
    rng = random.Random(7)
    for victim in range(VICTIMS):
        at = rng.uniform(0, sleep)
        number = 0
        while at < 3600 * hours:
            yield Packet(at, (f"10.0.1.{victim}", 20_000 + number), (f"45.0.0.{victim}", 443))
            at += sleep * rng.uniform(0.9, 1.0)
            number += 1


def flood(pairs: int, times: int, hours: float, hosts: int = 1) -> Iterator[Packet]:
    """Pairs of so many connections each, spread over time, of which each lasts three minutes."""
    for number in range(pairs):
        for again in range(times):
            at = 3600 * hours * number / pairs + 180 * again / times
            orig = (f"10.0.0.{66 + number % hosts}", 1024 + (number * times + again) % 60_000)
            yield Packet(at, orig, (f"46.{number >> 16}.{number >> 8 & 255}.{number & 255}", 443))


def followed(folder: Path) -> int:
    """Of the victims' beacons those that came through the gate within the first hour."""
    log = folder / "beacon_candidates.log"
    if not log.exists():
        return 0
    pairs, _ = read(Request([str(log)]), Config())
    mine = np.array([host.startswith("10.0.1.") for host in pairs.orig_h], dtype=np.bool_)
    return int((mine & (pairs.first_ts <= T0 + 3600) & (pairs.conns >= 5)).sum())


@pytest.mark.parametrize(("percent", "stay"), [(100, 0), (25, VICTIMS)])
def test_one_host_drives_out_nobody_elses_pairs(percent: int, stay: int, attacked: Run, tmp_path: Path) -> None:
    """Pairs of eight connections each are worth more than a beacon that checks in every ten minutes."""
    attack = [*beacons(sleep=600, hours=3), *flood(3000, times=8, hours=3)]
    bounds = ("Beacons::max_pairs=200", "Beacons::exact_pairs=0", f"Beacons::max_host_percent={percent}")
    told = attacked(attack, *bounds)
    assert told["most"] <= 200
    assert told["evicted"] > 2000
    assert (told["crowding"] > 2000) == (percent < 100)
    assert abs(followed(tmp_path) - stay) <= 1


@pytest.mark.parametrize(("pairs", "stay"), [(4000, VICTIMS), (14_000, 0)])
def test_a_sketch_that_is_full_before_a_beacon_comes_back_is_counted(
    pairs: int, stay: int, attacked: Run, tmp_path: Path
) -> None:
    """Pairs of one connection leave but a mark; only more of them than it holds within a sleep hide a beacon."""
    attack = [*beacons(sleep=600, hours=2), *flood(pairs, times=1, hours=2)]
    told = attacked(attack, "Beacons::sketch_pairs=1000", "Beacons::exact_pairs=0")
    assert abs(told["restarts"] - pairs // 1000) <= 1
    assert abs(followed(tmp_path) - stay) <= 1
    assert told["flooding"] <= pairs // 20  # what the sketch takes for seen before


@pytest.mark.parametrize(("percent", "told_apart"), [(100, range(60)), (25, range(100, 101))])
def test_one_client_uses_up_nobody_elses_names(percent: int, told_apart: range, attacked: Run, tmp_path: Path) -> None:
    def asks(at: float, client: str, number: int, name: str) -> Packet:
        return Packet(at, (client, 1024 + number % 60_000), ("10.0.0.53", 53), UDP, query(number, name))

    attack = [asks(0.2 * n, "10.0.0.66", n, f"n{n}.d{n % 50}.example") for n in range(3000)]
    tunnel = [asks(300 + 3.0 * n, "10.0.1.5", n, f"x{n}.tunnel.example") for n in range(100)]
    bounds = ("Beacons::max_names_asked=1000", f"Beacons::max_host_percent={percent}", "Beacons::expire_after=10hrs")
    told = attacked([*attack, *tunnel], *bounds)
    assert told["names"] <= 1000
    assert told["missed"] == 3100 - told["names"]
    pairs, _ = read(Request([str(tmp_path / "beacon_candidates.log")]), Config())
    assert int(pairs.names_asked[pairs.resp == "tunnel.example"].max()) in told_apart


def test_answers_that_crowd_out_others_are_counted(attacked: Run) -> None:
    """An answer may hold dozens of addresses, each of which is remembered."""
    attack = []
    for n in range(300):
        client, server = ("10.0.0.66", 2000 + n), ("10.0.0.53", 53)
        found = [f"46.1.{n >> 4}.{16 * (n % 16) + one}" for one in range(10)]
        attack.append(Packet(1.0 * n, client, server, UDP, query(n, "a.example")))
        attack.append(Packet(1.0 * n + 0.01, server, client, UDP, query(n, "a.example", found)))
    told = attacked(attack, "Beacons::max_answers=1000")
    assert told["answers"] <= 1000
    assert told["forgotten"] == 3000 - told["answers"]
