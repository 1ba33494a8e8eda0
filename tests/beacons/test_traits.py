"""What else was seen of a pair's ends: on every road, whoever wrote it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.readers.logs import T0, conn, conns, json_log, load, tsv
from zeek_beacons import traits
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers.candidate_rows import checked, join

TEXT = "tls_version=TLSv12"


def test_a_line_is_printable_and_cut() -> None:
    assert traits.line("tls_version", "TLSv13") == "tls_version=TLSv13"
    assert traits.line("tls_version", "a\nb") == "tls_version=a\\x0ab"
    assert len(traits.line("tls_version", "x" * 999)) == len("tls_version=") + traits.LONGEST
    assert (
        traits.line("tls_version", "") == traits.line("tls_version", "-") == traits.line("tls_version", math.nan) == ""
    )
    assert traits.line("tls_version", 3.0) == "tls_version=3"


@given(st.lists(st.one_of(st.text(), st.none(), st.integers(), st.just(TEXT)), max_size=99))
def test_what_strangers_write_is_known_traits_or_nothing(lines: list[object]) -> None:
    found = traits.checked(lines)
    assert found == traits.checked(found.split("\n"))
    assert set(traits.read(found)) <= set(traits.BY_CODE)
    assert found.isascii()
    assert found.replace("\n", "").isprintable()


def test_of_two_texts_the_later_counts() -> None:
    assert traits.together("tls_version=TLSv10", TEXT) == traits.together("", TEXT) == traits.together(TEXT, "") == TEXT


def test_what_a_source_told_earlier_goes_as_a_whole() -> None:
    """A later hello without an answer tells its JA3 alone: which version there was earlier is not told of it."""
    earlier = "tls_version=TLSv12\ntls_resumed=yes\nja3=a\nssh_client=b\nja3_hosts=2\nport_hosts=3"
    assert traits.together(earlier, "ja3=c\nport_hosts=4") == "ja3=c\nssh_client=b\nport_hosts=4"
    assert traits.joined("tls_version=TLSv12", "ja3=c") == "tls_version=TLSv12\nja3=c"


def test_a_trait_of_every_pair() -> None:
    plain = {"orig_h": "10.0.0.1", "resp": "9.9.9.9", "resp_p": 443, "start": [1.0]}
    pairs = Pairs.build([plain | {"traits": TEXT}, plain])
    assert traits.of(pairs, "tls_version").tolist() == ["TLSv12", ""]
    assert np.isnan(traits.numbers(pairs, "tls_version")).all()
    assert (traits.in_words(pairs, 0), traits.in_words(pairs, 1)) == ("TLSv12", "")


SSL = ("ts", "uid", "version", "resumed", "ja3", "ja3s", "ja4")
HTTP = ("ts", "uid", "trans_depth", "method", "uri", "status_code", "resp_mime_types")
SSH = ("ts", "uid", "client", "server")


def write(folder: Path, log: str, rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool) -> None:
    """A log; truths as each format has them."""
    if as_json:
        (folder / f"{log}.log").write_bytes(json_log(rows))
        return
    truths = {True: "T", False: "F"}
    plain = [{k: truths[v] if isinstance(v, bool) else v for k, v in row.items()} for row in rows]
    (folder / f"{log}.log").write_bytes(tsv(plain, columns, log))


def told(folder: Path, rows: list[dict[str, Any]]) -> list[str]:
    """The traits of the pairs of these connections."""
    traits_told: list[str] = load(folder, tsv(rows))[0].traits.tolist()
    return traits_told


@pytest.mark.parametrize("as_json", [False, True])
def test_the_newest_connection_that_told_counts(as_json: bool, tmp_path: Path) -> None:
    rows = [
        {"ts": T0, "uid": "C0.0", "version": "TLSv10", "resumed": False},
        {"ts": T0, "uid": "C60.0", "version": "TLSv12", "resumed": True},
        {"ts": T0, "uid": "C120.0", "version": None, "resumed": False},
        {"ts": T0, "uid": "C7", "version": "TLSv13", "resumed": False},
    ]
    write(tmp_path, "ssl", rows, SSL, as_json)
    assert told(tmp_path, conns((0.0, 60.0, 120.0), service="ssl")) == [f"{TEXT}\ntls_resumed=yes"]


@pytest.mark.parametrize("as_json", [False, True])
def test_how_rare_a_fingerprint_is(as_json: bool, tmp_path: Path) -> None:
    """Two hosts have one JA3, the one of them toward two servers; a client's hello alone tells its JA3."""
    some = [conn(0.0), conn(60.0, id__resp_h="203.0.113.10"), conn(61.0, id__orig_h="10.0.0.6"), conn(62.0)]
    rows = [{"ts": T0, "uid": row["uid"], "version": "TLSv13", "resumed": False, "ja3": "a" * 32} for row in some[:3]]
    rows.append({"ts": T0, "uid": "C62.0", "ja3": "a" * 32, "ja3s": "b", "ja4": "t13", "resumed": False})
    write(tmp_path, "ssl", rows, SSL, as_json)
    ja3, counts = "ja3=" + "a" * 32, "ja3_hosts=2\nja3_servers=2"
    full = f"tls_version=TLSv13\ntls_resumed=no\n{ja3}\n{counts}"
    assert told(tmp_path, some) == [full, f"{ja3}\nja3s=b\nja4=t13\n{counts}", full]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_newest_request_that_was_answered_counts(as_json: bool, tmp_path: Path) -> None:
    def row(at: float, depth: int, **given: Any) -> dict[str, Any]:
        base = {"ts": T0, "uid": f"C{at}", "trans_depth": depth, "method": "GET", "uri": "/a?b=c", "status_code": 200}
        return base | {"resp_mime_types": ["text/html", "text/plain"]} | given

    rows = [
        row(0.0, 2, method="POST", uri="/submit.php?id=7#x", status_code=404),
        row(0.0, 1),
        row(0.0, 3, status_code=None),
        row(60.0, 1, method=None),
    ]
    write(tmp_path, "http", rows, HTTP, as_json)
    post = "http_method=POST\nhttp_uri=/submit.php\nhttp_status=404\nhttp_content=text/html"
    assert told(tmp_path, conns((0.0, 60.0))) == [post]
    rows = [row(0.0, 1, method="CONNECT", uri="c2.example:443", resp_mime_types=None), row(60.0, 1, uri="/\x1b" * 200)]
    write(tmp_path, "http", rows, HTTP, as_json)
    assert told(tmp_path, conns((0.0,))) == ["http_method=CONNECT\nhttp_status=200"]
    (uri,) = (line for line in told(tmp_path, conns((60.0,)))[0].split("\n") if line.startswith("http_uri"))
    assert uri == "http_uri=" + ("/\\x1b" * 200)[: traits.LONGEST]


