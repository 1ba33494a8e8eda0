"""On the driver: the whole flow, from files to scored pairs in Parquet and the verdicts that reports are made of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import functions as F  # noqa: N812  as everybody calls it
from pyspark.sql.pandas.types import from_arrow_schema

from zeek_beacons.allow import AllowList
from zeek_beacons.errors import BeaconsError, InputError, OutputError
from zeek_beacons.pairs import GROUP, Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.pair_table import MIN_TLS
from zeek_beacons.said import Said
from zeek_beacons.scoring import Scoring
from zeek_beacons.spark import inputs, judge, names, pairs_of, partials, rows, schema, shipping
from zeek_beacons.spark.judge import DAY, JudgedBy, Model, Site
from zeek_beacons.spark.partials import sorted_by
from zeek_beacons.spark.rows import WhatCounts, whole
from zeek_beacons.spark.schema import KEY_NAMES, NAME, PAIR, PARTIAL, ROW, TOLD
from zeek_beacons.spark.session import is_local
from zeek_beacons.verdicts import LABELS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MOST_TOLD = 8_000_000  # observations of hosts that alert, which the driver takes for the reports
SCORED = "scored"  # the folder of scored pairs
_PAIR = [name for name in PAIR.names if name != TOLD]
_FIVE_TUPLE = ("orig_h", "orig_p", "resp_h", "resp_p", "proto")


@dataclass(frozen=True, slots=True)
class SparkRun:
    """What is to be scored, how, and where the scored pairs go."""

    inputs: Sequence[str]
    name_logs: Sequence[str] | None
    looked: WhatCounts
    model: Model
    allow: AllowList
    said: Said
    strict: bool
    target: str  # a folder on any file system that Spark knows


@dataclass(frozen=True, slots=True)
class SparkOutcome:
    """What came of it. `scored`: all pairs of the hosts that alert; `totals`: counted over all pairs."""

    scored: Scored
    ingest: Ingest
    totals: dict[str, Any]
    seconds: dict[str, float]


class _Cluster:
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


def run(spark: SparkSession, asked: SparkRun, scoring: Scoring) -> SparkOutcome:
    """Scores everything. `scoring`: the driver's, of the same model. Raises InputError and OutputError."""
    began = time.perf_counter()
    try:
        found = inputs.find(spark, asked.inputs, asked.name_logs, asked.looked.config.map)
        cluster = _Cluster(spark, asked.model)
        pairs = _pairs(cluster, _rows(cluster, found, asked.looked), asked.looked).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            ingest = Ingest(strict=asked.strict, files=found.files, notes=found.notes)
            schema.heard([row[TOLD] for row in pairs.where(F.col(TOLD).isNotNull()).select(TOLD).collect()], ingest)
            _refuse(ingest)
            read_at = time.perf_counter()
            known = pairs.where(F.col(TOLD).isNull()).drop(TOLD)
            judged = JudgedBy(asked.looked.config, _site(known), asked.allow, asked.said)
            counted = _counted(known, asked.looked.config.min_connections)
            _write(cluster, counted, judged, scoring, asked.target)
            verdicts = spark.read.parquet(f"{asked.target}/{SCORED}")
            totals = _totals(verdicts)
            told = _told(verdicts, counted, known, ingest)
        finally:
            pairs.unpersist()
    except PySparkException as error:
        raise _plain(error) from error
    scored = judge.scored(told, judged, scoring)
    if not ingest.rows:
        ingest.notes.append("the input holds no rows")
    seconds = {"read": read_at - began, "score": time.perf_counter() - read_at}
    return SparkOutcome(scored, ingest, totals, seconds)


