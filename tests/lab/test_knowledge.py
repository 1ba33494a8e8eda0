"""The file of public knowledge as the laboratory makes it: from small lists, and from the published ones."""

from __future__ import annotations

import hashlib
import importlib.util
import ipaddress
import json
import random
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.cli.commands import run
from zeek_beacons.allow import Network
from zeek_beacons.errors import InputError
from zeek_beacons.files import shipped_models
from zeek_beacons.knowledge import TAG_BIT, Knowledge, shipped_knowledge, tag_names
from zeek_beacons.knowledge.file import KNOWLEDGE, KNOWLEDGE_MANIFEST
from zeek_beacons.knowledge.suffixes import SuffixRules
from zeek_beacons_lab.cli import main
from zeek_beacons_lab.knowledge import choices
from zeek_beacons_lab.knowledge.build import write_knowledge
from zeek_beacons_lab.knowledge.networks import merged, steps
from zeek_beacons_lab.knowledge.sources import SuffixList, WarningList, installed_suffix_list, installed_versions

PACKAGES = ("pymispwarninglists", "publicsuffixlist")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
NEEDS_LISTS = pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not installed: pip install '.[lab]'")

SUFFIXES = """\
// VERSION: 2026-01-02_03-04-05_UTC
// ===BEGIN ICANN DOMAINS===
// com : about it
com
net

// uk
co.uk
*.ck
!www.ck
// hosts
公司.cn
// ===END ICANN DOMAINS===
// ===BEGIN PRIVATE DOMAINS===
// Amazon : https://aws.example
// Submitted by somebody
shop.net
*.compute.shop.net

// Nobody at all
nobody.com
// ===END PRIVATE DOMAINS===
"""
ENTRIES: dict[str, tuple[str, ...]] = {
    "cisco_top1000": ("www.first.com", "com", "first.com"),
    "cisco_top20k": ("a.second.com", "first.com"),
    "google-chrome-crux-1million": ("third.com", "www.second.com", "one.shop.net", "公司.cn", "bücher.com"),
    "microsoft": (".soft.com", "shop.net", "lonely"),
    "microsoft-office365": ("mail.soft.com", "ocsp.digicert.com", "microsoft.com"),
    "microsoft-win10-connection-endpoints": (".akamai.net", "update.soft.com"),
    "captive-portals": ("probe.first.com", "www.apple.com"),
    "dynamic-dns": (".Dyn.com",),
    "amazon-aws": ("198.51.100.0/24", "10.1.0.0/16", "2001:db9::/32"),
    "github": ("198.51.100.0/25", "140.82.112.0/20"),
    "cloudflare": ("203.0.113.0/24",),
    "sinkholes": ("203.0.113.7", "198.51.100.9"),
}


def lists(name: str) -> WarningList:
    return WarningList(name, "20260131" if name.startswith("cisco") else "7", ENTRIES.get(name, ()))