@pytest.mark.parametrize("as_json", [False, True])
def test_versions_of_ssh(as_json: bool, tmp_path: Path) -> None:
    rows = [
        {"ts": T0, "uid": "C0.0", "client": "SSH-2.0-libssh2_1.9.0", "server": "SSH-2.0-OpenSSH_9.2"},
        {"ts": T0, "uid": "C60.0", "client": "SSH-2.0-Go"},
    ]
    write(tmp_path, "ssh", rows, SSH, as_json)
    assert told(tmp_path, conns((0.0,), service="ssh")) == [
        "ssh_client=SSH-2.0-libssh2_1.9.0\nssh_server=SSH-2.0-OpenSSH_9.2"
    ]
    assert told(tmp_path, conns((0.0, 60.0), service="ssh")) == ["ssh_client=SSH-2.0-Go"]


def test_who_uses_a_port_outside(tmp_path: Path) -> None:
    rows = [conn(float(at), id__orig_h=f"10.0.0.{at}", id__resp_h=f"9.9.9.{at % 2}") for at in range(1, 4)]
    rows += [conn(9.0, proto="udp", id__resp_h="9.9.9.1"), conn(10.0, id__orig_h="10.0.0.9", id__resp_h="10.0.0.1")]
    pairs = load(tmp_path, tsv(rows))[0]
    by = dict(zip(zip(pairs.orig_h, pairs.proto, strict=True), pairs.traits, strict=True))
    assert by["10.0.0.1", "tcp"] == by["10.0.0.3", "tcp"] == "port_hosts=3"
    assert by["10.0.0.5", "udp"] == "port_hosts=1"
    assert by["10.0.0.9", "tcp"] == ""


def test_servers_of_a_user_agent(tmp_path: Path) -> None:
    """By their newest agent: of the pair that has another one now nothing counts for the old one."""
    some = [conn(float(at), id__resp_h=f"203.0.113.{at % 3}", service="http") for at in range(4)]
    rows = [
        {"uid": f"C{float(at)}", "method": "GET", "host": "x.example", "user_agent": agent, "status_code": 200}
        for at, agent in enumerate(("Tool", "Tool", "Tool", "Other"))
    ]
    (tmp_path / "http.log").write_bytes(json_log(rows))
    pairs = load(tmp_path, tsv(some))[0]
    by_address = pairs.take(~pairs.is_named)
    assert traits.numbers(by_address, "agent_servers").tolist() == [1, 2, 2]
    (by_name,) = traits.numbers(pairs.take(pairs.is_named), "agent_servers")
    assert by_name == 1


def test_a_trait_is_told_like_a_note() -> None:
    lines = ["tls_version=TLSv13", "tls_resumed=no", "ja3=abc", "cert_age_days=3", "tls_name_mismatch=yes"]
    lines += ["http_method=POST", "http_uri=/submit.php", "http_status=200", "http_content=text/html"]
    plain = {"orig_h": "10.0.0.1", "resp": "9.9.9.9", "resp_p": 443, "start": [1.0]}
    pairs = Pairs.build([plain | {"traits": traits.checked([*lines, "ssh_client=SSH-2.0-{x}"])}])
    assert traits.in_words(pairs, 0) == (
        "TLSv13, JA3 abc, certificate 3 days old, its names do not fit the name asked for, "
        "HTTP POST, for /submit.php, answered 200, with text/html, SSH client SSH-2.0-{x}"
    )


def test_candidates_of_a_pair_tell_what_the_newest_of_them_told() -> None:
    row = {"id.orig_h": "10.0.0.1", "id.resp_h": "9.9.9.9", "id.resp_p": 443, "proto": "tcp", "resp": "9.9.9.9"}
    told = [
        checked(row | {"conns": 1, "starts": [at], "traits": traits_told})
        for at, traits_told in ((1.0, ["tls_version=TLSv10"]), (2.0, [TEXT, "strange=1"]), (3.0, None))
    ]
    assert join(told)["traits"] == TEXT


def test_a_separator_in_a_value_is_no_separator(tmp_path: Path) -> None:
    fields = ("id.orig_h", "id.resp_h", "id.resp_p", "proto", "resp", "conns", "starts", "traits")
    head = "#separator \\x09\n#set_separator\t,\n#path\tbeacon_candidates\n#fields\t" + "\t".join(fields) + "\n"
    line = "10.0.0.1\t9.9.9.9\t443\ttcp\t9.9.9.9\t3\t1.0,2.0,3.0\tstrange=1,tls_version=a\\x2cb\\\\x41\n"
    pairs, _ = load(tmp_path, (head + line).encode(), "beacon_candidates.log")
    assert pairs.traits.tolist() == ["tls_version=a,b\\x41"]
