"""beacon_candidates.log: overlapping candidates of a pair become one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError

from .logs import CANDIDATE, T0, candidate, json_log, load, tsv


def test_a_candidate_is_a_pair(tmp_path: Path) -> None:
    line = candidate([0, 60, 120], resp="c2.example", server_name="c2.example", conns=9, named=9, first_ts=T0 - 500)
    for data in (tsv([line], CANDIDATE, "beacon_candidates"), json_log([line])):
        pairs, _ = load(tmp_path, data, "beacon_candidates.log")
        assert (pairs.resp[0], pairs.addr[0], pairs.resp_p[0], pairs.proto[0]) == (
            "c2.example",
            "203.0.113.9",
            443,
            "tcp",
        )
        assert (pairs.conns[0], pairs.named[0], pairs.first_ts[0], pairs.site_hosts[0]) == (9, 9, T0 - 500, 7)
        assert (pairs.start - T0).tolist() == [0, 60, 120]
        assert pairs.is_named[0]


def test_later_candidates_count_and_earlier_history_stays(tmp_path: Path) -> None:
    lines = [
        candidate([0, 10, 20], service="http"),
        candidate([20, 30, 40], conns=5, orig_bytes=[1, 2, 3], service="ssl"),
    ]
    for given in (lines, lines[::-1]):
        pairs, _ = load(tmp_path, json_log(given), "b.log")
        assert (pairs.start - T0).tolist() == [0, 10, 20, 30, 40]
        assert pairs.orig_bytes.tolist() == [300, 300, 1, 2, 3]
        assert (pairs.conns[0], pairs.service[0], pairs.first_ts[0]) == (5, "ssl", T0)


def test_named_throughout_stays_a_twin(tmp_path: Path) -> None:
    lines = [candidate(times, named=2, server_name="a.example") for times in ([0, 10], [1000, 1010])]
    assert load(tmp_path, json_log(lines), "b.log")[0].is_twin.tolist() == [True]
    lines[1]["server_name"] = "b.example"
    assert load(tmp_path, json_log(lines), "b.log")[0].is_twin.tolist() == [False]
    lines[1] |= {"server_name": "a.example", "named": 1}
    pairs, _ = load(tmp_path, json_log(lines), "b.log")
    assert (pairs.is_twin.tolist(), pairs.conns.tolist(), pairs.named.tolist()) == ([False], [4], [2])


def test_the_name_of_several_candidates_is_that_of_most(tmp_path: Path) -> None:
    def name(*given: tuple[str, int, int]) -> tuple[str, int]:
        lines = [
            candidate(
                [100 * at, 100 * at + 10, 100 * at + 20], conns=20, named=named, server_name=name, name_conns=conns
            )
            for at, (name, named, conns) in enumerate(given)
        ]
        for data in (tsv(lines, CANDIDATE, "beacon_candidates"), json_log(lines)):
            pairs, _ = load(tmp_path, data, "b.log")
        return str(pairs.server_name[0]), int(pairs.name_conns[0])

    assert name(("a.example", 4, 3), ("a.example", 8, 5)) == ("a.example", 5)
    assert name(("a.example", 3, 3), ("b.example", 8, 5)) == ("b.example", 5)
    assert name(("a.example", 3, 3), ("", 8, 0)) == ("", 0)
    assert name(("a.example", 8, 5), ("b.example", 4, 4)) == ("a.example", 5)


def test_a_dns_name_is_that_of_the_candidate_that_saw_most_of_it(tmp_path: Path) -> None:
    def name(*given: tuple[str | None, float | None]) -> tuple[str, float]:
        lines = [
            candidate([100 * at, 100 * at + 10, 100 * at + 20], dns_name=name, dns_named=conns)
            for at, (name, conns) in enumerate(given)
        ]
        pairs, _ = load(tmp_path, json_log(lines), "b.log")
        return str(pairs.dns_name[0]), float(pairs.dns_named[0])

    assert name(("a.example", 3), ("b.example", 2)) == ("a.example", 3)
    assert name(("a.example", 3), (None, None)) == ("a.example", 6), "what is known held for all connections"
    assert name((None, 0), (None, None)) == ("", 0)
    assert np.isnan(name((None, None), (None, None))[1])


def test_what_zeek_knows_of_the_ends_is_read(tmp_path: Path) -> None:
    line = candidate([0, 60], local_orig=False, local_resp=True, dns_name="a.example", dns_named=1, site_tls_named=0.5)
    plain = line | {"local_orig": "F", "local_resp": "T"}
    for data in (tsv([plain], CANDIDATE, "beacon_candidates"), json_log([line])):
        pairs, _ = load(tmp_path, data, "b.log")
        assert (pairs.orig_local[0], pairs.resp_local[0]) == (False, True)
        assert (pairs.dns_name[0], pairs.dns_named[0], pairs.site_tls_named[0]) == ("a.example", 1, 0.5)
    pairs, _ = load(tmp_path, json_log([candidate([0, 60])]), "b.log", Config(local_nets=("203.0.113.0/24",)))
    assert (pairs.orig_local[0], pairs.resp_local[0]) == (False, True), "as the settings say where Zeek does not"
    asked = Config(direction="from-local")
    assert not len(load(tmp_path, json_log([line]), "b.log", asked)[0]), "Zeek's word counts for directions too"


PRESENTED = {
    "cert_name": "*.c2.example",
    "cert_issuer": "CN=A b,O=c",
    "cert_self_signed": True,
    "cert_valid": False,
    "cert_days": 3650,
    "cert_servers": 4,
    "user_agent": "curl/8 \\xff",
    "agent_hosts": 1,
    "no_host": False,
    "intel": "DOMAIN evil.example",
}


def test_what_servers_and_clients_presented_is_read(tmp_path: Path) -> None:
    line = candidate([0, 60], **PRESENTED)
    plain = {name: "FT"[value] if isinstance(value, bool) else value for name, value in line.items()}
    plain["user_agent"] = "curl/8 \\\\xff"  # Zeek's writer doubles backslashes
    for data in (tsv([plain], CANDIDATE, "beacon_candidates"), json_log([line])):
        pairs, _ = load(tmp_path, data, "b.log")
        assert {name: getattr(pairs, name)[0] for name in PRESENTED} == PRESENTED
    pairs, _ = load(tmp_path, json_log([candidate([0, 60])]), "b.log")
    assert [getattr(pairs, name)[0] for name in ("cert_name", "user_agent", "intel")] == ["", "", ""]
    assert np.isnan([pairs.cert_self_signed[0], pairs.cert_days[0], pairs.no_host[0]]).all()


def test_the_newest_certificate_stays_where_a_later_candidate_saw_none(tmp_path: Path) -> None:
    lines = [candidate([0, 60], **PRESENTED), candidate([600, 660]), candidate([120, 180], cert_self_signed=False)]
    pairs, _ = load(tmp_path, json_log(lines), "b.log")
    assert (pairs.cert_name[0], pairs.cert_self_signed[0], pairs.user_agent[0]) == ("", 0, "curl/8 \\xff")
    assert pairs.intel[0] == "DOMAIN evil.example"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"starts": None}, "field starts is missing"),
        ({"starts": []}, "duration and starts differ in length"),
        ({"durations": [1.0]}, "duration and starts differ in length"),
        ({"states": ["SF"]}, "states and starts differ in length"),
        ({"id.resp_p": 70_000}, "an address, port or protocol is none"),
        ({"id.orig_h": "host"}, "an address, port or protocol is none"),
        ({"proto": "sctp"}, "an address, port or protocol is none"),
        ({"starts": ["x", "y"]}, "a value of the wrong kind"),
        ({"starts": [1e300, 1e300]}, "start times missing or impossible"),
        ({"starts": [float("nan"), 1.0]}, "start times missing or impossible"),
        ({"starts": [10**400, 1]}, "a value of the wrong kind"),
        ({"conns": 10**30}, "conns and named do not fit the observations"),
        ({"conns": 1}, "conns and named do not fit the observations"),
        ({"named": 3}, "conns and named do not fit the observations"),
        ({"conns": float("inf")}, "a value of the wrong kind"),
        ({"orig_bytes": [float("inf"), 1]}, "orig_bytes impossible"),
        ({"first_ts": float("inf")}, "first_ts impossible"),
        ({"name_conns": 1}, "conns, named and the connections of a name do not fit each other"),
        ({"dns_named": 3}, "conns, named and the connections of a name do not fit each other"),
        ({"local_orig": "yes"}, "local_orig is neither true nor false"),
        ({"local_resp": 1}, "local_resp is neither true nor false"),
        ({"dns_named": "many"}, "a value of the wrong kind"),
        ({"starts": {"a": 1}}, "a value of the wrong kind"),
        ({"resp_hosts": float("inf")}, "a count of hosts or a share of servers is impossible"),
        ({"site_hosts": -1}, "a count of hosts or a share of servers is impossible"),
        ({"cert_valid": "yes"}, "cert_valid is neither true nor false"),
        ({"cert_servers": -1}, "cert_servers impossible"),
        ({"cert_days": 10**9}, "cert_days impossible"),
        ({"agent_hosts": "many"}, "a value of the wrong kind"),
        ({"site_tls_named": 61}, "a count of hosts or a share of servers is impossible"),
    ],
)
def test_a_bad_line_is_counted_by_reason(bad: dict[str, Any], reason: str, tmp_path: Path) -> None:
    good = candidate([0, 60])
    pairs, ingest = load(tmp_path, json_log([good, good | bad, good]), "b.log")
    assert list(ingest.skipped) == [f"not a candidate: {reason}"]
    assert ingest.skipped.popitem()[1].examples[0][1] == 2
    assert pairs.conns.tolist() == [2]


def test_reasons_do_not_grow_with_the_lines(tmp_path: Path) -> None:
    lines = [candidate([0, 60], starts=[f"x{number}", 1]) for number in range(500)]
    ingest = load(tmp_path, json_log(lines), "b.log")[1]
    assert [skipped.rows for skipped in ingest.skipped.values()] == [500]


def test_deeply_nested_json_is_a_bad_line(tmp_path: Path) -> None:
    deep = b'{"starts":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    pairs, ingest = load(tmp_path, json_log([candidate([0, 60])]) + deep, "b.log")
    assert (len(pairs), ingest.rows_skipped) == (1, 1)


def test_lines_of_a_tsv_keep_their_numbers(tmp_path: Path) -> None:
    data = tsv([candidate([0, 60])], CANDIDATE, "beacon_candidates", close=False) + b"a\rb\tc\n\nx\n"
    ingest = load(tmp_path, data, "b.log")[1]
    assert [line for _, line, _ in ingest.skipped["not a candidate: too few fields"].examples] == [10, 12]


def test_missing_vectors_are_nan(tmp_path: Path) -> None:
    line = candidate([0, 60], durations=None, orig_bytes=None, resp_bytes=None, states=None, resp_hosts=None)
    pairs, _ = load(tmp_path, tsv([line], CANDIDATE, "beacon_candidates"), "b.log")
    assert np.isnan([*pairs.duration, *pairs.orig_bytes, *pairs.resp_bytes, *pairs.resp_hosts]).all()
    assert pairs.state.tolist() == [0, 0]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    columns = [name for name in CANDIDATE if name != "conns"]
    with pytest.raises(InputError, match=r"b\.log:7: column conns missing in #fields"):
        load(tmp_path, tsv([candidate([0])], columns, "beacon_candidates"), "b.log")


def test_names_are_kept_printable_and_short(tmp_path: Path) -> None:
    line = candidate([0, 60], resp="a\n\x1b[31m" + "x" * 5000, server_name="é", service="ssl\r")
    pairs, _ = load(tmp_path, json_log([line]), "beacon_candidates.log")
    assert pairs.resp[0].startswith("a\\x0a\\x1b[31mxxx")
    assert len(pairs.resp[0]) == 253
    assert (pairs.server_name[0], pairs.service[0]) == ("\\xc3\\xa9", "ssl\\x0d")


def cut_as_zeek_does(line: dict[str, Any], field: int, total: int) -> dict[str, Any]:
    """The line as Zeek 8.1 and later logs it with these limits, its vectors in the order of the record."""
    for name in ("traits", "starts", "durations", "orig_bytes", "resp_bytes", "states"):
        kept = line.get(name, [])[: min(field, total)]
        line, total = line | {name: kept}, total - len(kept)
    return line


def test_a_line_that_zeek_cut_says_so(tmp_path: Path) -> None:
    whole = candidate([60 * at for at in range(150)], dropped=850, conns=1000)
    good = candidate([0, 60], dropped=0, id__orig_h="10.0.0.6")
    cut = cut_as_zeek_does(whole | {"traits": ["ja4=a", "ja3=b"]}, 100, 500)
    assert (len(cut["starts"]), len(cut["states"])) == (100, 98)
    columns = [*CANDIDATE, "dropped", "traits"]
    for data in (tsv([cut, good], columns, "beacon_candidates"), json_log([cut, good])):
        pairs, ingest = load(tmp_path, data, "b.log")
        assert (np.diff(pairs.offsets).tolist(), pairs.conns.tolist()) == ([98, 2], [1000, 2])
        assert (pairs.start[:98] - T0).tolist() == [60 * at for at in range(98)]
        assert ingest.rows_skipped == 0
        (note,) = ingest.notes
        assert "b.log: 1 line had more observations than logged, 52 in all, the newest. Zeek cut them" in note
    assert load(tmp_path, json_log([whole, good]), "b.log")[1].notes == []


def test_a_line_whose_vectors_zeek_emptied_is_bad(tmp_path: Path) -> None:
    empty = cut_as_zeek_does(candidate([0, 60, 120], dropped=0), 2, 5)
    assert [len(empty[name]) for name in ("starts", "durations", "orig_bytes", "resp_bytes")] == [2, 2, 1, 0]
    ingest = load(tmp_path, json_log([empty, candidate([0, 60], dropped=0)]), "b.log")[1]
    assert list(ingest.skipped) == ["not a candidate: no observations: Zeek cut them while logging"]


@pytest.mark.parametrize(
    "odd", [{"dropped": -1}, {"dropped": "x"}, {"dropped": [1]}, {"states": {"a": 1}}, {"dropped": 9}]
)
def test_odd_counts_are_no_cut(odd: dict[str, Any], tmp_path: Path) -> None:
    good = candidate([0, 60], dropped=0)
    pairs, ingest = load(tmp_path, json_log([good, good | odd]), "b.log")
    assert (len(pairs), pairs.conns.tolist()) == (1, [2])
    assert ingest.rows_skipped <= 1
