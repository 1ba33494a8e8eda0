"""Which files the user means: in a folder by name and by what a log says of itself."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from zeek_beacons.errors import InputError
from zeek_beacons.readers.inputs import beside, expand

from .logs import CANDIDATE, candidate, conn, conns, json_log, load, take, tsv

ROTATED = (
    "conn.log",
    "conn.2026-01-01-00-00-00.log.gz",
    "conn.00:00:00-01:00:00.log.gz",
    "conn_20260101_00:00:00-01:00:00-0500.log",
    "conn.json",
    "conn.log.labeled",
    "2026-01-01/conn.00:00:00-01:00:00.log.zst",
)
OTHERS = ("conn-summary.log", "conn_long.log", "dns.log", "ssl.log", "known_conns.log", "conn.txt", "flows.csv")


def touch(folder: Path, *names: str, data: bytes = b"") -> None:
    pack = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(pack.get((folder / name).suffix, bytes)(data))


@pytest.mark.parametrize("data", [tsv(conns([0.0])), json_log(conns([0.0])), b""], ids=["tsv", "json", "empty"])
def test_a_folder_means_its_conn_logs(data: bytes, tmp_path: Path) -> None:
    touch(tmp_path, *ROTATED, *OTHERS, data=data)
    found = expand([str(tmp_path)])
    assert found.files == sorted(str(tmp_path / name) for name in ROTATED)
    assert not found.notes


def test_a_folder_without_conn_logs_means_candidates_then_csv(tmp_path: Path) -> None:
    touch(tmp_path, "b/flows.csv", "a.csv.gz", "dns.log")
    assert expand([str(tmp_path)]).files == [str(tmp_path / "a.csv.gz"), str(tmp_path / "b/flows.csv")]
    log = tsv([candidate([0.0])], CANDIDATE, "beacon_candidates")
    touch(tmp_path, "beacon_candidates.2026-01-01.log", data=log)
    assert expand([str(tmp_path)]).files == [str(tmp_path / "beacon_candidates.2026-01-01.log")]


OTHER_LOGS = {
    "conn.summary.log": tsv(conns([7.0, 67.0]), log="conn_summary"),
    "conn.long.log": json_log([row | {"_path": "conn_long"} for row in conns([8.0, 68.0])]),
    "conn.agent.log.gz": tsv([{"ts": 1.0, "uid": "C1"}], ("ts", "uid"), "agent"),
    "conn.notes.log": b">== Total === 2026-01-01 - 2026-01-02\n   - Connections 9\n",
    "conn.tls.json": json_log([{"ts": 1.0, "uid": "C1", "server_name": "a.example"}]),
}


@pytest.mark.parametrize("name", OTHER_LOGS)
def test_a_log_that_says_it_is_another_is_left_out_of_a_folder_and_told(name: str, tmp_path: Path) -> None:
    touch(tmp_path, "conn.2026-01-01-00-00-00.log.gz", data=tsv(conns([0.0, 60.0])))
    touch(tmp_path, name, data=OTHER_LOGS[name])
    pairs, ingest = take([tmp_path])
    assert pairs.conns.tolist() == [2]
    assert ingest.files == {str(tmp_path / "conn.2026-01-01-00-00-00.log.gz"): "conn"}
    assert ingest.notes == [f"left out by content, no conn log: 1 file ({tmp_path / name})"]


def test_many_files_left_out_are_one_note(tmp_path: Path) -> None:
    touch(tmp_path, "conn.log", data=tsv(conns([0.0])))
    touch(tmp_path, *(f"conn.long.{hour}.log" for hour in range(9)), data=tsv(conns([0.0]), log="conn_long"))
    (note,) = expand([str(tmp_path)]).notes
    assert note.startswith("left out by content, no conn log: 9 files (")
    assert (note.count(".log"), note[-4:]) == (3, ", …)")


def test_a_folder_of_nothing_but_other_logs_is_refused_with_the_reason(tmp_path: Path) -> None:
    touch(tmp_path, "conn.long.log", data=tsv(conns([0.0]), log="conn_long"))
    with pytest.raises(InputError, match=r"no conn, beacon_candidates or CSV log .*no conn log: 1 file .*conn\.long"):
        expand([str(tmp_path)])


def test_a_log_named_by_the_user_is_read_whatever_conn_log_it_is(tmp_path: Path) -> None:
    for data in (OTHER_LOGS["conn.summary.log"], OTHER_LOGS["conn.long.log"]):
        assert load(tmp_path, data, "given.log")[0].conns.tolist() == [2]


def test_rows_of_another_conn_log_in_a_stream_are_left_out(tmp_path: Path) -> None:
    rows = [conn(0.0, _path="conn"), conn(60.0, _path="conn_long"), conn(120.0), conn(180.0, _path="dns")]
    pairs, ingest = load(tmp_path, json_log(rows), "stream.json")
    assert pairs.conns.tolist() == [2]
    assert ingest.outside == {"row of another log": 2}


def test_names_beside_are_those_of_ssl_and_http_logs_by_content(tmp_path: Path) -> None:
    columns = ("ts", "uid", "server_name")
    touch(tmp_path, "conn.log", data=tsv(conns([0.0, 60.0])))
    named = [{"ts": 1.0, "uid": "C0.0", "server_name": "a.example"}]
    touch(tmp_path, "ssl.00:00:00-01:00:00.log.gz", data=tsv(named, columns, "ssl"))
    touch(tmp_path, "ssl.json", data=json_log([{"ts": 1.0, "uid": "C7"}]))
    touch(tmp_path, "http.log")
    others = [{"ts": 1.0, "uid": "C60.0", "server_name": "b.example"}]
    touch(tmp_path, "ssl.notes.log", data=tsv(others, columns, "ssl_notes"))
    touch(tmp_path, "http.old.log", data=tsv(others, columns, "ssl"))
    pairs, ingest = take([tmp_path])
    assert pairs.resp.tolist() == ["203.0.113.9", "a.example"]
    assert [note.split(":")[0] for note in ingest.notes] == [
        "left out by content, no http log",
        "left out by content, no ssl log",
    ]
    files = [str(tmp_path / name) for name in ("http.log", "ssl.00:00:00-01:00:00.log.gz", "ssl.json")]
    assert beside([str(tmp_path / "conn.log")]).files == files


def test_globs_and_repeats(tmp_path: Path) -> None:
    touch(tmp_path, "conn.1.log", "conn.2.log", "x/conn.3.log")
    one, two, three = (str(tmp_path / name) for name in ("conn.1.log", "conn.2.log", "x/conn.3.log"))
    assert expand([two, f"{tmp_path}/conn.*.log", two, "-", "-"]).files == [two, one, "-"]
    assert expand([f"{tmp_path}/**/*.log"]).files == [one, two, three]


@pytest.mark.parametrize("missing", ["nowhere.log", "*.nothing", "empty"])
def test_what_is_not_there_is_named(missing: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no such file, folder or pattern|in this folder") as error:
        expand([str(tmp_path / missing)])
    assert str(error.value).startswith(str(tmp_path / missing))


def test_a_glob_of_folders_only_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "conn.d").mkdir()
    with pytest.raises(InputError, match="no such file"):
        expand([f"{tmp_path}/conn.*"])
