"""operator.sqlite: what is written is read again, who did what stays known, and a broken file is an answer."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.labels import read_labels
from zeek_beacons.operator_file import labels, schema, words
from zeek_beacons.operator_file.database import StoreError
from zeek_beacons.operator_file.store import LONGEST_WHY, OperatorStore
from zeek_beacons.operator_file.words import load

KEY = ("10.0.0.5", "203.0.113.9", 443, "tcp", "conn")
NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> OperatorStore:
    return OperatorStore(tmp_path / "operator.sqlite", Clock())


def test_a_token_is_known_by_its_secret_and_kept_as_a_hash(store: OperatorStore) -> None:
    text = store.make_token("ana", may_write=True)
    token = store.token(text)
    assert token is not None
    assert (token.name, token.may_write) == ("ana", True)
    assert text.rpartition("_")[2].encode() not in store.path.read_bytes()


def test_what_is_nearly_a_token_is_none(store: OperatorStore) -> None:
    text = store.make_token("ana", may_write=True)
    other = store.make_token("bo", may_write=False)
    mixed = f"{text[:16]}{other[16:]}"
    for wrong in ("", "zb_", text[:-1], text + "A", text.upper(), mixed, text[:-1] + ("A" if text[-1] != "A" else "B")):
        assert store.token(wrong) is None
    store.remove_token("ana")
    assert store.token(text) is None
    assert [one.name for one in store.tokens()] == ["bo"]


@given(text=st.text())
def test_any_text_is_no_token(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert OperatorStore(tmp_path_factory.getbasetemp() / "any.sqlite").token(text) is None


@pytest.mark.parametrize("name", ["", " ", "a b", "-x", "a" * 65, "<b>", "ä"])
def test_a_name_that_could_not_be_shown_is_refused(store: OperatorStore, name: str) -> None:
    with pytest.raises(ConfigError):
        store.make_token(name, may_write=False)


def test_a_name_is_given_once(store: OperatorStore) -> None:
    store.make_token("ana", may_write=False)
    with pytest.raises(ConfigError, match="already"):
        store.make_token("ana", may_write=True)
    with pytest.raises(ConfigError, match="no token"):
        store.remove_token("bo")


def test_the_newest_feedback_of_a_pair_holds_and_all_of_it_stays(store: OperatorStore) -> None:
    store.give_feedback(KEY, KEY[1], "true", "ana", "implant", "model", 0.9)
    assert list(store.words().said.true) == [KEY]
    store.give_feedback(KEY, KEY[1], "false", "bo", "a camera", "model", 0.9)
    said = store.words().said
    assert (list(said.true), said.false[KEY].who) == ([], "bo")
    store.give_feedback(KEY, KEY[1], "withdrawn", "bo", "", "model", 0.9)
    assert not store.words().said
    assert [one.word for one in store.feedback()] == ["withdrawn", "false", "true"]
    assert store.feedback(newest=True) == []


def test_allow_entries_end_are_undone_and_are_told_with_who_and_why(store: OperatorStore) -> None:
    first = store.allow("name *.example.com", "ana", "ours", None)
    store.allow("pair 10.0.0.5 203.0.113.9 443/tcp", "bo", "", NOW + 1000)
    words = store.words()
    assert [one.entry.text for one in words.allowed] == [
        "name *.example.com (ana: ours)",
        "pair 10.0.0.5 203.0.113.9 443/tcp (bo)",
    ]
    assert len(words.at(NOW + 2000).allowed) == 1
    assert store.undo("allow", first, "cy")
    assert not store.undo("allow", first, "cy")
    assert len(store.words().allowed) == 1
    assert [(one["id"], one["undone_by"]) for one in store.entries("allow", past=True)] == [(2, None), (1, "cy")]


@pytest.mark.parametrize(
    "entry", ["", "nonsense", "subnet 0.0.0.0/0", "name a.b\nname c.d", "pair * * */udp", "# only"]
)
def test_an_entry_that_is_none_or_allows_everything_is_refused(store: OperatorStore, entry: str) -> None:
    with pytest.raises(InputError):
        store.allow(entry, "ana", "", None)
    assert store.words().allowed == ()


def test_snoozes_end_and_are_undone(store: OperatorStore) -> None:
    number = store.snooze(KEY, "ana", "patch day", NOW + 500)
    assert store.words().said.snoozed[KEY].why == "patch day"
    store.undo("snoozes", number, "ana")
    assert not store.words().said
    store.snooze(KEY, "ana", "", NOW - 5)
    assert not store.words().said


def test_settings_are_changed_and_taken_back(store: OperatorStore) -> None:
    store.change_settings({"profile": "sensitive", "threshold": None}, "ana")
    assert store.words().settings == {"profile": "sensitive"}
    store.change_settings({"profile": None}, "bo")
    assert store.words().settings == {}


def test_what_is_said_raises_the_revision_and_what_is_only_seen_does_not(store: OperatorStore) -> None:
    before = store.words().revision
    store.acknowledge(KEY, 3, "ana")
    store.clear_alerts(7, "ana")
    store.add_telemetry("edr", [{"ts": 1.0}])
    assert store.words().revision == before
    store.ask_to_analyze("ana")
    assert store.words().revision == before + 1
    (number,) = (one.id for one in store.acknowledged().values() if (one.level, one.who) == (3, "ana"))
    assert store.forget_acknowledged(number)
    assert not store.forget_acknowledged(number)
    assert store.acknowledged() == {}
    assert store.cleared() is not None


def test_telemetry_that_was_taken_is_removed(store: OperatorStore) -> None:
    for _ in range(3):
        store.add_telemetry("edr", [{"ts": 1.0}, {"ts": 2.0}])
    assert store.waiting_telemetry(0) == 6
    assert store.waiting_telemetry(2) == 2


def test_a_reason_is_one_line_that_shows_as_it_is(store: OperatorStore) -> None:
    store.snooze(KEY, "ana", "Bü\x00ro\n\u202egro.elpmaxe\x1b[2J" + "x" * 999, NOW + 500)
    why = store.words().said.snoozed[KEY].why
    assert why.startswith("Bü ro gro.elpmaxe [2J")
    assert len(why) == LONGEST_WHY


def test_another_programs_file_and_a_later_version_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE things (x)")
    before = other.read_bytes()
    with pytest.raises(InputError, match="no operators' file"):
        OperatorStore(other)
    with pytest.raises(InputError, match="no operators' file"):
        load(other)
    assert other.read_bytes() == before
    later = tmp_path / "later.sqlite"
    OperatorStore(later).close()
    with sqlite3.connect(later) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(InputError, match="update it"):
        OperatorStore(later)
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "missing.sqlite")


def test_a_locked_file_is_an_answer_and_a_lost_one_begins_anew(store: OperatorStore) -> None:
    store.make_token("ana", may_write=True)
    with sqlite3.connect(store.path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            store.make_token("bo", may_write=True)
        other.execute("ROLLBACK")
    store.make_token("bo", may_write=True)
    store.path.unlink()
    assert store.tokens() == []
    store.path.write_bytes(b"no database" * 1000)
    with pytest.raises((StoreError, InputError)):
        OperatorStore(store.path).tokens()


def test_nobody_else_may_read_the_hashes(store: OperatorStore) -> None:
    assert store.path.stat().st_mode & 0o007 == 0


def test_feedback_becomes_labels_that_are_read_again(store: OperatorStore, tmp_path: Path) -> None:
    named = ("10.0.0.6", "c2.example", 443, "tcp", "conn")
    store.give_feedback(KEY, KEY[1], "false", "ana", 'a, "camera"\n', "m", 0.9)
    store.give_feedback(named, "203.0.113.10", "true", "ana", "", "m", 0.9)
    store.give_feedback(("10.0.0.7", "group:x", 443, "tcp", "conn"), "203.0.113.11", "true", "ana", "", "m", 0.9)
    store.give_feedback(("10.0.0.8", "a.example", 443, "tcp", "conn"), "203.0.113.12", "true", "ana", "", "m", 0.9)
    store.give_feedback(("10.0.0.8", "b.example", 443, "tcp", "conn"), "203.0.113.12", "false", "bo", "", "m", 0.9)
    path = tmp_path / "labels.csv"
    with path.open("w", newline="") as stream:
        assert labels.write(store.feedback(newest=True), stream) == 3
    found = read_labels(path)
    assert {key[:2]: one.label for key, one in found.items()} == {
        KEY[:2]: "benign",
        ("10.0.0.6", "203.0.113.10"): "beacon",
        ("10.0.0.8", "203.0.113.12"): "exclude",
    }
    assert "as c2.example" in found["10.0.0.6", "203.0.113.10", 443, "tcp"].evidence


def test_a_damaged_file_that_asks_for_more_memory_than_there_is_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SQLite does of some: what atheris found takes a whole file."""

    class Damaged:
        def execute(self, statement: str) -> Any:
            if "sqlite_master" in statement:
                raise MemoryError
            return self

        def fetchone(self) -> tuple[int]:
            return (2,)

        def close(self) -> None:
            pass

    monkeypatch.setattr(words, "connected", lambda _: Damaged())
    with pytest.raises(InputError, match="damaged"):
        words.load(tmp_path / "operator.sqlite")
