"""What the file that ships says of what everybody knows."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from zeek_beacons.files import shipped_models
from zeek_beacons.knowledge import CDNS, CLOUDS, Knowledge, shipped_knowledge, tag_names
from zeek_beacons.knowledge.file import KNOWLEDGE, KNOWLEDGE_MANIFEST

MOST_BYTES = 8_000_000


@pytest.fixture(scope="module")
def known() -> Knowledge:
    return shipped_knowledge()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("www.google.com", {"google"}),
        ("outlook.office365.com", {"microsoft_365", "microsoft"}),
        ("login.microsoftonline.com", {"microsoft_365"}),
        ("ctldl.windowsupdate.com", {"windows"}),
        ("implant.duckdns.org", {"dynamic_dns", "shared_suffix"}),
        ("d111111abcdef8.cloudfront.net", {"aws", "shared_suffix"}),
        ("bucket.s3.amazonaws.com", {"aws", "shared_suffix"}),
        ("evil.azurewebsites.net", {"azure", "shared_suffix", "trusted_site"}),
        ("evil.workers.dev", {"cloudflare", "shared_suffix", "trusted_site"}),
        ("api.telegram.org", {"trusted_site"}),
        ("pastebin.com", {"trusted_site"}),
        ("bit.ly", {"url_shortener"}),
        ("api.ipify.org", {"ip_check"}),
        ("dns.google", {"resolver"}),
        ("captive.apple.com", {"apple", "connectivity_check"}),
        ("ocsp.digicert.com", {"certificate_check"}),
    ],
)
def test_names(known: Knowledge, name: str, expected: set[str]) -> None:
    assert expected <= set(tag_names(int(known.names([name]).tags[0])))


@pytest.mark.parametrize(
    ("name", "unexpected"),
    [
        ("evil.azurewebsites.net", {"microsoft", "microsoft_365"}),
        ("evil.blob.core.windows.net", {"microsoft", "windows"}),
        ("a1.g.akamai.net", {"microsoft", "windows"}),
        ("evil.googleusercontent.com", {"google"}),
        ("storage.googleapis.com", {"google"}),
        ("evil.github.io", {"github"}),
        ("duckdns.org", {"shared_suffix"}),
    ],
)
def test_a_customers_name_is_not_the_operators(known: Knowledge, name: str, unexpected: set[str]) -> None:
    assert not unexpected & set(tag_names(int(known.names([name]).tags[0])))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", {"resolver", "google"}),
        ("1.1.1.1", {"resolver"}),
        ("9.9.9.9", {"resolver"}),
        ("2606:4700:4700::1111", {"resolver", "cloudflare"}),
        ("52.95.110.1", {"aws"}),
        ("20.50.1.1", {"azure"}),
        ("52.96.1.1", {"microsoft_365"}),
        ("17.253.144.10", {"apple"}),
        ("142.250.74.46", {"google"}),
        ("104.16.132.229", {"cloudflare"}),
        ("151.101.1.1", {"fastly"}),
        ("140.82.121.4", {"github"}),
        ("10.0.0.1", set()),
        ("192.0.2.1", set()),
        ("fe80::1", set()),
    ],
)
def test_addresses(known: Knowledge, address: str, expected: set[str]) -> None:
    found = set(tag_names(int(known.addresses([address])[0])))
    assert expected <= found
    assert expected or not found


def test_popularity(known: Knowledge) -> None:
    names = ["www.google.com", "microsoft.com", "debian.org", "www.bbc.co.uk"]
    ranks = known.names(names).rank
    assert (ranks[:2] == 1_000).all()
    assert (ranks <= 1_000_000).all()
    unheard = known.names([f"c2-{number}.example-of-nobody-{number}.com" for number in range(2_000)]).rank
    assert np.isnan(unheard).all()


def test_clouds_and_front_ends_are_tags() -> None:
    assert {"aws", "azure", "google_cloud"} <= set(tag_names(CLOUDS))
    assert {"cloudflare", "akamai"} <= set(tag_names(CDNS))


def test_it_is_small_and_dated(known: Knowledge) -> None:
    manifest = json.loads((shipped_models() / KNOWLEDGE_MANIFEST).read_text())
    assert (shipped_models() / KNOWLEDGE).stat().st_size == manifest["bytes"] <= MOST_BYTES
    assert known.date == manifest["date"] >= "2025-12-23"
    assert known.counts == manifest["counts"]
    assert manifest["lists"].keys() >= {"public_suffix_list", "google-chrome-crux-1million", "amazon-aws"}


def test_most_of_it_stays_on_disk() -> None:
    """Names and rules are held in memory, what is large is mapped."""
    tracemalloc.start()
    known = Knowledge.load(shipped_models())
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert known.counts["popular_domains"] > 500_000
    assert held < 12_000_000