def _rows(cluster: _Cluster, found: inputs.Inputs, looked: WhatCounts) -> DataFrame:
    """Checked connections of all inputs, with the server names that logs beside conn.log tell."""
    frames: list[DataFrame] = []
    if found.conn.files:
        lines = inputs.lines(cluster.spark, found.conn.files)
        needs_uid = bool(found.names)
        conns = cluster.map(lines, rows, "of_lines", (found.conn.headers, looked, needs_uid), ROW)
        frames.append(_named(cluster, conns, found) if needs_uid else conns)
    frames += [
        cluster.map(table.frame, rows, "of_table", (dict(table.found), table.name, looked), ROW)
        for table in found.tables
    ]
    every = frames[0]
    for frame in frames[1:]:
        every = every.unionByName(frame)
    return every


def _named(cluster: _Cluster, conns: DataFrame, found: inputs.Inputs) -> DataFrame:
    """Connections with the first name that a log tells of each, by uid."""
    logs = [
        cluster.map(inputs.lines(cluster.spark, logs.files), names, "of_lines", (logs.headers, log, rank), NAME)
        for rank, (log, logs) in enumerate(found.names.items())
    ]
    every = logs[0]
    for one in logs[1:]:
        every = every.unionByName(one)
    first = F.min_by("name", F.struct("log", "file", "ts", "name")).alias("joined")
    by_uid = every.where(F.col(TOLD).isNull()).groupBy("uid").agg(first)
    # Connections without a uid find no name, and are spread all the same.
    spread = F.concat(F.lit("\n"), F.xxhash64(*_FIVE_TUPLE, "start_us").cast("string"))
    joined = conns.withColumn("uid", F.coalesce("uid", spread)).join(by_uid, "uid", "left")
    named = joined.withColumn("name", F.coalesce("name", "joined")).select(ROW.names)
    notes = every.where(F.col(TOLD).isNotNull())
    return named.unionByName(notes.select([_nothing_but_told(field) for field in ROW]))


def _nothing_but_told(field: Any) -> Any:
    """A column for diagnostics, which hold nothing else."""
    kind = from_arrow_schema(pa.schema([field])).fields[0].dataType
    return F.col(TOLD) if field.name == TOLD else F.lit(None).cast(kind).alias(field.name)


def _pairs(cluster: _Cluster, conns: DataFrame, looked: WhatCounts) -> DataFrame:
    """Pairs, merged in two stages: by 5-tuple, where rules on connections hold, then by pair."""
    config = whole(looked).config
    by_tuple = conns.repartition(*_FIVE_TUPLE).sortWithinPartitions(*sorted_by())
    partial = cluster.map(by_tuple, partials, "of_rows", (config,), PARTIAL)
    by_pair = partial.repartition(*KEY_NAMES).sortWithinPartitions(*KEY_NAMES, "first_us", "conns", TOLD)
    return cluster.map(by_pair, pairs_of, "of_partials", (config,), PAIR)


def _site(pairs: DataFrame) -> Site:
    """What is counted over all pairs, as `PairTable` counts it."""
    hosts = pairs.select("orig_h").distinct().count()
    spoken = pairs.where(F.col("tls") & ~F.col("by_name")).groupBy("resp").agg(F.max(F.col("named") > 0).alias("named"))
    servers, named = spoken.agg(F.count("*"), F.count(F.when(F.col("named"), 1))).collect()[0]
    return Site(float(hosts), named / servers if servers >= MIN_TLS else float("nan"))


def _counted(pairs: DataFrame, least: int) -> DataFrame:
    """Pairs with how many originators talk to their responder, and to whatever outside on their port.

    And when a pair of `least` connections with their responder was first seen.
    """
    judged = F.when((F.col("conns") >= least) & (F.col("held") > 0), F.col("first_us"))
    responders = pairs.groupBy("resp", "by_name").agg(
        F.countDistinct("orig_h").alias("resp_hosts"), F.min(judged).alias("sighted_us")
    )
    outside = pairs.where(F.col("outside") & ~F.col("by_name"))
    ports = outside.groupBy("resp_p", "proto").agg(F.countDistinct("orig_h").alias("used"))
    joined = pairs.join(responders, ["resp", "by_name"], "left").join(F.broadcast(ports), ["resp_p", "proto"], "left")
    return joined.select(
        *_PAIR, "resp_hosts", "sighted_us", F.when(F.col("outside"), F.col("used")).alias("port_hosts")
    )


