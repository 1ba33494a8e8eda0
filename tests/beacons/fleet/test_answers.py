"""Another machine's answers: the same values come back, and what is none is refused, whatever it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.beacons.live.histories import RULES
from tests.beacons.readmodel.made import history_of, site
from zeek_beacons.errors import BeaconsError
from zeek_beacons.fleet import answers
from zeek_beacons.readmodel import (
    About,
    Beacon,
    BelowGate,
    HostRow,
    IncidentDetail,
    IncidentRow,
    PairRow,
    ReadModel,
    plain,
)

from .made import answering, remote_sensor


def sent(value: Any) -> Any:
    """A value as it comes over the network."""
    return json.loads(json.dumps(plain(value)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ReadModel:
    path = tmp_path_factory.mktemp("answers") / "history.db"
    history_of(site(), path, RULES).close()
    return ReadModel.open(path)


@pytest.fixture(scope="module")
def beacon(model: ReadModel) -> Beacon:
    found = model.beacon(model.beacons().rows[0].id)
    assert found is not None
    return found


def test_what_is_sent_comes_back(model: ReadModel, beacon: Beacon) -> None:
    for kind, told in (
        (PairRow, model.pairs()),
        (IncidentRow, model.incidents()),
        (HostRow, model.hosts()),
    ):
        assert told.rows
        assert answers.listing(kind, sent(told), 50) == told
    assert answers.value(Beacon, sent(beacon)) == beacon
    assert answers.value(BelowGate, sent(model.below_gate())) == model.below_gate()
    assert answers.value(About, sent(model.about())) == model.about()
    incident = model.incident(model.incidents().rows[0].id)
    assert answers.value(IncidentDetail, sent(incident)) == incident


def test_other_versions_are_read(model: ReadModel) -> None:
    (row, *_), newer = model.incidents().rows, {"what": "a later version tells"}
    assert answers.value(IncidentRow, sent(row) | newer) == row
    older = {name: value for name, value in sent(row).items() if name != "sensors"}
    assert answers.value(IncidentRow, older) == replace(row, sensors=())


ROW: dict[str, Callable[[Any], Any]] = {
    "level": lambda row: row | {"level": 5},
    "severity": lambda row: row | {"severity": "worst"},
    "kind": lambda row: row | {"kind": "x"},
    "label": lambda row: row | {"label": ""},
    "suppressed": lambda row: row | {"suppressed": "<b>"},
    "port": lambda row: row | {"resp_p": 65_536},
    "id": lambda row: row | {"id": "../../config"},
    "incident": lambda row: row | {"incident": "a/b"},
    "missing": lambda row: {name: value for name, value in row.items() if name != "orig_h"},
    "text": lambda row: row | {"orig_h": 7},
    "number": lambda row: row | {"score": "0.9"},
    "truth": lambda row: row | {"near_miss": 1},
    "infinite": lambda row: row | {"last_seen": float("inf")},
    "no number": lambda row: row | {"score": float("nan")},
    "large": lambda row: row | {"connections": 2**63},
    "true number": lambda row: row | {"connections": True},
    "list": lambda row: row | {"spark": {}},
    "long": lambda row: row | {"spark": [1] * 30_000},
    "none": lambda _: None,
}


@pytest.mark.parametrize("name", ROW)
def test_what_is_no_row_is_refused(name: str, model: ReadModel) -> None:
    (row, *_) = model.pairs().rows
    assert answers.value(PairRow, sent(row)) == row
    with pytest.raises(answers.AnswerError):
        answers.value(PairRow, ROW[name](sent(row)))


def test_texts_are_capped_and_can_be_written(model: ReadModel) -> None:
    (row, *_) = model.pairs().rows
    made = answers.value(PairRow, sent(row) | {"resp": "\ud800" + "x" * 10_000})
    assert made.resp == "?" + "x" * 4095
    assert made.resp.encode()


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"rows": [], "total": "1"},
        {"rows": {}, "total": 1},
        {"rows": [1], "total": 1},
        {"rows": [{}], "total": 1},
        {"rows": [None] * 51, "total": 51},
        [],
    ],
)
def test_what_is_no_list_is_refused(told: Any) -> None:
    with pytest.raises(answers.AnswerError):
        answers.listing(PairRow, told, 50)


def test_columns_are_equally_long(beacon: Beacon) -> None:
    told = sent(beacon)
    told["checkins"]["time"].pop()
    with pytest.raises(answers.AnswerError, match="columns of CheckinMarks differ in length"):
        answers.value(Beacon, told)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.data())
def test_whatever_stands_in_an_answer_it_is_read_or_refused(
    model: ReadModel, beacon: Beacon, data: st.DataObject
) -> None:
    """A value somewhere in it is replaced by anything."""
    told = sent(beacon)
    place = told
    while True:
        name = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[name], (dict, list)) or not place[name] or data.draw(st.booleans()):
            break
        place = place[name]
    place[name] = data.draw(anything)
    try:
        made = answers.value(Beacon, told)
    except answers.AnswerError:
        return
    assert json.dumps(plain(made)).encode()


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"rows": [{}], "total": 1}', b"null", b'"', b"\xff"])
def test_every_question_of_a_bad_sensor_ends_in_one_error(body: bytes) -> None:
    with answering(body) as url:
        model = remote_sensor("bad", url).model
        for ask in (
            model.about,
            model.beacons,
            model.pairs,
            model.incidents,
            model.hosts,
            model.alerts,
            model.long_connections,
            lambda: model.alerts_after(0),
            lambda: model.incident("a"),
            lambda: model.beacon("a"),
        ):
            with pytest.raises(BeaconsError, match=r"^bad: "):
                ask()
