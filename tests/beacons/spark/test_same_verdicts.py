"""`score --engine spark` says of every pair what one machine says. Needs PySpark and Java; says so where they lack.

One session of two threads for all tests, which listens on loopback alone and leaves nothing behind.
"""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet
import pytest

from ..cli.commands import run

pytestmark = pytest.mark.filterwarnings("ignore")  # of Spark's own sockets, and what it thinks of pandas

FIELDS = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration"]
FIELDS += ["orig_bytes", "resp_bytes", "conn_state", "history"]
KEY = ("orig_h", "resp", "resp_p", "proto", "channel")
BEGIN = 1_767_225_600.0
# Digits that depend on how many rows a forest scores together.
UNSURE = {"score_forest": 2e-6, "hybrid_score": 2e-6}
FEW = ("--max-observations", "64")  # so that pairs hold fewer than they have


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql", reason="no PySpark here: pip install 'zeek-beacons[spark]'")
    if shutil.which("java") is None:
        pytest.skip("no Java here, which Spark runs on")
    from zeek_beacons.spark.session import session

    settings = ("spark.driver.memory=512m", "spark.sql.shuffle.partitions=2")
    with session("local[2]", settings) as opened:
        assert sql.SparkSession.getActiveSession() is not None
        yield opened


def connections() -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows of a conn.log as mappings, and names by uid: 40 % of all are one client's at one resolver."""
    rng = np.random.default_rng(7)
    rows: list[dict[str, Any]] = []
    names: dict[str, str] = {}

    def add(ts: float, orig: str, resp: str, port: int, name: str = "", **more: Any) -> None:
        uid = f"C{len(rows)}"
        row = dict(zip(FIELDS, (round(ts, 6), uid, orig, 40_000 + len(rows) % 20_000, resp, port), strict=False))
        row |= {"proto": "tcp", "service": "ssl", "duration": 0.25, "orig_bytes": 300, "resp_bytes": 500}
        rows.append(row | {"conn_state": "SF", "history": "ShADadFf"} | more)
        if name:
            names[uid] = name

    for n in range(1600):
        query = {"proto": "udp", "service": "dns", "history": "Dd"}
        add(BEGIN + n * 20 + rng.random() * 19, "10.0.0.53", "192.0.2.53", 53, **query)
    for n in range(300):
        add(BEGIN + n * 60 + rng.random() * 5, "10.0.0.5", "203.0.113.9", 443, "beacon.example")
        add(BEGIN + n * 60 + rng.random() * 3, "10.0.0.6", f"203.0.113.{20 + int(rng.integers(3))}", 8443)
    for _ in range(1500):
        host, server = int(rng.integers(8)), int(rng.integers(15))
        name = f"s{server % 6}.example" if rng.random() < 0.7 else ""
        sizes = {"orig_bytes": int(rng.integers(100, 9000)), "resp_bytes": int(rng.integers(100, 90_000))}
        add(BEGIN + rng.random() * 30_000, f"10.0.1.{host}", f"198.51.100.{server}", 443, name, **sizes)
    for n in range(40):  # sessions that Zeek's timeout has split
        at = BEGIN + n * 700
        port: dict[str, Any] = {"id.orig_p": 50_000 + n}
        add(at, "10.0.0.7", "203.0.113.77", 22, service="ssh", conn_state="S1", history="ShAD", **port)
        add(at + 400, "10.0.0.7", "203.0.113.77", 22, service=None, conn_state="OTH", history="DadA", **port)
    for n in range(30):  # what is not known
        add(BEGIN + n * 100, "10.0.0.8", "2001:db8::5", 80, duration=None, orig_bytes=None, resp_bytes=None)
    return [rows[at] for at in rng.permutation(len(rows))] + rows[:50], names


