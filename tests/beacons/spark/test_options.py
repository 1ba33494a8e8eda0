"""What `--engine spark` asks for and refuses before Spark is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..cli.commands import run


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["--engine", "flink"], "--engine is 'flink', expected one of local, spark"),
        (["--master", "local[2]"], "--master is for --engine spark"),
        (["--scored-to", "hdfs:///x"], "--scored-to is for --engine spark"),
        (["--engine", "spark", "--features"], "--features is not known to --engine spark"),
        (["--engine", "spark", "--format", "flows"], "--format is not known to --engine spark"),
        (["--engine", "spark", "--alerts-per-host-day", "0.1"], "--alerts-per-host-day is not known to --engine spark"),
        (["--engine", "spark"], "--engine spark needs -o FOLDER or --scored-to URL"),
        (["--engine", "spark", "-o", "out", "--spark-conf", "a=b"], "--spark-conf is 'a=b', expected spark.KEY=VALUE"),
    ],
)
def test_options_that_do_not_fit_are_refused(given: list[str], problem: str, tmp_path: Path) -> None:
    refused = run("score", tmp_path / "conn.log", *given)
    assert refused.returncode == 2
    assert problem in refused.stderr
