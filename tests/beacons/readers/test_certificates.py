"""What servers presented, of ssl.log and x509.log, joined by uid and fingerprint."""

from __future__ import annotations

import gzip
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons import traits
from zeek_beacons.called import covers
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import CERTIFICATE, Pairs
from zeek_beacons.readers.certificates import LONGEST_ISSUER, MOST_NAMES

from .logs import T0, assert_same, conn, conns, json_log, load, take, tsv

SSL = ("ts", "uid", "server_name", "cert_chain_fps", "cert_chain_fuids", "validation_status")
X509 = (
    *("ts", "id", "fingerprint", "certificate.serial", "certificate.subject", "certificate.issuer"),
    *("certificate.not_valid_before", "certificate.not_valid_after", "san.dns"),
)
DAY = 86_400.0


def session(at: float, *chain: str, **given: Any) -> dict[str, Any]:
    """A row of ssl.log of the connection at this time."""
    return {"ts": T0 + at, "uid": f"C{at}", "server_name": "a.example", "cert_chain_fps": list(chain) or None} | given


def certificate(fingerprint: str | None = "f1", **given: Any) -> dict[str, Any]:
    """A row of x509.log; `given` by column, dots written as `__`."""
    row: dict[str, Any] = {
        "ts": T0,
        "fingerprint": fingerprint,
        "certificate.serial": "01",
        "certificate.subject": "CN=plain.example,O=Us",
        "certificate.issuer": "CN=Authority,O=Them",
        "certificate.not_valid_before": T0,
        "certificate.not_valid_after": T0 + 90 * DAY,
        "san.dns": ["b.example", "*.example"],
    }
    return row | {name.replace("__", "."): value for name, value in given.items()}


def presented(
    folder: Path,
    sessions: list[dict[str, Any]],
    certificates: list[dict[str, Any]],
    *times: float,
    as_json: bool = False,
    **given: Any,
) -> Pairs:
    """The pairs by address of connections at these times, with these logs beside."""
    folder.mkdir(exist_ok=True)
    write = (lambda rows, columns, log: json_log(rows)) if as_json else tsv
    (folder / "ssl.log").write_bytes(write(sessions, SSL, "ssl"))
    (folder / "x509.log").write_bytes(write(certificates, X509, "x509"))
    pairs = load(folder, tsv(conns(times or (0.0,), **given)))[0]
    return pairs.take(~pairs.is_named)


def told(pairs: Pairs, row: int = 0) -> tuple[Any, ...]:
    return tuple(getattr(pairs, name)[row] for name in CERTIFICATE)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_first_of_the_chain_is_the_servers(as_json: bool, tmp_path: Path) -> None:
    rows = [certificate("ca", **{"san.dns": ["wrong.example"]}), certificate()]
    sessions = [session(0.0, "f1", "ca", validation_status="ok")]
    pairs = presented(tmp_path, sessions, rows, as_json=as_json)
    assert told(pairs) == ("*.example", "CN=Authority,O=Them", 0, 1, 90, 1)


@pytest.mark.parametrize("as_json", [False, True])
def test_an_older_log_names_files_instead_of_fingerprints(as_json: bool, tmp_path: Path) -> None:
    """Each connection has a file of its own: it is one certificate by its issuer and serial number."""
    sessions = [session(at, cert_chain_fuids=[f"F{at}", "FC"]) for at in (0.0, 60.0)]
    rows = [certificate(id=f"F{at}", fingerprint=None) for at in (0.0, 60.0)]
    (tmp_path / "a").mkdir()
    pairs = presented(tmp_path / "a", sessions, rows, 0.0, as_json=as_json)
    assert told(pairs)[2:] == (0, pytest.approx(np.nan, nan_ok=True), 90, 1)
    lines = [conn(0.0), conn(60.0, id__resp_h="203.0.113.10")]
    pairs = load(tmp_path / "a", tsv(lines))[0]
    assert set(pairs.cert_servers.tolist()) == {2.0}


def test_who_signs_itself_is_told(tmp_path: Path) -> None:
    own = {"certificate__subject": "CN=x", "certificate__issuer": "CN=x"}
    status = "self signed certificate"
    pairs = presented(tmp_path, [session(0.0, "f1", validation_status=status)], [certificate(**own)])
    assert (pairs.cert_self_signed[0], pairs.cert_valid[0]) == (1, 0)
    pairs = presented(tmp_path, [session(0.0, "f1")], [certificate(certificate__subject=None)])
    assert pairs.cert_self_signed[0] == 0, "a certificate may name its server elsewhere"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"san__dns": ["c.example", "A.Example."]}, "a.example"),
        ({"san__dns": ["c.example", "d.example"]}, "c.example"),
        ({"san__dns": None}, "plain.example"),
        ({"san__dns": None, "certificate__subject": r"O=a\,CN=b,CN=c.example"}, "c.example"),
        ({"san__dns": None, "certificate__subject": "O=Us"}, ""),
        ({"san__dns": ["*.b.a.example", "*.a.example"]}, "*.b.a.example"),
    ],
)
def test_the_name_is_that_which_was_asked_for_or_the_first(given: dict[str, Any], name: str, tmp_path: Path) -> None:
    assert presented(tmp_path, [session(0.0, "f1")], [certificate(**given)]).cert_name[0] == name


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("a.example", "a.example", True),
        ("*.example", "a.example", True),
        ("*.example", "b.a.example", False),
        ("*.example", "example", False),
        ("*", "example", False),
        ("", "", False),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern: str, name: str, fits: bool) -> None:
    assert covers(pattern, name) == fits


