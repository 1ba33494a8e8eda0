"""What holds for every reader: deterministic, order of rows irrelevant, block size irrelevant, every row accounted."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.readers import READERS, files, reservoir

from .logs import (
    CANDIDATE,
    CONN,
    FLOW,
    T0,
    assert_same,
    candidate,
    conns,
    csv_line,
    flow,
    flow_csv,
    json_log,
    load,
    take,
    traffic,
    tsv,
)
from .samples import Sample, samples

SAMPLES = samples()


@pytest.fixture(params=SAMPLES, name="sample")
def any_sample(request: pytest.FixtureRequest) -> Sample:
    return SAMPLES[request.param]


def small_blocks(monkeypatch: pytest.MonkeyPatch, size: int = 2000, pending: int = 50) -> None:
    """Many blocks and several settlings, as in input larger than memory."""
    monkeypatch.setattr(files, "BLOCK", size)
    monkeypatch.setattr(reservoir, "PENDING", pending)
    monkeypatch.setattr(reservoir, "LOOSE", pending)


def test_every_reader_has_a_sample() -> None:
    assert {name.split("-")[0] for name in SAMPLES} == set(READERS)


def test_all_rows_are_used(sample: Sample, tmp_path: Path) -> None:
    pairs, ingest = load(tmp_path, sample.data, sample.name)
    assert ingest.rows == ingest.rows_used == len(sample.lines)
    assert len(pairs) > 10
    assert ingest.first_us == round(pairs.start.min() * 1e6)
    assert ingest.last_us == round(pairs.start.max() * 1e6)


def test_the_same_again_is_the_same(sample: Sample, tmp_path: Path) -> None:
    assert_same(load(tmp_path, sample.data, sample.name)[0], load(tmp_path, sample.data, sample.name)[0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("keep", [8, 512])
def test_order_of_rows_and_size_of_blocks_change_nothing(
    sample: Sample, seed: int, keep: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(max_observations=keep)
    whole, _ = load(tmp_path, sample.data, sample.name, config)
    order = np.random.default_rng(seed).permutation(len(sample.lines))
    shuffled = sample.header + b"".join(sample.lines[row] for row in order)
    small_blocks(monkeypatch)
    pieces, ingest = load(tmp_path, shuffled, sample.name, config)
    assert_same(whole, pieces)
    assert ingest.rows_used == len(sample.lines)


def test_a_file_twice_counts_once(sample: Sample, tmp_path: Path) -> None:
    once, _ = load(tmp_path / "a", sample.data, sample.name)
    load(tmp_path / "b", sample.data, sample.name)
    twice, ingest = take([tmp_path / "a" / sample.name, tmp_path / "b" / sample.name])
    assert_same(once, twice)
    assert ingest.rows == 2 * len(sample.lines)
    if sample.name != "beacon_candidates.log":  # candidates of a pair overlap by design
        assert ingest.duplicates == len(sample.lines)


def test_a_file_in_two_halves_is_the_file(sample: Sample, tmp_path: Path) -> None:
    whole, _ = load(tmp_path / "w", sample.data, sample.name)
    (tmp_path / ("1" + sample.name)).write_bytes(sample.header + b"".join(sample.lines[::2]))
    (tmp_path / ("2" + sample.name)).write_bytes(sample.header + b"".join(sample.lines[1::2]))
    halves, _ = take([tmp_path / ("2" + sample.name), tmp_path / ("1" + sample.name)])
    assert_same(whole, halves)


@pytest.mark.parametrize("how", ["gz", "gz-members", "zst", "zst-frames", "bom", "crlf", "no-newline", "blank-lines"])
def test_the_wrapping_changes_nothing(how: str, sample: Sample, tmp_path: Path) -> None:
    plain, _ = load(tmp_path, sample.data, sample.name)
    data, middle, squeeze = sample.data, len(sample.data) // 2, zstandard.ZstdCompressor().compress
    wrapped = {
        "gz": lambda: gzip.compress(data),
        "gz-members": lambda: gzip.compress(data[:middle]) + gzip.compress(b"") + gzip.compress(data[middle:]),
        "zst": lambda: squeeze(data),
        "zst-frames": lambda: squeeze(data[:middle]) + squeeze(b"") + squeeze(data[middle:]),
        "bom": lambda: b"\xef\xbb\xbf" + data,
        "crlf": lambda: data.replace(b"\n", b"\r\n"),
        "no-newline": lambda: data.rstrip(b"\n"),
        "blank-lines": lambda: sample.header + b"\n\r\n".join(sample.lines) + b"\n\n",
    }[how]()
    pairs, ingest = load(tmp_path, wrapped, sample.name)
    assert_same(plain, pairs)
    assert ingest.rows == len(sample.lines)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_compressed_data_cut_short_names_the_file(pack: Any, sample: Sample, tmp_path: Path) -> None:
    packed = pack(sample.data)
    for cut in (len(packed) - 1, len(packed) // 2, 9):
        with pytest.raises(InputError, match=f"{sample.name}: compressed data is damaged or cut short"):
            load(tmp_path, packed[:cut], sample.name)


@pytest.mark.parametrize("packed", [False, True])
def test_stdin_is_read_like_a_file(
    packed: bool, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = load(tmp_path, sample.data, sample.name)
    data = gzip.compress(sample.data) if packed else sample.data
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    pairs, ingest = take(["-"])
    assert_same(plain, pairs)
    assert ingest.files.keys() == {"-"}


def test_a_header_alone_is_no_error(tmp_path: Path) -> None:
    for name, sample in SAMPLES.items():
        if sample.header:
            pairs, ingest = load(tmp_path, sample.header, sample.name)
            assert (len(pairs), ingest.rows) == (0, 0), name
            assert ingest.notes == ["the input holds no rows"]


def test_column_order_and_unknown_columns_change_nothing(tmp_path: Path) -> None:
    rows, rng = traffic(), np.random.default_rng(1)
    flows = [flow(row) for row in rows]
    lines = [candidate([0, 10, 20, 30], id__orig_h=f"10.0.0.{host}") for host in range(9)]
    more = {"tunnel_parents": None, "extra": "x", "ip_proto": 6, "orig_ip_bytes": 7}
    for columns, given, write, name in (
        (CONN, rows, tsv, "conn.log"),
        (FLOW, flows, flow_csv, "flows.csv"),
        (CANDIDATE, lines, lambda r, c: tsv(r, c, "beacon_candidates"), "beacon_candidates.log"),
    ):
        plain, _ = load(tmp_path, write(given, columns), name)
        mixed = [str(column) for column in rng.permutation([*columns, *more])]
        moved, _ = load(tmp_path, write([row | more for row in given], mixed), name)
        assert_same(plain, moved)
    plain, _ = load(tmp_path, json_log(rows))
    moved, _ = load(tmp_path, json_log([dict(reversed((row | more | {"nested": {"a": [1]}}).items())) for row in rows]))
    assert_same(plain, moved)


def test_all_roads_give_the_same_observations(tmp_path: Path) -> None:
    rows = traffic()
    by_tsv, _ = load(tmp_path, tsv(rows))
    by_json, _ = load(tmp_path, json_log(rows))
    by_csv, _ = load(tmp_path, flow_csv([flow(row) for row in rows]), "flows.csv")
    assert_same(by_tsv, by_json)
    for name in ("orig_h", "resp", "resp_p", "proto", "conns", "start", "first_ts", "offsets", "resp_hosts"):
        assert np.array_equal(getattr(by_tsv, name), getattr(by_csv, name)), name


def test_the_newest_observations_stay_and_all_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [float(at) for at in np.random.default_rng(1).permutation(200)]
    small_blocks(monkeypatch)
    pairs, _ = load(tmp_path, tsv(conns(times)), config=Config(max_observations=16))
    assert pairs.start.tolist() == [T0 + at for at in range(184, 200)]
    assert (pairs.conns[0], pairs.first_ts[0], pairs.counts[0]) == (200, T0, 16)


def test_missing_values_are_nan_and_never_zero(tmp_path: Path) -> None:
    for name in ("duration", "orig_bytes", "resp_bytes"):
        rows = conns([0.0, 60.0], **{name: None})
        for data, file in ((tsv(rows), "conn.log"), (json_log(rows), "c.json"), (flow_csv(map_flow(rows)), "f.csv")):
            pairs, _ = load(tmp_path, data, file)
            assert np.isnan(getattr(pairs, name)).all(), (name, file)
        missing = {"duration": "durations"}.get(name, name)
        pairs, _ = load(
            tmp_path, tsv([candidate([0, 60], **{missing: [-1, -1]})], CANDIDATE, "beacon_candidates"), "b.log"
        )
        assert np.isnan(getattr(pairs, name)).all()


def map_flow(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [flow(row) for row in rows]


def test_times_are_rounded_to_the_same_microsecond_on_every_road(tmp_path: Path) -> None:
    exact = [T0 + 0.1234567, T0 + 60.00000049, T0 + 120.9999996, T0 + 1e-7]
    rows = [row | {"ts": ts} for row, ts in zip(conns([0, 1, 2, 3]), exact, strict=True)]
    from_log, _ = load(tmp_path, tsv(rows))  # six digits
    from_memory, _ = load(tmp_path, json_log(rows))  # all digits of the double
    from_candidate, _ = load(tmp_path, json_log([candidate([0] * 4, starts=exact)]), "c.log")
    assert from_log.start.tolist() == from_memory.start.tolist() == from_candidate.start.tolist()
    assert from_log.start.tolist() == sorted(round(ts, 6) for ts in exact)


def test_durations_are_rounded_to_microseconds(tmp_path: Path) -> None:
    rows = conns([0.0], duration=1.00000049)
    for data, name in ((json_log(rows), "c.json"), (json_log([candidate([0], durations=[1.00000049])]), "b.log")):
        assert load(tmp_path, data, name)[0].duration.tolist() == [1.0]


@pytest.mark.parametrize("scale", [1, 1000])
def test_epoch_seconds_and_milliseconds(scale: int, tmp_path: Path) -> None:
    rows = [row | {"ts": row["ts"] * scale} for row in conns([0.0, 0.5, 60.25])]
    for data, name in ((tsv(rows), "conn.log"), (json_log(rows), "c.json"), (flow_csv(map_flow(rows)), "f.csv")):
        assert (load(tmp_path, data, name)[0].start - T0).tolist() == [0.0, 0.5, 60.25]


@pytest.mark.parametrize("zone", ["Z", "+00:00", ""])
def test_iso_times(zone: str, tmp_path: Path) -> None:
    rows = [
        row | {"ts": f"2026-01-01T00:00:{at:09.6f}{zone}"} for at, row in zip((0, 7.25), conns([0, 0]), strict=True)
    ]
    for data, name in ((json_log(rows), "c.json"), (flow_csv(map_flow(rows)), "f.csv")):
        assert (load(tmp_path, data, name)[0].start - T0).tolist() == [0.0, 7.25]
    starts = [row["ts"] for row in rows]
    pairs, _ = load(tmp_path, json_log([candidate([0, 1], starts=starts, first_ts=starts[0])]), "b.log")
    assert (pairs.start - T0).tolist() == [0.0, 7.25]


def test_relative_times_of_1970_are_legal(tmp_path: Path) -> None:
    rows = [row | {"ts": ts} for row, ts in zip(conns([0, 0, 0]), (0.0, 1.5, 90.0), strict=True)]
    for data, name in ((tsv(rows), "conn.log"), (json_log(rows), "c.json"), (flow_csv(map_flow(rows)), "f.csv")):
        assert load(tmp_path, data, name)[0].start.tolist() == [0.0, 1.5, 90.0]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("any", 4), ("from-local", 2), ("outbound", 1), ("inbound", 1), ("internal", 1)],
)
def test_directions(direction: str, expected: int, tmp_path: Path) -> None:
    ends = [("10.0.0.1", "9.9.9.9"), ("9.9.9.9", "10.0.0.1"), ("10.0.0.1", "fd00::1"), ("8.8.8.8", "1.1.1.1")]
    rows = [conns([0.0], id__orig_h=orig, id__resp_h=resp)[0] for orig, resp in ends]
    lines = [candidate([0, 1], id__orig_h=orig, id__resp_h=resp, resp=resp) for orig, resp in ends]
    config = Config(direction=direction)
    for data, name in (
        (tsv(rows), "conn.log"),
        (flow_csv(map_flow(rows)), "f.csv"),
        (json_log(lines), "beacon_candidates.log"),
    ):
        pairs, ingest = load(tmp_path, data, name, config)
        assert len(pairs) == expected, name
        assert ingest.outside == ({} if direction == "any" else {f"not {direction}": 4 - expected})


def test_where_no_network_is_local_every_direction_is_read(tmp_path: Path) -> None:
    for data, name in (
        (tsv(conns([0.0], id__orig_h="9.9.9.9")), "conn.log"),
        (json_log([candidate([0, 1])]), "beacon_candidates.log"),
    ):
        pairs, _ = load(tmp_path, data, name, Config(direction="from-local", local_nets=()))
        assert len(pairs) == 1
        assert not pairs.orig_local.any()
        assert not pairs.resp_local.any()


def test_time_range_is_half_open(tmp_path: Path) -> None:
    times = [0.0, 10.0, 20.0, 30.0]
    for data, name in (
        (tsv(conns(times)), "conn.log"),
        (flow_csv(map_flow(conns(times))), "f.csv"),
        (json_log([candidate(times)]), "beacon_candidates.log"),
    ):
        pairs, _ = load(tmp_path, data, name, begin=T0 + 10, until=T0 + 30)
        assert (pairs.start - T0).tolist() == [10.0, 20.0], name
        assert (pairs.conns[0], pairs.first_ts[0]) == (2, T0 + 10)
        pairs, ingest = load(tmp_path, data, name, begin=T0 + 31)
        assert len(pairs) == 0
        assert ingest.rows_used == 0


def test_addresses_have_one_spelling(tmp_path: Path) -> None:
    spellings = [
        ("::ffff:10.0.0.5", "2001:DB8:0::7%eth0"),
        ("10.0.0.5", "2001:db8::7"),
        ("10.0.0.5%1", "2001:db8:0:0::7"),
    ]
    rows = [conns([at, at])[at % 2] | {"id.orig_h": o, "id.resp_h": r} for at, (o, r) in enumerate(spellings)]
    for data, name in ((tsv(rows), "conn.log"), (json_log(rows), "c.json"), (flow_csv(map_flow(rows)), "f.csv")):
        pairs, _ = load(tmp_path, data, name)
        assert (pairs.orig_h.tolist(), pairs.resp.tolist(), pairs.conns.tolist()) == (
            ["10.0.0.5"],
            ["2001:db8::7"],
            [3],
        )


def test_protocols_have_one_spelling_and_others_are_left_out(tmp_path: Path) -> None:
    given = {"tcp": "TCP", "udp": "17", "icmp": "ipv6-icmp", "": "unknown_transport"}
    rows = [conns([0.0], proto=text)[0] for text in (*given.values(), "6", "1", "58", "Udp")]
    for data, name in ((tsv(rows), "conn.log"), (json_log(rows), "c.json"), (flow_csv(map_flow(rows)), "f.csv")):
        pairs, ingest = load(tmp_path, data, name)
        assert set(pairs.proto) == {"tcp", "udp", "icmp"}
        assert ingest.outside["protocol other than tcp, udp, icmp"] == 1, name


def test_prevalence_counts_hosts(tmp_path: Path) -> None:
    rows = [
        *conns([0.0], id__orig_h="10.0.0.1"),
        *conns([1.0], id__orig_h="10.0.0.2", id__resp_p=80),
        *conns([2.0], id__orig_h="10.0.0.2"),
        *conns([3.0], id__orig_h="10.0.0.3", id__resp_h="198.51.100.7"),
    ]
    pairs, _ = load(tmp_path, tsv(rows))
    by_resp = dict(zip(pairs.resp, pairs.resp_hosts, strict=True))
    assert by_resp == {"203.0.113.9": 2, "198.51.100.7": 1}
    assert pairs.site_hosts.tolist() == [3.0] * 4


def test_csv_line_matches_header() -> None:
    assert csv_line(flow(traffic(1)[0])).count(b",") == len(FLOW) - 1