def tsv(path: Path, rows: list[dict[str, Any]], log: str = "conn", fields: list[str] = FIELDS) -> None:
    header = f"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{log}\n"
    lines = ["\t".join("-" if row[name] is None else str(row[name]) for name in fields) for row in rows]
    text = header + "#fields\t" + "\t".join(fields) + "\n" + "\n".join(lines) + "\n#close\t2026-01-01-00-00-00\n"
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def json_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    data = "".join(json.dumps({key: value for key, value in row.items() if value is not None}) + "\n" for row in rows)
    path.write_bytes(gzip.compress(data.encode()) if path.suffix == ".gz" else data.encode())


def table(path: Path, rows: list[dict[str, Any]], names: dict[str, str]) -> None:
    columns: dict[str, Any] = {name: pa.array([row[name] for row in rows]) for name in FIELDS}
    columns["server_name"] = pa.array([names.get(row["uid"]) for row in rows], pa.string())
    parquet.write_table(pa.table(columns), path)


def names_log(path: Path, names: dict[str, str]) -> None:
    rows = [{"ts": BEGIN, "uid": uid, "server_name": name} for uid, name in names.items()]
    tsv(path, rows, "ssl", ["ts", "uid", "server_name"])


def by_pair(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    keyed = {tuple(row[name] for name in KEY): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def on_spark(folder: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    return by_pair(parquet.read_table(folder / "scored").drop_columns(["day"]).to_pylist())


def on_one_machine(folder: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    read = arrow_csv.read_csv(
        folder / "scored_pairs.csv", convert_options=arrow_csv.ConvertOptions(timestamp_parsers=["no times"])
    )
    return by_pair(read.drop_columns(["incident"]).to_pylist())


def alerts(folder: Path) -> list[dict[str, str]]:
    """The alerts in words, but for how to look on in the logs that were read."""
    with (folder / "alerts.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    unsure = {"command", "uids", *UNSURE}
    return [{name: text for name, text in row.items() if name not in unsure} for row in rows]


def assert_same(spark: dict[tuple[Any, ...], dict[str, Any]], one: dict[tuple[Any, ...], dict[str, Any]]) -> None:
    assert spark.keys() == one.keys()
    for key, said in one.items():
        assert spark[key].keys() == said.keys()
        for column, value in said.items():
            other = spark[key][column]
            if value in ("", None):
                assert other in ("", None), (key, column, other)
            elif isinstance(value, float) or isinstance(other, float):
                assert float(other) == pytest.approx(float(value), abs=UNSURE.get(column, 1e-9)), (key, column)
            else:
                assert str(other) == str(value), (key, column)


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], dict[str, str]]:
    """The reports of one machine on all connections in one file, and what they are."""
    folder = tmp_path_factory.mktemp("one")
    rows, names = connections()
    tsv(folder / "conn.log", rows)
    names_log(folder / "ssl.log", names)
    run("score", folder, *FEW, "-o", folder / "report")
    return folder, rows, names


@pytest.mark.parametrize("partitions", [2, 3])
def test_files_of_all_kinds_give_the_same_verdicts(
    spark: Any, same: tuple[Path, list[dict[str, Any]], dict[str, str]], tmp_path: Path, partitions: int
) -> None:
    """TSV, JSON, gz and Parquet together; cut into other partitions they come to the same."""
    one, rows, names = same
    logs = tmp_path / "logs"
    logs.mkdir()
    tsv(logs / "conn.00:00:00-01:00:00.log", rows[0::5])
    tsv(logs / "conn.01:00:00-02:00:00.log.gz", rows[1::5])
    json_lines(logs / "conn.2026-01-01.log", rows[2::5])
    json_lines(logs / "conn_20260102.log.gz", [*rows[3::5], {"ts": "never"}])
    table(tmp_path / "conn.parquet", rows[4::5], names)
    names_log(logs / "ssl.log", names)
    spark.conf.set("spark.sql.shuffle.partitions", partitions)
    out = tmp_path / "report"
    ran = run("score", logs, tmp_path / "conn.parquet", "--engine", "spark", *FEW, "-o", out)
    assert ran.returncode == 0, ran.stderr
    assert_same(on_spark(out), on_one_machine(one / "report"))
    assert alerts(out) == alerts(one / "report")
    assert len(alerts(out)) > 2
    summaries = [json.loads((at / "run_summary.json").read_text()) for at in (out, one / "report")]
    for counted in ("pairs", "pairs_scored", "groups", "groups_that_alert", "alerts", "near_misses", "verdicts"):
        assert summaries[0][counted] == summaries[1][counted], counted
    spark_read, one_read = (summary["ingest"] for summary in summaries)
    assert spark_read["rows"] == one_read["rows"] + 1
    assert spark_read["duplicates"] == one_read["duplicates"] == 50
    assert spark_read["merged_pieces"] == one_read["merged_pieces"] == 40
    assert sum(one["rows"] for one in spark_read["skipped"].values()) == 1
    assert "certificates, web clients" in ran.stdout


def test_a_folder_by_its_url_and_a_table_of_the_catalogue(
    spark: Any, same: tuple[Path, list[dict[str, Any]], dict[str, str]], tmp_path: Path
) -> None:
    """As on a file system of which this machine knows nothing; columns inside columns, and times as times."""
    one, rows, names = same
    folder = tmp_path / "2026" / "01"
    folder.mkdir(parents=True)
    tsv(folder / "conn.log", rows[0::2])
    names_log(folder / "ssl.log", names)
    table(tmp_path / "flat.parquet", rows[1::2], names)
    flat = spark.read.parquet(f"file://{tmp_path}/flat.parquet")
    nested = flat.selectExpr(
        "timestamp_micros(cast(round(ts * 1e6) as bigint)) as ts",
        "struct(`id.orig_h` as orig_h, `id.orig_p` as orig_p, `id.resp_h` as resp_h, `id.resp_p` as resp_p) as id",
        *FIELDS[6:],
        "server_name",
    )
    nested.createOrReplaceTempView("conn")
    out = tmp_path / "report"
    given = (f"file://{tmp_path}/2026", "table:conn")
    ran = run("score", *given, "--engine", "spark", *FEW, "--scored-to", f"file://{out}")
    assert ran.returncode == 0, ran.stderr
    assert_same(on_spark(out), on_one_machine(one / "report"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["no/such/folder"], "no such file"),
        (["-"], "standard input"),
        (["table:nobody.has_it"], "cannot be read by Spark"),
    ],
)
def test_what_cannot_be_read_is_refused(spark: Any, tmp_path: Path, given: list[str], problem: str) -> None:
    refused = run("score", *given, "--engine", "spark", "-o", tmp_path / "out")
    assert refused.returncode == 2
    assert problem in refused.stderr


def test_other_logs_are_refused(spark: Any, tmp_path: Path) -> None:
    flows = tmp_path / "flows.csv"
    flows.write_text("ts,src_ip,dst_ip,dst_port,proto\n1767225600,10.0.0.1,192.0.2.1,443,tcp\n")
    refused = run("score", flows, "--engine", "spark", "-o", tmp_path / "out")
    assert refused.returncode == 2
    assert "reads Zeek's conn.log and Parquet tables" in refused.stderr


def test_a_capture_gives_the_same_verdicts(spark: Any, captures: Path, tmp_path: Path) -> None:
    for name in ("apt29_day2", "ctu_win7ad_2023-02-26", "home_lab_2020"):
        folder = tmp_path / name
        folder.mkdir()
        if not (captures / "dev" / name / "conn.log").is_file():
            pytest.skip(f"no capture {name}")
        shutil.copy(captures / "dev" / name / "conn.log", folder)
        run("score", folder, "-o", folder / "one")
        run("score", folder / "conn.log", "--engine", "spark", "-o", folder / "spark")
        assert_same(on_spark(folder / "spark"), on_one_machine(folder / "one"))
