"""Exchanges inside connections: from the beacon_candidates.log beside conn.log, which tells of nothing else there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.keys import Key
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.ingest import Ingest

from .logs import CANDIDATE, T0, candidate, conns, json_log, tsv

COLUMNS = [*CANDIDATE, "channel"]
CONN_PAIR: Key = ("10.0.0.5", "203.0.113.9", 443, "tcp", "conn")
POLL_PAIR: Key = ("10.0.0.5", "203.0.113.9", 443, "tcp", "poll")


def candidates(poll: Any = "poll", **given: Any) -> list[dict[str, Any]]:
    """A connection's pair as a candidate, twice that of the exchanges inside it, and one of another channel."""
    times = [60.0 * number for number in range(9)]
    return [
        candidate(times[:6], channel="conn"),
        candidate(times[:6], channel=poll, durations=[-1.0] * 6, **given),
        candidate(times, channel=poll, durations=[-1.0] * 9, **given),
        candidate(times, channel="http", resp="poll.example"),
    ]


def both(folder: Path, lines: bytes, name: str = "beacon_candidates.log", **more: Any) -> tuple[Pairs, Ingest]:
    """What a folder with conn.log and this log of candidates tells."""
    folder.mkdir(exist_ok=True)
    (folder / "conn.log").write_bytes(tsv(conns([0.0, 1.0], duration=900.0)))
    (folder / name).write_bytes(lines)
    return read(Request([str(folder)], **more), Config())


@pytest.mark.parametrize("name", ["beacon_candidates.log", "beacon_candidates.2026-01-01-00-00-00.log"])
def test_candidates_beside_conn_log_tell_of_exchanges_alone(name: str, tmp_path: Path) -> None:
    for number, lines in enumerate((tsv(candidates(), COLUMNS, "beacon_candidates"), json_log(candidates()))):
        pairs, ingest = both(tmp_path / str(number), lines, name)
        assert pairs.keys() == [CONN_PAIR, POLL_PAIR]
        assert pairs.conns.tolist() == [2, 9]
        assert (ingest.rows, ingest.notes) == (2, [])
        assert ingest.files[str(tmp_path / str(number) / name)] == "candidates"


def test_candidates_without_exchanges_add_nothing(tmp_path: Path) -> None:
    pairs, ingest = both(tmp_path, json_log(candidates(poll="conn")))
    assert pairs.keys() == [CONN_PAIR]
    assert list(ingest.files) == [str(tmp_path / "conn.log")]


def test_a_time_range_holds_for_exchanges(tmp_path: Path) -> None:
    pairs, _ = both(tmp_path, json_log(candidates()), begin=T0 + 60.0, until=T0 + 300.0)
    assert dict(zip(pairs.channel, pairs.conns.tolist(), strict=True)) == {"poll": 4}


def test_bad_candidates_are_told_of_and_stop_nothing(tmp_path: Path) -> None:
    bad = b'{"channel":"poll","starts":"x"}\n{"channel":"poll"\n{"channel":"conn"\n' + b'["poll"]\n'
    pairs, ingest = both(tmp_path, json_log(candidates()) + bad)
    assert pairs.keys() == [CONN_PAIR, POLL_PAIR]
    assert ingest.rows == 2
    told = "\n".join(ingest.notes)
    assert "channel poll: left out 1: not a candidate: field id.orig_h is missing, first at" in told
    assert "channel poll: left out 2: not a candidate: a value of the wrong kind, first at" in told
    with pytest.raises(InputError, match=r"beacon_candidates\.log:5"):
        both(tmp_path, json_log(candidates()) + bad, strict=True)


def test_a_damaged_log_of_candidates_takes_away_exchanges_only(tmp_path: Path) -> None:
    lines = tsv(candidates(), COLUMNS, "beacon_candidates").replace(b"starts", b"begins", 1)
    pairs, ingest = both(tmp_path, lines)
    assert pairs.keys() == [CONN_PAIR]
    (note,) = ingest.notes
    assert "column starts missing" in note
    assert "nothing of this log is used" in note


def test_a_stream_of_all_logs_tells_of_exchanges(tmp_path: Path) -> None:
    stream = [{"_path": "conn"} | row for row in conns([0.0, 1.0])]
    stream += [{"_path": "beacon_candidates"} | row for row in candidates()]
    (tmp_path / "all.json").write_text("".join(json.dumps(row) + "\n" for row in stream))
    pairs, ingest = read(Request([str(tmp_path / "all.json")]), Config())
    assert pairs.keys() == [CONN_PAIR, POLL_PAIR]
    assert ingest.files == {str(tmp_path / "all.json"): "conn"}
