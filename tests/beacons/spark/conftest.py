"""Spark for the tests of `score --engine spark`. Needs PySpark and Java; says so where they lack."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..cli.commands import run
from .cluster import Cluster
from .same import FEW, connections, names_log, tsv

# Set where a run without Spark must not pass for one with it.
NEEDS_SPARK = "ZEEK_BEACONS_NEEDS_SPARK"


@pytest.fixture(scope="session")
def has_spark() -> None:
    """PySpark and Java; the test is skipped, and says so, where one is absent."""
    lacks = ""
    if importlib.util.find_spec("pyspark") is None:
        lacks = "no PySpark here: pip install 'zeek-beacons[spark]'"
    elif shutil.which("java") is None:
        lacks = "no Java here, which Spark runs on"
    if lacks and os.environ.get(NEEDS_SPARK):
        pytest.fail(f"{lacks}, and {NEEDS_SPARK} is set")
    if lacks:
        pytest.skip(lacks)


@pytest.fixture(scope="package")
def spark(has_spark: None) -> Iterator[Any]:
    """One session of two threads, which listens on loopback alone and leaves nothing behind."""
    from pyspark.sql import SparkSession

    from zeek_beacons.spark.session import session

    settings = ("spark.driver.memory=512m", "spark.sql.shuffle.partitions=2")
    with session("local[2]", settings) as opened:
        assert SparkSession.getActiveSession() is not None
        yield opened


@pytest.fixture(scope="package")
def cluster(has_spark: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers of their own, whose Python does not have this package."""
    with Cluster.started(tmp_path_factory.mktemp("cluster"), sys.executable) as started:
        yield started


@pytest.fixture(scope="package")
def same(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], dict[str, str]]:
    """The reports of one machine on all connections in one file, and what they are."""
    folder = tmp_path_factory.mktemp("one")
    rows, names = connections()
    tsv(folder / "conn.log", rows)
    names_log(folder / "ssl.log", names)
    run("score", folder, *FEW, "-o", folder / "report")
    return folder, rows, names
