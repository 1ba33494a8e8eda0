"""Server names joined by uid, pairs by name, and their twins by address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Pairs

from .logs import conn, conns, json_log, load, tsv

SSL, HTTP = ("ts", "uid", "server_name"), ("ts", "uid", "host")


def names_log(folder: Path, names: dict[str, str | None], log: str = "ssl", as_json: bool = False) -> Path:
    column = {"ssl": "server_name", "http": "host"}[log]
    rows = [{"ts": 1.0, "uid": uid, column: name} for uid, name in names.items()]
    path = folder / f"{log}.log"
    path.write_bytes(json_log(rows) if as_json else tsv(rows, ("ts", "uid", column), log))
    return path


def by_key(pairs: Pairs) -> dict[str, dict[str, Any]]:
    names = ("addr", "conns", "named", "server_name", "name_conns", "is_twin", "is_named", "resp_hosts")
    return {resp: {name: getattr(pairs, name)[row] for name in names} for row, resp in enumerate(pairs.resp.tolist())}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("log", ["ssl", "http"])
def test_a_pair_that_is_always_named_is_twin_of_the_pair_by_name(log: str, as_json: bool, tmp_path: Path) -> None:
    names_log(tmp_path, {"C0.0": "c2.example", "C60.0": "C2.Example."}, log, as_json)
    pairs, ingest = load(tmp_path, tsv(conns([0.0, 60.0])))
    found = by_key(pairs)
    assert found["203.0.113.9"] | {"resp_hosts": 1.0} == found["203.0.113.9"]
    assert found["203.0.113.9"]["is_twin"]
    assert not found["c2.example"]["is_twin"]
    assert found["c2.example"]["is_named"]
    for resp in found.values():
        assert (resp["conns"], resp["named"], resp["server_name"], resp["addr"]) == (2, 2, "c2.example", "203.0.113.9")
    assert (ingest.rows, ingest.rows_used) == (2, 2)


def test_two_names_behind_one_address_are_no_twin(tmp_path: Path) -> None:
    names_log(tmp_path, {"C0.0": "a.example", "C60.0": "b.example"})
    pairs, _ = load(tmp_path, tsv(conns([0.0, 60.0])))
    assert pairs.resp.tolist() == ["203.0.113.9", "a.example", "b.example"]
    assert not pairs.is_twin.any()
    assert pairs.server_name.tolist() == ["", "a.example", "b.example"]


def test_a_connection_without_name_makes_no_twin(tmp_path: Path) -> None:
    names_log(tmp_path, {"C0.0": "a.example", "C60.0": None})
    pairs, _ = load(tmp_path, tsv(conns([0.0, 60.0])))
    assert pairs.conns.tolist() == [2, 1]
    assert pairs.named.tolist() == [1, 1]
    assert not pairs.is_twin.any()


def test_one_name_behind_many_addresses_is_one_pair(tmp_path: Path) -> None:
    rows = [conn(float(at), id__resp_h=f"203.0.113.{at}") for at in (3, 1, 2)]
    names_log(tmp_path, {f"C{float(at)}": "a.example" for at in (1, 2, 3)})
    found = by_key(load(tmp_path, tsv(rows))[0])
    assert len(found) == 4
    assert (found["a.example"]["conns"], found["a.example"]["addr"]) == (3, "203.0.113.3"), "address of the newest"
    assert all(found[f"203.0.113.{at}"]["is_twin"] for at in (1, 2, 3))


def test_a_log_twice_does_not_double_named(tmp_path: Path) -> None:
    names_log(tmp_path, {"C0.0": "a.example", "C60.0": "a.example"})
    rows = tsv(conns([0.0, 60.0]))
    pairs, ingest = load(tmp_path, rows + rows)
    assert (pairs.conns.tolist(), pairs.named.tolist()) == ([2, 2], [2, 2])
    assert ingest.duplicates == 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("WWW.Example.com", "www.example.com"),
        ("example.com:8080", "example.com"),
        ("example.com.", "example.com"),
        ("203.0.113.9", None),
        ("203.0.113.9:8080", None),
        ("[2001:db8::1]:443", None),
        ("2001:db8::1", None),
        ("-", None),
        ("a" * 300, "a" * 253),
        ("evil\x1b[2J", "evil\\x1b[2j"),
    ],
)
def test_spelling(given: str, expected: str | None, tmp_path: Path) -> None:
    names_log(tmp_path, {"C0.0": given}, as_json=True)
    pairs, _ = load(tmp_path, tsv([conn(0.0)]))
    assert [resp for resp in pairs.resp if resp != "203.0.113.9"] == ([expected] if expected else [])


def test_names_can_be_given_and_beside_is_then_ignored(tmp_path: Path) -> None:
    names_log(tmp_path, {"C0.0": "beside.example"})
    (tmp_path / "else").mkdir()
    given = names_log(tmp_path / "else", {"C0.0": "given.example"})
    pairs, ingest = load(tmp_path, tsv([conn(0.0)]), name_logs=[str(given)])
    assert "given.example" in pairs.resp
    assert "beside.example" not in pairs.resp
    assert ingest.files[str(given)] == "server names"
    assert len(load(tmp_path, tsv([conn(0.0)]), name_logs=[])[0]) == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_quic_logs_hold_names_too(as_json: bool, tmp_path: Path) -> None:
    rows = [{"ts": 1.0, "uid": "C0.0", "version": "1", "client_initial_dcid": "ab", "server_name": "a.example"}]
    (tmp_path / "quic.log").write_bytes(json_log(rows) if as_json else tsv(rows, [*rows[0]], "quic"))
    pairs, ingest = load(tmp_path, tsv(conns([0.0], proto="udp")))
    assert pairs.resp.tolist() == ["203.0.113.9", "a.example"]
    assert ingest.files[str(tmp_path / "quic.log")] == "server names"


def test_a_name_in_the_majority_is_the_pairs_name(tmp_path: Path) -> None:
    carried = ["a.example", "b.example", "a.example", None, None, None]
    names_log(tmp_path, {f"C{at}.0": name for at, name in enumerate(carried)})
    found = by_key(load(tmp_path, tsv(conns([float(at) for at in range(6)])))[0])
    assert {name: found["203.0.113.9"][name] for name in ("named", "server_name", "name_conns", "is_twin")} == {
        "named": 3,
        "server_name": "a.example",
        "name_conns": 2,
        "is_twin": False,
    }


def test_a_name_of_a_megabyte_and_ten_thousand_for_one_address_give_pairs(tmp_path: Path) -> None:
    times = [float(at) for at in range(10_000)]
    names: dict[str, str | None] = {f"C{at}": f"n{at}.example" for at in times}
    names_log(tmp_path, names | {"C0.0": "n" * 1_000_000})
    pairs, _ = load(tmp_path, tsv(conns(times)))
    by_address = pairs.take(~pairs.is_named)
    assert len(pairs) == 10_001
    assert (by_address.conns.tolist(), by_address.named.tolist(), by_address.server_name.tolist()) == (
        [10_000],
        [10_000],
        [""],
    )


def test_an_empty_log_beside_holds_no_names(tmp_path: Path) -> None:
    (tmp_path / "ssl.log").write_bytes(b"")
    (tmp_path / "http.log").write_bytes(tsv([], HTTP, "http"))
    assert len(load(tmp_path, tsv([conn(0.0)]))[0]) == 1


def test_json_names_need_not_start_with_a_named_row(tmp_path: Path) -> None:
    (tmp_path / "ssl.log").write_bytes(
        json_log([{"ts": 1.0, "uid": "C9"}, {"uid": "C0.0", "server_name": "a.example"}])
    )
    assert "a.example" in load(tmp_path, tsv([conn(0.0)]))[0].resp


def test_another_log_as_names_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "weird.log"
    other.write_bytes(tsv([], ("ts", "uid", "name"), "weird"))
    with pytest.raises(InputError, match=r"weird\.log: expected one of the logs .*, intel, ssh, found weird"):
        load(tmp_path, tsv([conn(0.0)]), name_logs=[str(other)])


def test_service_is_the_most_frequent_and_a_tie_goes_to_the_first_by_alphabet(tmp_path: Path) -> None:
    def services(*found: str | None) -> str:
        rows = [conn(float(at), service=service) for at, service in enumerate(found)]
        return str(load(tmp_path, tsv(rows))[0].service[0])

    assert services("http", "ssl", "ssl", None, None, None) == "ssl"
    assert services("ssl", "http") == services("http", "ssl") == "http"
    assert services(None, None) == ""
    assert services("(empty)", "dns") == "dns"


def test_prevalence_of_a_name_counts_its_own_hosts(tmp_path: Path) -> None:
    rows = [conn(float(host), id__orig_h=f"10.0.0.{host}") for host in (1, 2, 3)]
    names_log(tmp_path, {"C1.0": "a.example", "C2.0": "a.example"})
    pairs, _ = load(tmp_path, tsv(rows))
    assert set(pairs.resp_hosts[pairs.resp == "a.example"]) == {2.0}
    assert set(pairs.resp_hosts[pairs.resp == "203.0.113.9"]) == {3.0}
    assert np.all(pairs.site_hosts == 3)
