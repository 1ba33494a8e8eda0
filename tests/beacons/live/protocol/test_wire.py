"""The codec: what is sent comes back, what is bad gets a reason, and nothing makes it raise."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.live.made import ANY_JSON, T0, candidate, event, fields, hello, long, verdict
from zeek_beacons.live.protocol import frames, wire
from zeek_beacons.live.protocol.frames import PackedEvent
from zeek_beacons.live.protocol.messages import (
    BadMessage,
    Candidate,
    NodeHeartbeat,
    Noticed,
    Outgoing,
    Resync,
    SidecarHeartbeat,
    SidecarHello,
)
from zeek_beacons.pairs import Pairs
from zeek_beacons.store.long_connection import LongConnection

KEY = {"orig_h": "10.0.0.5", "resp": "203.0.113.9", "resp_p": 443, "proto": "tcp"}


MESSAGES: dict[str, dict[str, Any]] = {
    "candidate": fields(n=8, local_orig=True, local_resp=False),
    "hello": {"v": 4, "sidecar": "5c", "accepted": True, "reason": "", "node": "zeek", "boot": "b"},
    "heartbeat": {"v": 4, "node": "zeek", "boot": "b", "seq": 5, "outstanding": 2, "lost": 0},
    "long": long(),
    "noticed": {"v": 4, "node": "zeek", "boot": "b", "level": 3, "incident": "0123456789"} | KEY,
}


VERDICT = {
    *("v", "sidecar", "node", "boot", "seq", "uid", "orig_h", "orig_p", "resp_h", "resp_p", "proto", "resp", "conns"),
    *("label", "score", "sleep", "jitter", "observations", "needed", "severity", "level", "suppressed", "reasons"),
    *("model", "summary", "kind"),
}


def decode(name: str, content: object) -> Any:
    return wire.decode(event(name, content))


def test_a_candidate_is_a_pair() -> None:
    sent = fields(3, n=8, resp="c2.example", server_name="c2.example", named=8, durations=[-1, *[0.5] * 7])
    found = candidate(3, n=8, resp="c2.example", server_name="c2.example", named=8, durations=[-1, *[0.5] * 7])
    assert found.key == ("10.0.0.5", "c2.example", 443, "tcp", "conn")
    assert (found.node, found.boot, found.seq, found.uid, found.orig_p) == ("zeek", "b1", 3, "C3", 40_000)
    pairs = Pairs.build([found.row])
    assert pairs.start.tolist() == sent["starts"]
    assert np.isnan(pairs.duration[0])
    assert (pairs.addr[0], pairs.named[0], pairs.site_hosts[0]) == ("203.0.113.9", 8, 20)


FACTS: dict[str, Any] = {
    "local_orig": False,
    "local_resp": True,
    "named": 6,
    "server_name": "a.example",
    "name_conns": 4,
    "dns_name": "b.example",
    "dns_named": 5,
    "site_tls_named": 0.25,
}
PRESENTED: dict[str, Any] = {
    "cert_name": "a.example",
    "cert_issuer": "CN=A b",
    "cert_self_signed": True,
    "cert_valid": False,
    "cert_days": 3650,
    "cert_servers": 4,
    "user_agent": "curl/8 (x)",
    "agent_hosts": 2,
    "no_host": True,
}


def test_a_candidate_carries_what_servers_and_clients_presented() -> None:
    pairs = Pairs.build([candidate(n=8, **PRESENTED).row])
    assert {name: getattr(pairs, name)[0] for name in PRESENTED} == PRESENTED


def test_a_candidate_carries_a_hit_of_zeeks_intel_framework() -> None:
    assert Pairs.build([candidate(n=8).row]).intel[0] == ""
    assert Pairs.build([candidate(n=8, intel="DOMAIN evil.example").row]).intel[0] == "DOMAIN evil.example"
    hostile = Pairs.build([candidate(n=8, intel="DOMAIN " + "a\x1b" * 300).row]).intel[0]
    assert len(hostile) == 200
    assert hostile.isprintable()


def test_a_candidate_carries_what_zeek_knows_of_its_ends() -> None:
    pairs = Pairs.build([candidate(n=8, **FACTS).row])
    assert (pairs.orig_local[0], pairs.resp_local[0], pairs.site_tls_named[0]) == (False, True, 0.25)
    names = ("named", "server_name", "name_conns", "dns_name", "dns_named")
    assert [getattr(pairs, name)[0] for name in names] == [FACTS[name] for name in names]


def test_an_older_zeek_carries_less() -> None:
    later = ("local_orig", "local_resp", "name_conns", "dns_name", "dns_named", "site_tls_named")
    left_out: dict[str, Any] = dict.fromkeys(later)
    row = candidate(n=8, named=8, server_name="a.example", **left_out).row
    assert (row["orig_local"], row["resp_local"]) == (None, None)
    pairs = Pairs.build([row])
    assert (pairs.name_conns[0], pairs.dns_name[0]) == (8, "")
    assert pairs.is_twin[0]
    assert (pairs.orig_local[0], pairs.resp_local[0]) == (True, True)
    assert np.isnan([pairs.site_tls_named[0], pairs.dns_named[0]]).all()


def test_the_other_messages() -> None:
    assert decode("hello", MESSAGES["hello"]) == hello(sidecar="5c", sensor="", boot="b", zeek="", package="")
    assert decode("heartbeat", MESSAGES["heartbeat"]) == NodeHeartbeat("zeek", "b", 5, 2, 0)
    key = ("10.0.0.5", "203.0.113.9", 443, "tcp", "conn")
    assert decode("noticed", MESSAGES["noticed"]) == Noticed("zeek", "b", key, 3, "0123456789")


def test_a_pair_that_is_connected_for_long_is_a_row_of_the_history() -> None:
    found = decode("long", long(orig_h="2001:DB8::0:5", is_open=False))
    assert found == LongConnection(
        *("2001:db8::5", "203.0.113.7", 443, "tcp", "ssl", "c2.example", 7100.5, T0, "Clong", 0),
        *(15_000.25, 3, 1_000.0, 2_000.0, T0 + 7200.0),
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"resp_h": "c2.example"}, "an address or protocol is none"),
        ({"proto": "sctp"}, "an address or protocol is none"),
        ({"duration": -1}, "a time is impossible"),
        ({"day_sum": 1e12}, "a time is impossible"),
        ({"conns": 0}, f"conns is missing or no number from 1 to {2**63 - 1}"),
    ],
    ids=str,
)
def test_what_cannot_be_of_a_long_connection_is_refused(bad: dict[str, Any], reason: str) -> None:
    assert decode("long", long(**bad)) == BadMessage(f"Beacons::long: {reason}")


@pytest.mark.parametrize("name", MESSAGES)
def test_unknown_fields_are_ignored(name: str) -> None:
    assert not isinstance(decode(name, MESSAGES[name] | {"later": {"x": 1}}), BadMessage)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_later_version_is_refused(name: str) -> None:
    found = decode(name, MESSAGES[name] | {"v": 5})
    assert found == BadMessage(f"Beacons::{name}: written for a later version than 4, update the sidecar")


@pytest.mark.parametrize("name", MESSAGES)
def test_an_earlier_version_is_understood(name: str) -> None:
    earlier = {field: value for field, value in MESSAGES[name].items() if field != "incident"} | {"v": 1}
    found = decode(name, earlier)
    assert not isinstance(found, BadMessage)
    if name == "noticed":
        assert found.incident == ""
    if name == "hello":
        assert found.v == 1


LONG = "x" * 1_000_000


WRONG: tuple[Any, ...] = (None, True, "x", 1.5, -1, 2**63, 10**400, [], {}, [1, [2]], ["a"], [None], [True], LONG)


UNREAD = {"last_ts", "dropped"}


OPTIONAL: dict[str, set[str]] = {
    "candidate": {
        *("service", "server_name", "sensor", "uid", "reason", "resp_hosts", "site_hosts", *UNREAD),
        *("local_orig", "local_resp", "name_conns", "dns_name", "dns_named", "site_tls_named"),
        *("cert_name", "cert_issuer", "cert_self_signed", "cert_valid", "cert_days", "cert_servers"),
        *("user_agent", "agent_hosts", "no_host", "intel"),
    },
    "hello": {"reason", "node", "boot"},
    "heartbeat": set(),
    "long": {"uid", "service", "server_name"},
    "noticed": {"node", "boot", "incident"},
}


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, given in MESSAGES.items() for field in given])
def test_every_field_is_checked(name: str, field: str) -> None:
    for value in WRONG:
        found = decode(name, json.dumps(MESSAGES[name] | {field: value}))
        assert isinstance(found, BadMessage) or not isinstance(value, (dict, type(None))) or field in UNREAD
    left = {key: value for key, value in MESSAGES[name].items() if key != field}
    assert isinstance(decode(name, left), BadMessage) == (field not in OPTIONAL[name])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"seq": 0}, "seq is missing or no number from 1 to 9223372036854775807"),
        ({"seq": True}, "seq is missing or no number from 1 to 9223372036854775807"),
        ({"seq": 1.0}, "seq is missing or no number from 1 to 9223372036854775807"),
        ({"resp_p": 65_536}, "resp_p is missing or no number from 0 to 65535"),
        ({"proto": "sctp"}, "proto is none of tcp, udp, icmp"),
        ({"orig_h": "host"}, "an address, port or protocol is none"),
        ({"resp_h": "host"}, "an address, port or protocol is none"),
        ({"starts": ["1"] * 8}, "starts holds something else than numbers"),
        ({"starts": [True] * 8}, "starts holds something else than numbers"),
        ({"starts": [[1]] * 8}, "starts holds something else than numbers"),
        ({"starts": [1e300] * 8}, "start times missing or impossible"),
        ({"starts": []}, "duration and starts differ in length"),
        ({"states": [1] * 8}, "states is missing or no list of texts"),
        ({"durations": [0.1]}, "duration and starts differ in length"),
        ({"conns": 3}, "conns and named do not fit the observations"),
        ({"node": ""}, "node is missing or no text"),
    ],
)
def test_a_bad_candidate_gets_a_reason(bad: dict[str, Any], reason: str) -> None:
    assert decode("candidate", MESSAGES["candidate"] | bad) == BadMessage(f"Beacons::candidate: {reason}")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '{"v":1,"seq":NaN}', "[" * 100_000, '"\\ud800"'])
def test_no_json_object_gets_a_reason(text: str) -> None:
    assert isinstance(decode("candidate", text), BadMessage)


def test_hostile_names_are_cut_and_escaped() -> None:
    for name in ("x" * 1_000_000, '{"v":2}', "a\x00\x1b[31m\u202eb", "\ud800", "d\u00e9j\u00e0.example", "two words"):
        found = candidate(n=8, resp=name, server_name=name, service=name, uid=name)
        resp = found.row["resp"]
        assert len(found.key[1]) <= len(resp) <= frames.LONGEST_TEXT
        assert resp.isascii()
        assert resp.isprintable()
        assert " " not in resp
        json.loads(wire.encode(verdict(found)).text)["resp"].encode()
    assert candidate(n=8, resp="a b\u00e9").row["resp"] == "a\\x20b\\xc3\\xa9"


def test_a_key_goes_back_as_it_came() -> None:
    found = candidate(n=8, resp="A\x01b", orig_h="FE80::1", resp_h="::ffff:192.0.2.1")
    sent = json.loads(wire.encode(verdict(found)).text)
    assert (sent["resp"], sent["orig_h"], sent["resp_h"]) == ("A\x01b", "FE80::1", "::ffff:192.0.2.1")
    assert (found.row["orig_h"], found.row["addr"]) == ("fe80::1", "192.0.2.1")


def test_what_is_sent_keeps_to_the_contract() -> None:
    sent = json.loads(wire.encode(verdict(candidate(n=8), level=2)).text)
    assert sent.keys() == VERDICT - {"jitter"}
    assert json.loads(wire.encode(Resync("me", "n", "b", 7)).text) == {
        "v": 4, "sidecar": "me", "node": "n", "boot": "b", "from": 7, "all": False,
    }  # fmt: skip
    assert wire.encode(SidecarHello("me", "host", "0.1", "m")).name == "Beacons::hello"
    assert (
        wire.encode(SidecarHeartbeat("me", 1, 2, 3)).text
        == '{"v": 4, "sidecar": "me", "queue": 1, "scored": 2, "dropped": 3}'
    )


def test_an_alert_tells_of_its_incident_to_whom_can_read_that() -> None:
    alert = verdict(candidate(n=8), level=2, incident="0123456789", joined=("abcdef0123",))
    sent = json.loads(wire.encode(alert).text)
    assert sent.keys() == VERDICT - {"jitter"} | {"incident", "joined"}
    assert (sent["v"], sent["incident"], sent["joined"]) == (4, "0123456789", ["abcdef0123"])
    sent = json.loads(wire.encode(alert, 1).text)
    assert sent.keys() == VERDICT - {"jitter", "kind"}
    assert sent["v"] == 1


def test_a_channel_goes_there_and_back() -> None:
    asked = candidate(n=8, channel="dns", resp="c2.example")
    assert (asked.key[-1], asked.row["channel"]) == ("dns", "dns")
    answer = verdict(asked, level=2, incident="0123456789")
    sent = json.loads(wire.encode(answer).text)
    assert (sent["channel"], sent["resp"]) == ("dns", "c2.example")
    assert wire.decode_verdict(wire.encode(answer).text) == answer
    assert "channel" not in json.loads(wire.encode(verdict(candidate(n=8))).text), "connections, as ever"
    assert "channel" not in json.loads(wire.encode(answer, 2).text)
    noticed = decode("noticed", MESSAGES["noticed"] | {"channel": "dns"})
    assert noticed.key == ("10.0.0.5", "203.0.113.9", 443, "tcp", "dns")
    bad = decode("candidate", MESSAGES["candidate"] | {"channel": "smoke"})
    assert bad == BadMessage("Beacons::candidate: channel is none of conn, http, dns, proxy, poll")


def test_a_kept_verdict_comes_back() -> None:
    for level in (0, 4):
        kept = verdict(candidate(n=8), level=level, incident="0123456789" if level else "", joined=("abc",))
        assert wire.decode_verdict(wire.encode(kept).text) == kept
    for text in (
        "",
        "{}",
        "[]",
        '{"v":1}',
        wire.encode(verdict(candidate(n=8))).text.replace('"level": 0', '"level": "x"'),
    ):
        assert wire.decode_verdict(text) is None


def test_several_messages_of_an_event_are_read_each_by_itself() -> None:
    good = [json.dumps(fields(seq, n=8)) for seq in (1, 2, 3)]
    found = wire.read(PackedEvent("Beacons::candidates", (good[0], "{", good[1], None, good[2][:-1], good[2])))
    assert [one.seq for one in found if isinstance(one, Candidate)] == [1, 2, 3]
    assert [one for one in found if isinstance(one, BadMessage)] == [
        BadMessage("Beacons::candidate: no JSON"),
        BadMessage("Beacons::candidate: no text"),
        BadMessage("Beacons::candidate: no JSON"),
    ]
    confirmed = wire.read(PackedEvent("Beacons::confirmations", (json.dumps(MESSAGES["noticed"]),) * 2))
    assert [type(one) for one in confirmed] == [Noticed, Noticed]
    assert len(wire.read(PackedEvent("Beacons::candidates", (good[0],) * frames.MOST_TOGETHER))) == frames.MOST_TOGETHER
    many = PackedEvent("Beacons::candidates", (good[0],) * (frames.MOST_TOGETHER + 1))
    assert wire.read(many) == [BadMessage("Beacons::candidates: more than 64 messages")]
    assert wire.read(PackedEvent("Beacons::hello", (good[0],))) == [BadMessage("unknown event")]
    assert wire.read(PackedEvent("Beacons::candidates", ())) == []
    assert wire.read(event("heartbeat", MESSAGES["heartbeat"])) == [decode("heartbeat", MESSAGES["heartbeat"])]


@given(st.lists(st.integers(0, 4), max_size=12), st.data())
def test_a_bad_message_takes_nothing_from_those_beside_it(seqs: list[int], data: st.DataObject) -> None:
    texts = [data.draw(st.text() | st.none()) if not seq else json.dumps(fields(seq, n=8)) for seq in seqs]
    found = wire.read(PackedEvent("Beacons::candidates", tuple(texts)))
    assert [one.seq if isinstance(one, Candidate) else 0 for one in found] == seqs


def test_verdicts_share_events_where_zeek_reads_that() -> None:
    one, ask = verdict(candidate(n=8)), Resync("me", "n", "b", 7)
    sent: list[Outgoing] = [ask, *[one] * 130, ask, one]
    together = list(wire.events(sent, 4))
    assert [held for _, held in together] == [1, 64, 64, 2, 1, 1]
    batch = together[1][0]
    assert isinstance(batch, PackedEvent)
    assert (batch.name, batch.texts[0]) == ("Beacons::verdicts", wire.encode(one).text)
    assert list(wire.events(sent, 3)) == [(wire.encode(message, 3), 1) for message in sent]


@given(st.sampled_from(sorted(MESSAGES)), st.text())
def test_no_text_makes_decode_raise(name: str, text: str) -> None:
    assert isinstance(decode(name, text), BadMessage)


@given(st.data())
def test_no_values_make_decode_raise(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(MESSAGES)))
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(MESSAGES[name])), ANY_JSON, min_size=1, max_size=3))
    found = decode(name, json.dumps(MESSAGES[name] | changed))
    if isinstance(found, Candidate):
        Pairs.build([found.row])
        wire.encode(verdict(found)).text.encode()
