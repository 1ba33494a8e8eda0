"""On the driver: the whole flow, from files to scored pairs in Parquet and the verdicts that reports are made of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import functions as F  # noqa: N812  as everybody calls it

from zeek_beacons.allow import AllowList
from zeek_beacons.errors import BeaconsError, InputError, OutputError
from zeek_beacons.pairs import GROUP, Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.pair_table import MIN_TLS
from zeek_beacons.said import Said
from zeek_beacons.scoring import Scoring
from zeek_beacons.spark import by_day, inputs, judge, schema, stages, state
from zeek_beacons.spark.judge import DAY, JudgedBy, Model, Site
from zeek_beacons.spark.rows import WhatCounts, whole
from zeek_beacons.spark.schema import PAIR, TOLD
from zeek_beacons.spark.stages import Executors
from zeek_beacons.verdicts import LABELS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MOST_TOLD = 8_000_000  # observations of hosts that alert, which the driver takes for the reports
SCORED = "scored"  # the folder of scored pairs
_PAIR = [name for name in PAIR.names if name != TOLD]


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
    state: str | None = None  # the folder of what the days before left, None: everything is read


@dataclass(frozen=True, slots=True)
class SparkOutcome:
    """What came of it. `scored`: all pairs of the hosts that alert; `totals`: counted over all pairs."""

    scored: Scored
    ingest: Ingest
    totals: dict[str, Any]
    seconds: dict[str, float]


def run(spark: SparkSession, asked: SparkRun, scoring: Scoring) -> SparkOutcome:
    """Scores everything. `scoring`: the driver's, of the same model. Raises InputError and OutputError."""
    began = time.perf_counter()
    try:
        config = whole(asked.looked).config
        before = None if asked.state is None else state.load(spark, asked.state, state.settings_of(asked.looked.config))
        taken = None if before is None else before.files
        found = inputs.find(spark, asked.inputs, asked.name_logs, asked.looked.config.map, taken)
        cluster = Executors(spark, asked.model)
        named = stages.names_told(cluster, found)
        days = None
        if before is None:
            pairs = stages.pairs(cluster, stages.connections(cluster, found, asked.looked, named), config)
        else:
            named = by_day.names_known(before, named)
            conns = stages.connections(cluster, found, asked.looked, named)
            days = by_day.carried(cluster, before, conns, named, config)
            pairs = days.pairs
        pairs = pairs.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            ingest = Ingest(strict=asked.strict, files=found.files, notes=found.notes)
            said = [row[TOLD] for row in pairs.where(F.col(TOLD).isNotNull()).select(TOLD).collect()]
            schema.heard(said if days is None else days.texts, ingest)
            _refuse(ingest)
            read_at = time.perf_counter()
            known = pairs.where(F.col(TOLD).isNull()).drop(TOLD)
            judged = JudgedBy(asked.looked.config, _site(known), asked.allow, asked.said)
            counted = _counted(known, asked.looked.config.min_connections)
            _write(cluster, counted, judged, scoring, asked.target)
            verdicts = spark.read.parquet(f"{asked.target}/{SCORED}")
            totals = _totals(verdicts)
            told = _told(verdicts, counted, known, ingest)
            if before is not None and days is not None:
                state.commit(before, days.newest_us, found.bytes, days.digests)
        finally:
            pairs.unpersist()
    except PySparkException as error:
        raise _plain(error) from error
    scored = judge.scored(told, judged, scoring)
    if not ingest.rows:
        ingest.notes.append("the input holds no rows")
    seconds = {"read": read_at - began, "score": time.perf_counter() - read_at}
    return SparkOutcome(scored, ingest, totals, seconds)


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


def _write(cluster: Executors, counted: DataFrame, judged: JudgedBy, scoring: Scoring, target: str) -> None:
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
