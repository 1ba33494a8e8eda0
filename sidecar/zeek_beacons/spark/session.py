"""The Spark session: the one that runs already, or one of our own."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zeek_beacons.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# On this machine alone: nothing listens beyond it, and files may have a colon in their name, as zeekctl's have.
_LOCAL = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
}
_OURS = {
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "4096",  # pairs hold hundreds of observations each
    "spark.sql.session.timeZone": "UTC",
    # Pairs come in the same order each time, whoever computes them again.
    "spark.sql.execution.sortBeforeRepartition": "true",
}


@contextmanager
def session(master: str | None, settings: Sequence[str]) -> Iterator[SparkSession]:
    """A session; one that was running before goes on after. `settings`: texts KEY=VALUE. Raises ConfigError."""
    given = dict(_setting(text) for text in settings)
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigError(
            "--engine spark needs PySpark 4: pip install 'zeek-beacons[spark]' (and Java 17 or newer)"
        ) from error
    running = SparkSession.getActiveSession()
    if running is not None:
        yield running
        return
    spark = _opened(master, given)
    try:
        yield spark
    finally:
        spark.stop()


def is_local(spark: SparkSession) -> bool:
    """Whether executors are threads of this machine, which have what it has."""
    return _is_local(spark.sparkContext.master)


def _opened(master: str | None, given: dict[str, str]) -> SparkSession:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder.appName("zeek-beacons score")
    if master is not None:
        builder = builder.master(master)
    local = {}
    if master is not None and _is_local(master):
        local = _LOCAL
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    for key, value in (_OURS | local | given).items():
        builder = builder.config(key, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spark: SparkSession = builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise ConfigError(
            f"no Spark session: {str(error).strip().splitlines()[0]} (Java 17 or newer needed)"
        ) from error
    return spark


def _is_local(master: str) -> bool:
    return master == "local" or master.startswith("local[")


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.startswith("spark."):
        raise ConfigError(f"--spark-conf is {text!r}, expected spark.KEY=VALUE")
    return key, value
