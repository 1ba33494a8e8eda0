"""Who an originator is: by leases and authentications, and what another network card under its address means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.beacons.readers.logs import T0, conn, conns, json_log, load, tsv
from zeek_beacons import traits
from zeek_beacons.readers import owners
from zeek_beacons.readers.candidate_rows import checked, of_one_tenure

DHCP = ("ts", "assigned_addr", "mac", "host_name", "client_fqdn", "lease_time", "msg_types")
KERBEROS = ("ts", "id.orig_h", "client", "success")
NTLM = ("ts", "id.orig_h", "username", "hostname", "success")
HOST = "10.0.0.5"
CARD, OTHER = "02:00:00:00:00:07", "02:00:00:00:00:08"


def lease(
    at: float, card: str = CARD, name: str | None = "LAPTOP-7", lasts: float | None = 86_400.0, **more: Any
) -> Any:
    row = {"ts": T0 + at, "assigned_addr": HOST, "mac": card, "host_name": name, "lease_time": lasts}
    return row | {"msg_types": ["REQUEST", "ACK"]} | more


def ticket(at: float, client: str, success: bool = True) -> Any:
    return {"ts": T0 + at, "id.orig_h": HOST, "client": client, "success": success}


def session(at: float, user: str, station: str | None, success: bool | None = True) -> Any:
    return {"ts": T0 + at, "id.orig_h": HOST, "username": user, "hostname": station, "success": success}


def told(folder: Path, starts: tuple[float, ...] = (600.0,), as_json: bool = True, **logs: list[Any]) -> dict[str, str]:
    """The traits of the one pair that stands."""
    for name, rows in logs.items():
        columns = {"dhcp": DHCP, "kerberos": KERBEROS, "ntlm": NTLM}[name]
        if not as_json:
            rows = [row | {"success": "FT"[bool(row["success"])]} if "success" in row else row for row in rows]
        (folder / f"{name}.log").write_bytes(json_log(rows) if as_json else tsv(rows, columns, name))
    pairs, _ = load(folder, tsv(conns(starts)))
    assert len(pairs) == 1
    return dict(traits.read(pairs.traits[0]))


@pytest.mark.parametrize("as_json", [False, True])
def test_lease_and_authentications_of_an_address(as_json: bool, tmp_path: Path) -> None:
    found = told(
        tmp_path,
        as_json=as_json,
        dhcp=[lease(0.0), lease(1.0, OTHER, msg_types=["DISCOVER", "OFFER"])],
        kerberos=[ticket(10.0, "alice/CORP"), ticket(20.0, "eve/CORP", success=False), ticket(30.0, "OTHER$/CORP")],
        ntlm=[session(5.0, "bob", "OLD"), session(700.0, "carol", None)],
    )
    assert found == {"orig_name": "LAPTOP-7", "orig_mac": CARD, "orig_user": "alice"}


def test_without_a_lease_the_workstation_names_the_host(tmp_path: Path) -> None:
    found = told(tmp_path, ntlm=[session(5.0, "bob", "DESK-3"), session(6.0, "DESK-3$", None, success=None)])
    assert found == {"orig_name": "DESK-3", "orig_user": "bob"}


def test_what_is_over_is_not_known(tmp_path: Path) -> None:
    assert told(tmp_path, dhcp=[lease(0.0, lasts=500.0)]) == {}
    assert told(tmp_path, (8 * 86_400.0,), dhcp=[lease(0.0, lasts=1e9)], kerberos=[ticket(0.0, "alice/CORP")]) == {}
    assert told(tmp_path, dhcp=[lease(601.0)], kerberos=[]) == {}


def test_a_renewal_without_a_name_keeps_it(tmp_path: Path) -> None:
    assert told(tmp_path, (900.0,), dhcp=[lease(0.0), lease(700.0, name=None)])["orig_name"] == "LAPTOP-7"


def test_a_user_goes_with_the_card(tmp_path: Path) -> None:
    found = told(tmp_path, dhcp=[lease(0.0), lease(100.0, OTHER, None)], kerberos=[ticket(50.0, "alice/CORP")])
    assert found == {"orig_mac": OTHER}


def test_hostile_names_are_escaped_and_cut(tmp_path: Path) -> None:
    found = told(tmp_path, dhcp=[lease(0.0, name="a\n=\x00" + "b" * 999)], kerberos=[ticket(0.0, "\u202e/CORP")])
    assert found["orig_name"].startswith(r"a\x0a=\x00bb")
    assert len(found["orig_name"]) == traits.LONGEST
    assert found["orig_user"] == r"\xe2\x80\xae"


def test_two_laptops_of_one_address_are_not_one_beacon(tmp_path: Path) -> None:
    rows = [lease(0.0), lease(3600.0, OTHER, "LAPTOP-8")]
    (tmp_path / "dhcp.log").write_bytes(json_log(rows))
    starts = [60.0 * i for i in range(20)] + [3600.0 + 90.0 * i for i in range(20)]
    pairs, ingest = load(tmp_path, tsv(conns(starts)))
    assert pairs.counts.tolist() == pairs.conns.tolist() == [20]
    assert pairs.start[0] == T0 + 3600.0  # of two with as many connections the later one
    assert traits.of(pairs, "orig_name").tolist() == ["LAPTOP-8"]
    assert ingest.notes == ["1 pair had connections under another lease of their address: 20, which were left out"]
    assert pairs.site_hosts.tolist() == [1.0]

    pairs, _ = load(tmp_path, tsv(conns(starts[:-1])))
    assert (pairs.start[0], pairs.conns.tolist()) == (T0, [20])


def test_other_pairs_stay_whole(tmp_path: Path) -> None:
    (tmp_path / "dhcp.log").write_bytes(json_log([lease(0.0), lease(3600.0, OTHER)]))
    rows = [conn(at, id__orig_h=host) for host in (HOST, "10.0.0.6") for at in (0.0, 10.0, 3600.0)]
    pairs, _ = load(tmp_path, tsv(rows))
    assert pairs.conns.tolist() == [2, 3]


def test_channels_go_by_tenure_too(tmp_path: Path) -> None:
    (tmp_path / "dhcp.log").write_bytes(json_log([lease(0.0), lease(3600.0, OTHER)]))
    asked = [
        {"ts": T0 + at, "id.orig_h": HOST, "id.resp_h": "10.0.0.53", "id.resp_p": 53, "proto": "udp"}
        | {"query": f"{number}.c2.example", "qtype_name": "TXT", "rcode": 0, "Z": 0, "uid": "C"}
        for number, at in enumerate((0.0, 60.0, 120.0, 3600.0, 3700.0))
    ]
    (tmp_path / "dns.log").write_bytes(json_log(asked))
    pairs, ingest = load(tmp_path, tsv(conns((0.0,))))
    of_dns = pairs.take(pairs.channel == "dns")
    assert of_dns.conns.tolist() == [3]
    assert traits.of(of_dns, "orig_mac").tolist() == [CARD]
    assert any("channel dns: 1 pair had connections under another lease" in note for note in ingest.notes)


def test_candidates_of_another_card_are_not_joined() -> None:
    row = {"id.orig_h": HOST, "id.resp_h": "9.9.9.9", "id.resp_p": 443, "proto": "tcp", "resp": "9.9.9.9"}
    made = [
        checked(row | {"conns": count, "starts": [at] * count, "traits": [f"orig_mac={card}"] if card else []})
        for at, count, card in ((1.0, 2, CARD), (2.0, 4, ""), (3.0, 3, OTHER), (4.0, 4, OTHER), (5.0, 3, CARD))
    ]
    chosen, gone = of_one_tenure(made[::-1])
    assert ([one["start"][0] for one in chosen], gone) == ([3.0, 4.0], 7)


def test_what_is_beyond_the_bound_is_forgotten_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "MOST", 1)
    rows = [lease(0.0), lease(300.0, name="NEW")]
    (tmp_path / "dhcp.log").write_bytes(json_log(rows))
    pairs, ingest = load(tmp_path, tsv(conns((600.0,))))
    assert traits.of(pairs, "orig_name").tolist() == ["NEW"]
    assert ingest.notes == ["leases and authentications beyond 1: the oldest 1 were left out"]
