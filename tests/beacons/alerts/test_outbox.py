"""The queue on disk: nothing lost, nothing twice, bounded, and every loss counted."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from zeek_beacons.alerts import outbox as module
from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.formats import FORMATS
from zeek_beacons.alerts.outbox import DAY, KEPT_DAYS, LEASE, MOST_DAYS, Outbox, Raised
from zeek_beacons.errors import ConfigError

from .made import alert

NOW = 1_800_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "alerts.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    opened = Outbox.open(path)
    yield opened
    opened.close()


def test_each_sink_gets_each_alert_once(outbox: Outbox) -> None:
    outbox.add([alert(1), alert(2)], ["a", "b"], {}, NOW)
    outbox.add([alert(1)], ["a", "b", "c"], {}, NOW)
    assert outbox.waiting() == {"a": 2, "b": 2, "c": 1}
    taken = [outbox.take("a", NOW) for _ in range(3)]
    assert [one and one.alert for one in taken] == [alert(1), alert(2), None]
    outbox.done("a", alert(1).id, NOW)
    outbox.add([alert(1)], ["a"], {}, NOW)
    assert outbox.take("a", NOW) is None


def test_what_a_killed_process_had_taken_is_taken_again(outbox: Outbox, path: Path) -> None:
    outbox.add([alert()], ["a"], {}, NOW)
    assert outbox.take("a", NOW) is not None
    other = Outbox.open(path)
    other.hurry(["a"], NOW)
    assert other.take("a", NOW + LEASE - 1) is None
    again = other.take("a", NOW + LEASE)
    other.close()
    assert again is not None
    assert (again.alert, again.attempts) == (alert(), 1)


def test_what_failed_waits_until_it_is_due_or_a_new_run_hurries_it(outbox: Outbox) -> None:
    outbox.add([alert()], ["a"], {}, NOW)
    outbox.take("a", NOW)
    outbox.postpone("a", alert().id, NOW + 60)
    assert outbox.take("a", NOW + 59) is None
    outbox.hurry(["a"], NOW + 1)
    assert outbox.take("a", NOW + 1) is not None


def test_the_queue_is_bounded_and_says_what_it_gave_up(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    outbox.add([alert(number) for number in range(5)], ["a", "b"], {}, NOW)
    first = outbox.take("a", NOW)
    assert first is not None
    assert first.alert == alert(2)
    assert outbox.losses() == {"a": {"the queue was full": 2}, "b": {"the queue was full": 2}}


def test_what_nobody_took_for_days_is_given_up_and_counted(outbox: Outbox) -> None:
    outbox.add([alert()], ["a"], {}, NOW)
    outbox.prune(NOW + MOST_DAYS * DAY)
    assert outbox.waiting() == {"a": 1}
    outbox.prune(NOW + MOST_DAYS * DAY + 1)
    assert (outbox.waiting(), outbox.losses()) == ({}, {"a": {"waited for 7 days": 1}})


def test_what_is_done_is_forgotten_in_time(outbox: Outbox, path: Path) -> None:
    outbox.add([alert()], ["a"], {}, NOW)
    outbox.done("a", alert().id, NOW)
    for days, left in ((KEPT_DAYS - 1, 1), (KEPT_DAYS + 1, 0)):
        outbox.prune(NOW + days * DAY)
        with sqlite3.connect(path) as db:
            assert db.execute("SELECT count(*) FROM alerts").fetchone() == (left,)
        db.close()


def test_an_alert_that_cannot_be_read_holds_up_no_other(outbox: Outbox, path: Path) -> None:
    outbox.add([alert(1), alert(2)], ["a"], {}, NOW)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alerts SET body = '{}' WHERE id = ?", (alert(1).id,))
    db.close()
    taken = outbox.take("a", NOW)
    assert taken is not None
    assert taken.alert == alert(2)
    assert outbox.losses() == {"a": {"not readable any more": 1}}


def test_what_was_raised_is_kept(outbox: Outbox, path: Path) -> None:
    raised = {"one": Raised(3, NOW, False, alert(1)), "other": Raised(1, NOW - 1, True, alert(2))}
    outbox.add([], ["a"], raised, NOW)
    again = Outbox.open(path)
    assert again.raised() == raised
    assert list(again.raised()) == ["other", "one"]
    again.close()


def test_a_process_that_leaves_takes_nothing_from_those_that_stay(outbox: Outbox, path: Path) -> None:
    """The last connection of all deletes SQLite's log; the locks that show who is there are easily dropped."""
    look = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT model FROM models').fetchone())"

    def seen_elsewhere() -> str:
        command = [sys.executable, "-c", look, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    second = Outbox.open(path)
    outbox.note_model("first")
    assert seen_elsewhere() == "first"
    outbox.note_model("later")
    assert seen_elsewhere() == "later"
    second.close()


def test_only_its_owner_reads_the_queue(outbox: Outbox, path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0


def test_other_files_are_refused(tmp_path: Path) -> None:
    other, later = tmp_path / "other.db", tmp_path / "later.db"
    for path, statement in ((other, "CREATE TABLE theirs (a)"), (later, "PRAGMA user_version = 99")):
        with sqlite3.connect(path) as db:
            db.execute(statement)
        db.close()
    with pytest.raises(ConfigError, match="a database of another program"):
        Outbox.open(other)
    with pytest.raises(ConfigError, match="alert queue of version 99, this program knows 1"):
        Outbox.open(later)


def test_a_damaged_index_is_an_error_and_no_endless_look(outbox: Outbox, path: Path) -> None:
    outbox.add([alert()], ["a"], {}, NOW)
    outbox.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE alerts SET body = 'none'")
        db.commit()
        db.execute("PRAGMA journal_mode = DELETE")
    data = path.read_bytes()
    at = data.index(f"a{alert().id}".encode()) + 1  # the id in the index, which the row has otherwise
    path.write_bytes(data[:at] + b"?" + data[at + 1 :])
    opened = Outbox.open(path)
    with pytest.raises(sqlite3.DatabaseError, match="damaged"):
        opened.take("a", NOW)
    opened.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("level", level) for level in (0, 5, 2.5, "3", True, 10**30)),
        *(("event", "gone"), ("kind", "other"), ("severity", ""), ("time", 1e300), ("time", "soon"), ("score", [])),
        *(("first_seen", "yesterday"), ("attack", "T1071"), ("uids", [1])),
    ],
)
def test_what_no_format_could_tell_is_no_alert(field: str, value: object) -> None:
    told = json.loads(alert().to_json())
    assert Alert.from_json(json.dumps(told)) == alert()
    with pytest.raises(ValueError, match=r"no alert|year|isoformat|out of range"):
        Alert.from_json(json.dumps(told | {field: value}))


def test_an_alert_of_another_version_is_told_with_techniques_that_are_unknown_here() -> None:
    told = json.loads(alert().to_json()) | {"attack": ["T9999.001", "T1071"], "later": 1}
    found = Alert.from_json(json.dumps(told))
    assert all("T9999" in form.text(found) for form in FORMATS.values())


def test_nested_too_deeply_is_no_alert() -> None:
    with pytest.raises(ValueError, match="no alert"):
        Alert.from_json("[" * 100_000)