def test_the_newest_connection_with_a_certificate_counts(tmp_path: Path) -> None:
    rows = [certificate(f"f{number}", san__dns=[f"{number}.example"]) for number in range(3)]
    sessions = [session(0.0, "f2"), session(60.0, "f0"), session(30.0, "f1"), session(90.0)]
    assert presented(tmp_path, sessions, rows, 0.0, 60.0, 30.0, 90.0).cert_name.tolist() == ["0.example"]


def test_servers_with_one_certificate_are_counted_at_the_site(tmp_path: Path) -> None:
    lines = [conn(float(at), id__resp_h=f"203.0.113.{at % 4}", id__orig_p=1000 + at) for at in range(8)]
    sessions = [session(float(at), "f1", server_name=f"{at}.example") for at in range(8)]
    presented(tmp_path, sessions, [certificate()])
    assert set(load(tmp_path, tsv(lines))[0].cert_servers.tolist()) == {4.0}


@pytest.mark.parametrize(
    ("sessions", "certificates"),
    [
        ([session(0.0, "f1")], []),
        ([session(0.0, "f1")], [certificate("f2")]),
        ([session(0.0)], [certificate()]),
        ([session(0.0, "f1", uid=None)], [certificate()]),
        ([session(0.0, "f1")], [certificate(certificate__issuer=None)]),
        ([session(0.0, "f1")], [certificate(fingerprint=None)]),
    ],
)
def test_what_the_logs_do_not_hold_is_not_known(
    sessions: list[dict[str, Any]], certificates: list[dict[str, Any]], tmp_path: Path
) -> None:
    for as_json in (False, True):
        pairs = presented(tmp_path, sessions, certificates, as_json=as_json)
        assert (pairs.cert_name[0], pairs.cert_issuer[0]) == ("", "")
        assert np.isnan([getattr(pairs, name)[0] for name in CERTIFICATE[2:]]).all()


@pytest.mark.parametrize(
    ("names", "asked", "misfit"),
    [
        (["b.example", "*.example"], "a.example", "no"),
        (["b.example"], "a.example", "yes"),
        (None, "plain.example", "no"),
        (None, "a.example", "yes"),
        (["b.example"], None, ""),
        (["b.example"], "203.0.113.9", ""),
        ([f"{number}.example" for number in range(MOST_NAMES)], "a.example", ""),
        ([f"{number}.example" for number in range(MOST_NAMES)], "1.example", "no"),
    ],
)
def test_whether_its_names_fit(names: list[str] | None, asked: str | None, misfit: str, tmp_path: Path) -> None:
    pairs = presented(tmp_path, [session(0.0, "f1", server_name=asked)], [certificate(san__dns=names)])
    assert traits.of(pairs, "tls_name_mismatch").tolist() == [misfit]


@pytest.mark.parametrize(
    ("begin", "age"), [(T0, 0), (T0 - DAY, 1), (T0 - 2.5 * DAY, 2), (T0 + 1, -1), (None, None), (-np.inf, None)]
)
def test_the_age_is_that_at_the_newest_connection(begin: float | None, age: int | None, tmp_path: Path) -> None:
    rows = [certificate(certificate__not_valid_before=begin)]
    found = presented(tmp_path, [session(at, "f1") for at in (0.0, -DAY)], rows, -DAY, 0.0)
    assert traits.of(found, "cert_age_days").tolist() == ["" if age is None else str(age)]


@pytest.mark.parametrize(("after", "days"), [(T0 - 1, None), (T0 + 1e16, None), (T0, 0), (None, None)])
def test_a_validity_that_cannot_be_is_not_known(after: float | None, days: int | None, tmp_path: Path) -> None:
    found = presented(tmp_path, [session(0.0, "f1")], [certificate(certificate__not_valid_after=after)]).cert_days[0]
    assert np.isnan(found) if days is None else found == days


def test_times_may_be_texts(tmp_path: Path) -> None:
    iso = {"certificate__not_valid_before": "2026-01-01T00:00:00Z", "certificate__not_valid_after": "2026-01-11T00:00Z"}
    assert presented(tmp_path, [session(0.0, "f1")], [certificate(**iso)], as_json=True).cert_days[0] == 10


def test_of_certificates_that_contradict_the_first_counts(tmp_path: Path) -> None:
    rows = [certificate(), certificate(certificate__issuer="CN=Else"), certificate(san__dns=["else.example"])]
    assert presented(tmp_path, [session(0.0, "f1"), session(0.0, "f2")], rows).cert_name[0] == "*.example"


