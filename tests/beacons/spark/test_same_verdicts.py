"""`score --engine spark` says of every pair what one machine says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ..cli.commands import run
from .same import FEW, FIELDS, alerts, assert_same, json_lines, names_log, on_one_machine, on_spark, table, tsv

pytestmark = pytest.mark.filterwarnings("ignore")  # of Spark's own sockets, and what it thinks of pandas


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


def test_ocsf_network_activity_gives_the_same_verdicts(
    spark: Any, same: tuple[Path, list[dict[str, Any]], dict[str, str]], tmp_path: Path
) -> None:
    """As Security Lake has it; events of other classes are left out. States and services are not in it."""
    _, rows, names = same
    plain = [row | {"conn_state": None, "history": None, "service": None, "ts": round(row["ts"], 3)} for row in rows]
    tsv(tmp_path / "conn.log", plain)
    names_log(tmp_path / "ssl.log", names)
    run("score", tmp_path, *FEW, "-o", tmp_path / "one")
    seconds = {"time": [round(row["ts"] * 1000) for row in plain]}
    seconds["duration"] = [None if row["duration"] is None else round(row["duration"] * 1000) for row in plain]
    events = {name: pa.array(values, pa.int64()) for name, values in seconds.items()}
    ends = {
        end: pa.array([{"ip": row[f"id.{ours}_h"], "port": row[f"id.{ours}_p"]} for row in plain])
        for end, ours in (("src_endpoint", "orig"), ("dst_endpoint", "resp"))
    }
    numbers = {"tcp": 6, "udp": 17}
    more = {
        "connection_info": pa.array(
            [{"protocol_num": numbers[row["proto"]], "direction": "Outbound"} for row in plain]
        ),
        "traffic": pa.array([{"bytes_out": row["orig_bytes"], "bytes_in": row["resp_bytes"]} for row in plain]),
        "tls": pa.array([{"sni": names.get(row["uid"])} for row in plain]),
    }
    activity = pa.table({**events, **ends, **more, "class_uid": pa.array([4001] * len(plain), pa.int32())})
    dns = activity.slice(0, 30).set_column(activity.schema.get_field_index("class_uid"), "class_uid", [[4003] * 30])
    pq.write_table(pa.concat_tables([activity, dns.cast(activity.schema)]), tmp_path / "ocsf.parquet")
    ran = run("score", tmp_path / "ocsf.parquet", "--engine", "spark", *FEW, "-o", tmp_path / "spark")
    assert ran.returncode == 0, ran.stderr
    assert_same(on_spark(tmp_path / "spark"), on_one_machine(tmp_path / "one"))
    summary = json.loads((tmp_path / "spark" / "run_summary.json").read_text())
    assert summary["ingest"]["left_out"]["OCSF of another class than 4001, network activity"] == 30
