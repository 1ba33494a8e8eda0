"""What protocols tell of the two ends of a pair is the same from Zeek's logs as live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zeek_beacons import traits
from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import Request, read

from .conftest import TRACES

# A package that adds to ssl.log, loaded before ours.
FINGERPRINTS = """
@load base/protocols/ssl
redef record SSL::Info += { ja3: string &log &optional; ja3s: string &log &optional; ja4: string &log &default=""; };
event ssl_client_hello(c: connection, version: count, record_version: count, possible_ts: time, client_random: string,
    session_id: string, ciphers: index_vec, comp_methods: index_vec) &priority=-5
	{ c$ssl$ja3 = md5_hash(session_id); c$ssl$ja4 = "t12" + session_id; }
event ssl_server_hello(c: connection, version: count, record_version: count, possible_ts: time, server_random: string,
    session_id: string, cipher: count, comp_method: count) &priority=-5
	{ c$ssl$ja3s = md5_hash(cat(cipher)); }
"""

# What the trace `protocols` holds.
TOLD = {
    *("tls_version", "tls_resumed", "ja3", "ja3s", "ja4", "cert_age_days", "tls_name_mismatch"),
    *("http_method", "http_uri", "http_status", "http_content", "ssh_client", "ssh_server"),
    *("ja3_hosts", "ja3_servers", "agent_servers", "port_hosts", "server_first_seen"),
}


def told(log: Path) -> dict[tuple[str, str], dict[str, str]]:
    """The traits of the pairs of connections that came back, by who talks to whom."""
    pairs: Pairs = read(Request([str(log)], strict=True), Config())[0]
    pairs = pairs.take((pairs.conns >= 2) & (pairs.channel == "conn"))
    ends = zip(pairs.orig_h, pairs.resp, pairs.traits, strict=True)
    return {(orig_h, resp): dict(traits.read(text)) for orig_h, resp, text in ends}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("capture", ["protocols", "presented", "web", "proxied", "prevalence", "hostile_names"])
def test_both_roads_tell_the_same(capture: str, as_json: bool, run_zeek: Callable[..., Path], tmp_path: Path) -> None:
    package = tmp_path / "fingerprints.zeek"
    package.write_text(FINGERPRINTS)
    more = ["LogAscii::use_json=T"] if as_json else []
    folder = run_zeek(TRACES / f"{capture}.pcap", *more, first=[str(package)])
    by_logs = told(folder / "conn.log")
    assert told(folder / "beacon_candidates.log") == by_logs
    if capture == "protocols":
        assert set.union(*(set(found) for found in by_logs.values())) == TOLD
        assert by_logs["10.0.0.9", "185.12.45.63"]["tls_resumed"] == "yes"
