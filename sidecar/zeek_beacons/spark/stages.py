"""On the driver: the stages, strung together into frames of Spark's. Nothing runs before somebody asks for rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812  as everybody calls it
from pyspark.sql.pandas.types import from_arrow_schema

from zeek_beacons.config import Config
from zeek_beacons.spark import inputs, names, pairs_of, partials, rows, shipping
from zeek_beacons.spark.judge import Model
from zeek_beacons.spark.partials import sorted_by
from zeek_beacons.spark.rows import WhatCounts
from zeek_beacons.spark.schema import KEY_NAMES, NAME, PAIR, PARTIAL, ROW, TOLD
from zeek_beacons.spark.session import is_local

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FIVE_TUPLE = ("orig_h", "orig_p", "resp_h", "resp_p", "proto")


class Executors:
    """Runs stages on executors."""

    def __init__(self, spark: SparkSession, model: Model) -> None:
        self.spark, self.model, self._archive = spark, model, None
        if not is_local(spark):
            archive = shipping.packed(model)
            self.model = archive.model
            self._archive = archive.digest, spark.sparkContext.broadcast(archive.content)

    def map(self, frame: DataFrame, module: Any, name: str, arguments: tuple[Any, ...], made: Any) -> DataFrame:
        """What a stage, the function `name` of a module with these arguments, makes of a frame: rows like `made`."""
        stage = shipping.stage(module.__name__, name, arguments, self._archive)
        return frame.mapInArrow(stage, from_arrow_schema(made))


def connections(cluster: Executors, found: inputs.Inputs, looked: WhatCounts, named: DataFrame | None) -> DataFrame:
    """Checked connections of all inputs, with the server names that `named` tells of them, by uid."""
    frames: list[DataFrame] = []
    if found.conn.files:
        lines = inputs.lines(cluster.spark, found.conn.files)
        needs_uid = named is not None
        conns = cluster.map(lines, rows, "of_lines", (found.conn.headers, looked, needs_uid), ROW)
        frames.append(conns if named is None else _named(conns, named))
    frames += [
        cluster.map(table.frame, rows, "of_table", (dict(table.found), table.name, looked), ROW)
        for table in found.tables
    ]
    return united(frames)


def names_told(cluster: Executors, found: inputs.Inputs) -> DataFrame | None:
    """What logs beside conn.log tell of names; None where there are none."""
    logs = [
        cluster.map(inputs.lines(cluster.spark, logs.files), names, "of_lines", (logs.headers, log, rank), NAME)
        for rank, (log, logs) in enumerate(found.names.items())
    ]
    return united(logs) if logs else None


def united(frames: list[DataFrame]) -> DataFrame:
    """The rows of all frames, which have the same columns."""
    every = frames[0]
    for frame in frames[1:]:
        every = every.unionByName(frame)
    return every


def nothing(spark: SparkSession, made: Any) -> DataFrame:
    """No rows of this schema."""
    return spark.createDataFrame([], from_arrow_schema(made))


def by_tuple(cluster: Executors, conns: DataFrame, arguments: tuple[Any, ...], stage: str, made: Any) -> DataFrame:
    """What a stage of partials.py makes of connections, those of a 5-tuple together, ordered by start."""
    sorted_rows = conns.repartition(*FIVE_TUPLE).sortWithinPartitions(*sorted_by())
    return cluster.map(sorted_rows, partials, stage, arguments, made)


def by_pair(cluster: Executors, partial: DataFrame, config: Config, stage: str, made: Any) -> DataFrame:
    """What a stage of pairs_of.py makes of partials, those of a pair together."""
    sorted_partials = partial.repartition(*KEY_NAMES).sortWithinPartitions(*KEY_NAMES, "first_us", "conns", TOLD)
    return cluster.map(sorted_partials, pairs_of, stage, (config,), made)


def pairs(cluster: Executors, conns: DataFrame, config: Config) -> DataFrame:
    """Pairs, merged in two stages: by 5-tuple, where rules on connections hold, then by pair."""
    return by_pair(cluster, by_tuple(cluster, conns, (config,), "of_rows", PARTIAL), config, "of_partials", PAIR)


def _named(conns: DataFrame, every: DataFrame) -> DataFrame:
    """Connections with the first name that a log tells of each, by uid."""
    first = F.min_by("name", F.struct("log", "file", "ts", "name")).alias("joined")
    by_uid = every.where(F.col(TOLD).isNull()).groupBy("uid").agg(first)
    # Connections without a uid find no name, and are spread all the same.
    spread = F.concat(F.lit("\n"), F.xxhash64(*FIVE_TUPLE, "start_us").cast("string"))
    joined = conns.withColumn("uid", F.coalesce("uid", spread)).join(by_uid, "uid", "left")
    named = joined.withColumn("name", F.coalesce("name", "joined")).select(ROW.names)
    notes = every.where(F.col(TOLD).isNotNull())
    return named.unionByName(notes.select([_nothing_but_told(field) for field in ROW]))


def _nothing_but_told(field: Any) -> Any:
    """A column for diagnostics, which hold nothing else."""
    kind = from_arrow_schema(pa.schema([field])).fields[0].dataType
    return F.col(TOLD) if field.name == TOLD else F.lit(None).cast(kind).alias(field.name)
