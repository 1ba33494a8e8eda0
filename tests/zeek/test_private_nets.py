"""What counts as local by default is what Zeek itself counts."""

from __future__ import annotations

import ipaddress
import subprocess

from zeek_beacons.locality import PRIVATE_NETS


def test_same_private_networks(zeek: str) -> None:
    script = "event zeek_init() { for ( net in Site::private_address_space ) print net; }"
    done = subprocess.run([zeek, "-e", script], capture_output=True, text=True, timeout=60, check=True)
    # Zeek prints an IPv6 network in brackets.
    nets = {ipaddress.ip_network(line.replace("[", "").replace("]", "")) for line in done.stdout.split()}
    assert {ipaddress.ip_network(net) for net in PRIVATE_NETS} == nets
