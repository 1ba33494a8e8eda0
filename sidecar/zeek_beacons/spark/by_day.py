"""On the driver: a day's logs and the state of the days before -> pairs of all days, and the next state.

Of what is counted nothing is lost: the newest observations of each pair, all counts, and connections that a later piece
may still continue are carried on. What is not known any more after `KEPT` seconds: open connections, names by uid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark import StorageLevel
from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812  as everybody calls it

from zeek_beacons.config import Config
from zeek_beacons.pairs import MICROSECONDS
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.spark import schema, stages
from zeek_beacons.spark.schema import APART, OPEN, PAIR, PARTIAL, ROW, TOLD
from zeek_beacons.spark.stages import Executors
from zeek_beacons.spark.state import State, write_tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEPT = 86_400.0  # before the newest connection: how long its later pieces, and the log of a named one, may take to come


@dataclass(frozen=True, slots=True)
class Carried:
    """Pairs of all days, what was said on the way, and what the next state is to hold."""

    pairs: DataFrame
    texts: list[str]
    newest_us: int | None
    digests: dict[str, str]


def carried(cluster: Executors, state: State, conns: DataFrame, named: DataFrame | None, config: Config) -> Carried:
    """Adds connections to a state. `named`: names by uid, those of the state among them."""
    held = [conns, state.table("open").select(ROW.names)] if state.there else [conns]
    apart = stages.by_tuple(cluster, stages.united(held), (config, state.newest_us), "apart", APART).persist(
        StorageLevel.MEMORY_AND_DISK
    )
    try:
        texts = _texts(apart)
        newest = _newest(texts, state.newest_us)
        horizon = (newest or 0) - round((KEPT + config.merge_gap) * MICROSECONDS)
        nothing = F.lit(None).cast("string").alias(TOLD)
        loose = _until_last(apart.where(F.col(OPEN).isNotNull()).select(f"{OPEN}.*", nothing))
        stay, settled = (
            loose.where(one).select(ROW.names) for one in (F.col("last") >= horizon, F.col("last") < horizon)
        )
        parts = [apart.where(F.col("orig_h").isNotNull()).select(PARTIAL.names)]
        parts.append(stages.by_tuple(cluster, settled, (config,), "of_rows", PARTIAL))
        parts += [state.table("pairs").select(PARTIAL.names)] if state.there else []
        added = stages.by_pair(cluster, stages.united(parts), config, "added_up", PARTIAL)
        added = added.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            texts += _texts(added)
            recent = _recent(cluster, named, horizon)
            digests = write_tables(state, {"pairs": added.where(F.col(TOLD).isNull()), "open": stay, "names": recent})
        finally:
            added.unpersist()
    finally:
        apart.unpersist()
    after = State(state.spark, state.folder, state.number + 1, state.settings, newest, {})
    still = stages.by_tuple(cluster, after.table("open").select(ROW.names), (config,), "of_rows", PARTIAL)
    every = stages.united([after.table("pairs").select(PARTIAL.names), still])
    return Carried(stages.by_pair(cluster, every, config, "of_partials", PAIR), texts, newest, digests)


def names_known(state: State, told: DataFrame | None) -> DataFrame | None:
    """Names by uid, those that the state still holds among them."""
    held = [state.table("names").select(schema.NAME.names)] if state.there else []
    frames = [*held, told] if told is not None else held
    return stages.united(frames) if frames else None


def _texts(frame: DataFrame) -> list[str]:
    return [row[TOLD] for row in frame.where(F.col(TOLD).isNotNull()).select(TOLD).collect()]


def _newest(texts: list[str], before: int | None) -> int | None:
    ingest = Ingest()
    schema.heard(texts, ingest)
    return max((us for us in (ingest.last_us, before) if us is not None), default=None)


def _until_last(loose: DataFrame) -> DataFrame:
    """Connections with the end of the last one of their 5-tuple."""
    length = F.coalesce(F.nanvl("duration", F.lit(0.0)), F.lit(0.0))
    end = F.col("start_us") + F.round(length * MICROSECONDS).cast("long")
    return loose.withColumn("last", F.max(end).over(Window.partitionBy(*stages.FIVE_TUPLE)))


def _recent(cluster: Executors, named: DataFrame | None, horizon_us: int) -> DataFrame:
    """The names of connections that may not have ended yet."""
    if named is None:
        return stages.nothing(cluster.spark, schema.NAME)
    return named.where(F.col(TOLD).isNull() & (F.col("ts") * MICROSECONDS >= horizon_us))