def _write(cluster: _Cluster, counted: DataFrame, judged: JudgedBy, scoring: Scoring, target: str) -> None:
    """Judges all pairs on executors and writes them, a folder a day."""
    by_host = counted.repartition("orig_h").sortWithinPartitions("orig_h", "resp", "resp_p", "proto")
    nothing = score(Pairs.empty(), scoring, judged.config, judged.allow)
    made = judge.scored_table(nothing).schema
    verdicts = cluster.map(by_host, judge, "of_pairs", (cluster.model, judged), made)
    try:
        verdicts.write.partitionBy(DAY).mode("overwrite").parquet(f"{target}/{SCORED}")
    except PySparkException as error:
        raise _plain(error, target) from error


def _totals(verdicts: DataFrame) -> dict[str, Any]:
    """What run_summary.json counts, over all pairs."""
    group = F.col("resp").startswith(GROUP)

    def of(condition: Any) -> Any:
        return F.count(F.when(condition, 1))

    pair, alert = ~group, F.col("alert")
    row = verdicts.agg(
        of(pair).alias("pairs"),
        of(pair & F.col("rule_score").isNotNull()).alias("pairs_scored"),
        of(group).alias("groups"),
        of(group & alert).alias("groups_that_alert"),
        of(pair & alert).alias("alerts"),
        of(F.col("near_miss")).alias("near_misses"),
        *(of(pair & (F.col("label") == label)).alias(label) for label in LABELS),
    ).collect()[0]
    counted = {name: value for name, value in row.asDict().items() if name not in LABELS}
    return counted | {"verdicts": {label: row[label] for label in LABELS}}


def _told(verdicts: DataFrame, counted: DataFrame, pairs: DataFrame, ingest: Ingest) -> Any:
    """All pairs of the hosts that alert, the strongest hosts first while they fit; sorted by key."""
    loud = verdicts.where(F.col("alert")).groupBy("orig_h").agg(F.max("score").alias("score"))
    sizes = (
        pairs.join(loud, "orig_h")
        .groupBy("orig_h", "score")
        .agg(F.sum("held").alias("held"), F.count("*").alias("pairs"), F.min("first_us"))
    )
    hosts = sorted(sizes.collect(), key=lambda one: (-(one.score or 0.0), one.orig_h))
    room, kept = MOST_TOLD, list[str]()
    for one in hosts:
        if one.held <= room:
            room -= one.held
            kept.append(one.orig_h)
    if left := len(hosts) - len(kept):
        ingest.notes.append(f"{left} hosts that alert are not in the reports, which would be too large: see {SCORED}/")
    if parted := [one for one in hosts if one.pairs > judge.MOST_PAIRS or one.held > judge.MOST_OBSERVATIONS]:
        ingest.notes.append(f"groups were looked for in parts of the pairs of {len(parted)} hosts that have too many")
    chosen = (
        counted.where(F.col("orig_h").isin(kept))
        if len(kept) < 1000
        else counted.join(
            counted.sparkSession.createDataFrame([(one,) for one in kept], "orig_h string"), "orig_h", "left_semi"
        )
    )
    table = chosen.select(*_PAIR, *judge.COUNTED).toArrow()
    return table.sort_by([(name, "ascending") for name in ("orig_h", "resp", "resp_p", "proto")])


def _refuse(ingest: Ingest) -> None:
    """In strict mode, stops at bad rows."""
    for reason, skipped in ingest.skipped.items():
        if ingest.strict:
            path, _, text = skipped.examples[0]
            raise InputError(inputs.shown_name(path), f"{reason}: {text}")


def _plain(error: PySparkException, target: str = "") -> BeaconsError:
    """An error of Spark's in one line: what was wrong in Python, else what it says first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    end = next((at for at, line in enumerate(lines) if at and line.startswith("SQLSTATE")), 1)
    problem = lines[end - 1][:500]
    return OutputError(f"{target}: {problem}") if target else BeaconsError(f"Spark: {problem}")
