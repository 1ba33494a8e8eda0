"""The history's tables have one version, and a file of an earlier one opens as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.beacons.live.histories import BUDGET, KEY, MODEL, NOW, guarded, site_pairs
from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.incidents import identity
from zeek_beacons.live.history.store import History, Limits
from zeek_beacons.readmodel import ReadModel
from zeek_beacons.store import schema
from zeek_beacons.store.observation_codec import unpack

# What version 1 wrote: a pair, its alert, its progress, and the site's tables, which were outside the version.
VERSION_1 = Path(__file__).with_name("version_1.sql").read_text()
# Before that there were none of the site.
WITHOUT_SITE = "DROP TABLE site; DROP TABLE watched;"


def tables(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))


def make(path: Path, *scripts: str) -> None:
    db = sqlite3.connect(path)
    schema.add_functions(db)
    for script in scripts:
        db.executescript(script)
    db.close()


@pytest.mark.parametrize("more", ["", WITHOUT_SITE])
def test_a_file_of_version_1_opens_with_all_that_it_holds(path: Path, more: str) -> None:
    make(path, VERSION_1, more)
    history = History.open(path, Limits())
    assert history._db.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    (row,) = history.load([KEY]).values()
    assert len(unpack(row[-1])["start"]) == 20
    assert (len(history.unconfirmed()), history.progress()) == (1, {("zeek", "b1"): 5})
    assert history.thresholds([KEY], MODEL, BUDGET) == ({} if more else {KEY: 0.5})
    assert history.baseline(MODEL, BUDGET).scores.tolist() == ([] if more else [0.94])
    (alert,) = history.incidents(9).members
    assert (alert.incident, alert.member.key, alert.member.addr) == (identity(KEY), KEY, "203.0.113.9")
    history.store(site_pairs([0.5, 0.6]), NOW)
    assert len(history.baseline(MODEL, BUDGET).scores) == (2 if more else 3)


def test_a_file_that_came_up_through_the_versions_is_as_a_new_one(path: Path, tmp_path: Path) -> None:
    make(path, VERSION_1, WITHOUT_SITE)
    old, new = History.open(path, Limits()), History.open(tmp_path / "new.db", Limits())
    assert tables(old._db) == tables(new._db)


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_file_of_each_version_shows_what_alerted(path: Path, version: int) -> None:
    steps = "".join(schema.STEPS[1:version])
    make(path, VERSION_1, steps, f"PRAGMA user_version = {version}")
    with pytest.raises(InputError, match=f"has schema {version}"):
        ReadModel.open(path)
    History.open(path, Limits()).close()
    model = ReadModel.open(path)
    (shown,) = model.beacons().rows
    assert (shown.orig_h, shown.resp, shown.resp_p, shown.proto, shown.channel) == KEY
    assert (shown.level, shown.label, shown.service) == (4, "beacon", "ssl")
    assert shown.since == shown.judged is not None
    found = model.beacon(shown.id)
    assert found is not None
    assert len(found.observations.start) == shown.evidence == 20
    assert [change.level for change in found.changes] == [4]
    assert found.reasons == ()
    assert [one.id for one in model.incidents().rows] == [identity(KEY)]


def test_an_alert_that_cannot_be_read_is_left_out(path: Path) -> None:
    make(path, VERSION_1, "UPDATE alerts SET verdict = 'no verdict'")
    History.open(path, Limits()).close()
    assert ReadModel.open(path).pairs().total == 0


def test_a_later_schema_and_a_strange_database_are_refused(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match=f"history of schema 99, this program knows {schema.VERSION}"):
        guarded(path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 0")
        db.execute("CREATE TABLE other (x)")
    db.close()
    with pytest.raises(ConfigError, match="a database of another program"):
        guarded(path)
    assert not list(path.parent.glob("*corrupt*"))


def test_a_step_that_fails_leaves_the_version_it_came_from(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(path, VERSION_1, WITHOUT_SITE)
    monkeypatch.setattr(schema, "STEPS", (schema.STEPS[0], schema.STEPS[1] + "INSERT INTO nowhere VALUES (1);"))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        History.open(path, Limits())
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert "site" not in tables(db)
    db.close()