def backwards(name: str) -> WarningList:
    return WarningList(name, lists(name).version, lists(name).entries[::-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_knowledge(folder, lists, SuffixList.parse(SUFFIXES), {"lists": "1"})
    return folder


@pytest.fixture(scope="module")
def known(folder: Path) -> Knowledge:
    return Knowledge.load(folder)


def tags(known: Knowledge, name: str) -> set[str]:
    return set(tag_names(int(known.names([name]).tags[0])))


def test_the_same_lists_make_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_knowledge(tmp_path, backwards, SuffixList.parse(SUFFIXES), {"lists": "1"})
    for name in (KNOWLEDGE, KNOWLEDGE_MANIFEST):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_manifest_names_lists_and_their_versions(folder: Path) -> None:
    manifest = json.loads((folder / KNOWLEDGE_MANIFEST).read_text())
    assert manifest["sha256"] == hashlib.sha256((folder / KNOWLEDGE).read_bytes()).hexdigest()
    assert manifest["date"] == "2026-01-31"
    assert manifest["packages"] == {"lists": "1"}
    assert manifest["lists"]["public_suffix_list"] == "2026-01-02_03-04-05_UTC"
    assert manifest["lists"]["amazon-aws"] == "7"


def test_a_domain_has_the_rank_of_its_best_list(known: Knowledge) -> None:
    names = ["first.com", "second.com", "third.com", "x.one.shop.net", "two.shop.net", "bücher.com", "公司.cn"]
    np.testing.assert_array_equal(
        known.names(names).rank, [1_000, 20_000, 1_000_000, 1_000_000, np.nan, 1_000_000, np.nan]
    )


def test_names_get_the_tags_of_their_lists(known: Knowledge) -> None:
    assert tags(known, "x.soft.com") == {"microsoft"}
    assert tags(known, "a.mail.soft.com") == {"microsoft", "microsoft_365"}
    assert tags(known, "probe.first.com") == {"connectivity_check"}
    assert tags(known, "x.probe.first.com") == set()
    assert tags(known, "me.dyn.com") == {"dynamic_dns"}


def test_names_that_say_too_much_are_left_out(known: Knowledge) -> None:
    assert "connectivity_check" not in tags(known, "www.apple.com")
    assert "windows" not in tags(known, "a1.g.akamai.net")
    assert tags(known, "microsoft.com") == set()
    assert tags(known, "ocsp.digicert.com") == {"certificate_check"}


def test_suffixes_are_tagged_by_their_owner(known: Knowledge) -> None:
    assert tags(known, "customer.shop.net") == {"aws", "shared_suffix"}
    assert tags(known, "shop.net") == {"aws", "microsoft"}
    assert tags(known, "customer.nobody.com") == {"shared_suffix"}


def test_networks_get_the_tags_of_their_lists(known: Knowledge) -> None:
    expected = {
        "198.51.100.1": {"aws"},
        "198.51.100.9": {"aws", "sinkhole"},
        "203.0.113.7": {"cloudflare"},
        "140.82.112.1": {"github"},
        "10.1.0.1": set(),
        "2001:db9::1": {"aws"},
        "8.8.8.8": {"google", "resolver"},
    }
    assert [set(tag_names(int(mask))) for mask in known.addresses(expected)] == list(expected.values())


def test_a_bad_entry_is_named(tmp_path: Path) -> None:
    def bad(name: str) -> WarningList:
        return WarningList(name, "1", ("198.51.100.0/99",) if name == "amazon-aws" else ())

    with pytest.raises(InputError, match=r"amazon-aws: .* is no network"):
        write_knowledge(tmp_path, bad, SuffixList.parse(SUFFIXES), {})
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_suffix_list_is_refused() -> None:
    with pytest.raises(InputError, match="not the public suffix list"):
        SuffixList.parse("com\nnet\n")


def test_every_choice_is_a_tag_once() -> None:
    chosen = [tag for _, tag in (*choices.NAMES, *choices.NETWORKS)]
    chosen += [*choices.MORE_NAMES, *choices.MORE_NETWORKS, *choices.NOT_NAMES, *choices.NOT_BELOW]
    chosen += choices.SUFFIX_OWNERS.values()
    assert set(chosen) | {"shared_suffix"} == TAG_BIT.keys()
    names = [name for name, _ in (*choices.POPULAR, *choices.NAMES, *choices.NETWORKS)]
    assert len(names) == len(set(names))
    assert [rank for _, rank in choices.POPULAR] == sorted(rank for _, rank in choices.POPULAR)


NETWORKS = st.builds(
    lambda address, length: ipaddress.ip_network((address, length), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


@given(
    networks=st.dictionaries(st.sampled_from([1, 2, 4, 8]), st.lists(NETWORKS, max_size=6)),
    others=st.lists(st.integers(0, 2**32 - 1), max_size=10),
)
def test_steps_are_the_networks(networks: dict[int, list[Network]], others: list[int]) -> None:
    found = steps(networks, 4)
    starts = [address for address, _ in found]
    assert starts == sorted(set(starts))
    nets = [net for several in networks.values() for net in several]
    edges = {int(net[place]) + step for net in nets for place in (0, -1) for step in (-1, 0, 1)}
    for number in filter(range(2**32).__contains__, {*edges, *others}):
        at = np.searchsorted(starts, number, side="right")
        mask = found[at - 1][1] if at else 0
        address = ipaddress.IPv4Address(number)
        assert mask == sum(bit for bit, several in networks.items() if any(address in net for net in several))


def test_neighbours_become_one_range() -> None:
    nets: list[Network] = [ipaddress.ip_network(net) for net in ("192.0.2.128/25", "192.0.2.0/25", "192.0.2.64/26")]
    first = int(ipaddress.IPv4Address("192.0.2.0"))
    assert merged(nets, 4) == [(first, first + 256)]
    assert merged(nets, 6) == []


@pytest.fixture(scope="module")
def published() -> SuffixRules:
    suffixes = installed_suffix_list()
    return SuffixRules(suffixes.icann, [rule for _, rule in suffixes.private])


@NEEDS_LISTS
def test_the_suffix_rules_pass_the_tests_published_with_them() -> None:
    """But for names that are a private suffix themselves: there these have no registered domain."""
    text = (resources.files("publicsuffixlist") / "test_psl.txt").read_text(encoding="utf-8")
    cases = re.findall(r"^checkPublicSuffix\('(.+)', (?:null|'(.+)')\);", text, re.MULTILINE)
    assert len(cases) > 70
    known, private = shipped_knowledge(), {rule for _, rule in installed_suffix_list().private}
    for name, domain in cases:
        expected = domain.encode("idna").decode() if domain else name if name in private else ""
        assert known.registered_domain(name) == expected, name


@NEEDS_LISTS
def test_the_suffix_rules_agree_with_the_library(published: SuffixRules) -> None:
    """But for the same names."""
    from publicsuffixlist import PublicSuffixList

    library, rng = PublicSuffixList(), random.Random(1)
    suffixes = installed_suffix_list()
    rules = [*suffixes.icann, *(rule for _, rule in suffixes.private)]
    for rule in rng.sample(rules, 3_000):
        name = rule.lstrip("!").replace("*", "any")
        assert published.registered(f"a.b.{name}").domain == library.privatesuffix(f"a.b.{name}"), rule
        if library.privatesuffix(name):
            assert published.registered(name).domain == library.privatesuffix(name), rule


@NEEDS_LISTS
def test_the_shipped_file_is_made_from_the_installed_lists(tmp_path: Path) -> None:
    shipped = shipped_models()
    of_file = json.loads((shipped / KNOWLEDGE_MANIFEST).read_text())["packages"]
    if of_file != installed_versions():
        pytest.skip(f"the shipped file was made from {of_file}, installed are {installed_versions()}")
    ran = run("knowledge", "-o", tmp_path, command=main)
    assert ran.returncode == 0, ran.stderr
    assert "popular domains" in ran.stdout
    for name in (KNOWLEDGE, KNOWLEDGE_MANIFEST):
        assert (tmp_path / name).read_bytes() == (shipped / name).read_bytes(), name


def test_without_the_lists_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons_lab.knowledge.sources.WARNING_LISTS", "no_such_package")
    ran = run("knowledge", "-o", tmp_path, command=main)
    assert ran.returncode == 2
    assert "no_such_package is not installed: pip install '.[lab]'" in ran.stderr
    assert list(tmp_path.iterdir()) == []