def test_of_two_logs_that_contradict_the_first_counts(tmp_path: Path) -> None:
    presented(tmp_path, [session(0.0, "f1")], [certificate()])
    (tmp_path / "x509.2.log").write_bytes(tsv([certificate(certificate__issuer="CN=Else")], X509, "x509"))
    logs = [str(tmp_path / name) for name in ("ssl.log", "x509.log", "x509.2.log")]
    issuers = [set(load(tmp_path, tsv([conn(0.0)]), name_logs=given)[0].cert_issuer) for given in (logs, [*logs[::-1]])]
    assert issuers == [{"CN=Authority,O=Them"}, {"CN=Else"}]


def test_texts_of_any_kind_stay_short_and_printable(tmp_path: Path) -> None:
    hostile = {
        "certificate.issuer": "CN=\x1b[31m\u00c4" + "x" * 200_000,
        "san.dns": ["\u202e" + "n" * 200_000, *(f"{number}.example" for number in range(3000))],
    }
    pairs = presented(tmp_path, [session(0.0, "f1")], [certificate() | hostile], as_json=True)
    assert len(pairs.cert_name[0]) == 253
    assert len(pairs.cert_issuer[0]) == LONGEST_ISSUER
    assert (pairs.cert_name[0] + pairs.cert_issuer[0]).isascii()
    assert pairs.cert_issuer[0].startswith(r"CN=\x1b[31m\xc3\x84x")
    late = [*(f"{number}.example" for number in range(MOST_NAMES)), "a.example"]
    assert presented(tmp_path, [session(0.0, "f1")], [certificate(san__dns=late)]).cert_name[0] == "0.example"


def test_thousands_of_certificates_for_one_address_cost_little(tmp_path: Path) -> None:
    number = 20_000
    sessions = [session(float(at), f"f{at}", server_name=f"{at}.example") for at in range(number)]
    presented(tmp_path, sessions, [certificate(f"f{at}") for at in range(number)])
    path = tmp_path / "conn.log"
    path.write_bytes(tsv(conns([float(at) for at in range(number)], id__orig_p=40_000)))
    tracemalloc.start()
    pairs = take([path])[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6
    by_address = pairs.take(~pairs.is_named)
    assert (by_address.conns.tolist(), by_address.cert_servers.tolist()) == ([number], [1.0])


def test_a_stream_of_all_logs_holds_certificates(tmp_path: Path) -> None:
    rows = [{"_path": "ssl", **session(0.0, "f1")}, {"_path": "x509", **certificate()}, {"_path": "conn", **conn(0.0)}]
    pairs = load(tmp_path, json_log(rows), "all.json")[0]
    assert set(pairs.cert_name) == {"*.example"}


def test_named_logs_may_come_in_any_order(tmp_path: Path) -> None:
    presented(tmp_path, [session(0.0, "f1")], [certificate()])
    logs = [str(tmp_path / name) for name in ("x509.log", "ssl.log")]
    assert set(load(tmp_path, tsv([conn(0.0)]), name_logs=logs)[0].cert_name) == {"*.example"}


def test_a_damaged_log_takes_away_certificates_only(tmp_path: Path) -> None:
    without = presented(tmp_path, [session(0.0, "f1")], [])
    (tmp_path / "x509.log").unlink()
    path = tmp_path / "x509.log.gz"
    path.write_bytes(gzip.compress(tsv([certificate()], X509, "x509"))[:-4])
    pairs, ingest = load(tmp_path, tsv([conn(0.0)]))
    assert_same(pairs.take(~pairs.is_named), without)
    (note,) = ingest.notes
    assert note.startswith(str(path))
    assert str(path) not in ingest.files
    with pytest.raises(InputError, match=re.escape(str(path))):
        load(tmp_path, tsv([conn(0.0)]), strict=True)


def test_bad_rows_of_either_log_are_told_once(tmp_path: Path) -> None:
    presented(tmp_path, [session(0.0, "f1")], [certificate()])
    for name in ("ssl.log", "x509.log"):
        lines = (tmp_path / name).read_bytes().splitlines(keepends=True)
        (tmp_path / name).write_bytes(b"".join([*lines[:-1], b"rubbish\n", lines[-1]]))
    pairs, ingest = load(tmp_path, tsv([conn(0.0)]))
    assert set(pairs.cert_name) == {"*.example"}
    told = [f"left out 1 bad row of {tmp_path / name}, first at" for name in ("ssl.log", "x509.log")]
    assert [note.startswith(start) for note, start in zip(ingest.notes, told, strict=True)] == [True, True]


def test_a_log_that_cannot_be_read_in_part_gives_the_rest(tmp_path: Path) -> None:
    presented(tmp_path, [session(0.0, "f1")], [])
    whole = tsv([certificate("f0"), certificate()], X509, "x509", close=False)
    (tmp_path / "x509.log").write_bytes(whole.replace(b"\tf0\t", b"\t\xff\xfe\t") + b"1767225600.000000\tcut of")
    assert set(load(tmp_path, tsv([conn(0.0)]))[0].cert_name) == {"*.example"}
