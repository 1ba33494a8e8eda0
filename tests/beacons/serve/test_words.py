"""What operators say through the API, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from .made import HOSTILE, Running

KEY = {"orig_h": "10.0.0.1", "resp": "203.0.113.9", "resp_p": 443, "proto": "tcp"}


def test_feedback_is_kept_with_what_the_model_said(running: Running) -> None:
    row = running.beacon()
    assert running.post("feedback", json={"beacon": row["id"], "verdict": "true", "why": "found"}).status_code == 201
    assert running.post("feedback", json=KEY | {"verdict": "false"}).status_code == 201
    found = running.get("feedback").json()
    assert found["total"] == 2
    by_word = {one["word"]: one for one in found["rows"]}
    assert by_word["true"]["resp"] == row["resp"]
    assert (by_word["true"]["score"], by_word["true"]["model"]) == (row["score"], row["model"])
    running.post("feedback", json=KEY | {"verdict": "withdrawn"})
    assert running.get("feedback").json()["total"] == 1
    assert running.get("feedback?past=1").json()["total"] == 3


@pytest.mark.parametrize(("scope", "entry"), [("pair", "pair {orig_h} {resp} 443/tcp"), ("name", "name {resp}")])
def test_what_a_beacon_is_allowed_by(running: Running, scope: str, entry: str) -> None:
    row = next(one for one in running.get("beacons").json()["rows"] if one["resp"] == "c2-5.example")
    given = {"beacon": row["id"], "scope": scope, "why": "ours", "until": "7d"}
    number = running.post("allow", json=given).json()["id"]
    (found,) = running.get("allow").json()["rows"]
    assert found["entry"] == entry.format(**row)
    assert found["until"] > found["at"] + 6 * 86_400
    assert running.delete(f"allow/{number}").status_code == 204
    assert running.delete(f"allow/{number}").status_code == 404
    assert running.get("allow").json()["total"] == 0
    assert running.get("allow?past=1").json()["rows"][0]["undone_by"] == "writer"


def test_a_network_is_proposed_or_named(running: Running) -> None:
    row = running.beacon()
    for subnet, expected in (("", "203.0.113.0/24"), ("198.51.100.0/30", "198.51.100.0/30")):
        given = {"beacon": row["id"], "scope": "subnet", "subnet": subnet, "why": "ours"}
        assert running.post("allow", json=given).status_code == 201
        assert running.get("allow").json()["rows"][0]["entry"] == f"subnet {expected}"


def test_names_that_an_attacker_chose_make_no_other_entry(running: Running) -> None:
    """A name goes into the entry as one word, or nothing does."""
    for row in running.get("beacons").json()["rows"]:
        answer = running.post("allow", json={"beacon": row["id"], "scope": "name", "why": "x"})
        assert answer.status_code in (201, 422)
        assert row["resp"] in HOSTILE or answer.status_code == 201
    for one in running.get("allow").json()["rows"]:
        assert one["entry"].startswith("name ")
        assert len(one["entry"].split()) == 2


BAD: list[tuple[str, dict[str, Any]]] = [
    ("allow", {"why": "x"}),
    ("allow", {"entry": "name a.example", "beacon": "x", "why": "x"}),
    ("allow", {"entry": "name a.example"}),
    ("allow", {"entry": "name a.example", "why": ""}),
    ("allow", {"entry": "nonsense", "why": "x"}),
    ("allow", {"entry": "subnet 0.0.0.0/0", "why": "x"}),
    ("allow", {"entry": "name a.example\nname b.example", "why": "x"}),
    ("allow", {"entry": "name a.example # all", "why": "x"}),
    ("allow", {"entry": "name a.example", "why": "x", "until": "2001-01-01"}),
    ("allow", {"entry": "name a.example", "why": "x", "until": "soon"}),
    ("allow", {"entry": "name a.example", "why": "x" * 201}),
    ("allow", {"entry": "name a.example", "why": "x", "who": "somebody else"}),
    ("snooze", {"beacon": "x"} | {"until": ""}),
    ("snooze", KEY | {"until": "99999999999999999999"}),
    ("snooze", KEY | {"until": "NaN"}),
    ("snooze", {"orig_h": "10.0.0.1"}),
    ("snooze", KEY | {"resp_p": 70_000}),
    ("snooze", KEY | {"proto": "<b>"}),
    ("feedback", KEY | {"verdict": "maybe"}),
    ("feedback", KEY | {"verdict": True}),
    ("config", {"threshold": 0}),
    ("config", {"threshold": 1.5}),
    ("config", {"profile": "wild"}),
    ("config", {"max_observations": 9}),
]


@pytest.mark.parametrize(("path", "body"), BAD)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(standing: Running, path: str, body: dict[str, Any]) -> None:
    answer = standing.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert standing.surface.store.words().revision == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"why": NaN}', b"[" * 10_000])
def test_a_body_that_is_no_json_is_refused(standing: Running, body: bytes) -> None:
    answer = standing.post("allow", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_said_of_a_pair_that_is_gone_is_404(running: Running) -> None:
    for path, more in (("feedback", {"verdict": "true"}), ("snooze", {}), ("allow", {"why": "x"})):
        assert running.post(path, json={"beacon": "0" * 16} | more).status_code == 404


def test_settings_are_changed_and_taken_back(running: Running) -> None:
    changed = running.post("config", json={"threshold": 0.9, "stopped": True}).json()["changed"]
    assert (changed["threshold"]["value"], changed["threshold"]["who"]) == (0.9, "writer")
    assert changed["stopped"]["value"] is True
    changed = running.post("config", json={"profile": "sensitive"}).json()["changed"]
    assert (changed["threshold"]["value"], changed["profile"]["value"]) == (None, "sensitive")
    assert running.surface.store.words().settings == {"profile": "sensitive", "stopped": "true"}
