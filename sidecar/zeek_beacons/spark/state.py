"""On the driver: what a run leaves for the next one, so that each log is read once.

A state is three tables and a manifest: pairs (one partial each), connections that a later one may still continue, the
server names told lately. Two folders take turns: a new state is written over the older one, its manifest last. What has
no manifest, or one that does not fit, is half-written and does not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import functions as F  # noqa: N812  as everybody calls it
from pyspark.sql.pandas.types import from_arrow_schema

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError, OutputError
from zeek_beacons.spark.schema import NAME, PARTIAL, ROW, TOLD

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

VERSION = 1
FOLDERS = ("a", "b")
TABLES = {"pairs": PARTIAL, "open": ROW, "names": NAME}
_MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class State:
    """What the runs before left in a folder; number 0: nothing yet."""

    spark: SparkSession
    folder: str
    number: int
    settings: Mapping[str, Any]
    newest_us: int | None  # start of the newest connection seen
    files: Mapping[str, int]  # what was taken, and its bytes

    @property
    def there(self) -> bool:
        """Whether a run came before."""
        return self.number > 0

    def table(self, name: str) -> DataFrame:
        """One of its tables, as the stages have it."""
        return _table(self.spark, _slot(self.folder, self.number), name).withColumn(TOLD, F.lit(None).cast("string"))


def settings_of(config: Config) -> dict[str, Any]:
    """The settings that a state depends on: with others its tables would be others."""
    nets = sorted(config.local_nets) if config.direction != "any" else []
    kept = {"max_observations": config.max_observations, "merge_gap": config.merge_gap}
    return kept | {"direction": config.direction, "local_nets": nets}


def load(spark: SparkSession, folder: str, settings: Mapping[str, Any]) -> State:
    """The newest whole state of a folder. Raises InputError where it is broken, or was made with other settings."""
    found = {slot: _manifest(spark, f"{folder}/{slot}") for slot in FOLDERS}
    whole = [manifest for manifest in found.values() if manifest]
    if not whole:
        if {} in found.values():
            raise InputError(folder, "the manifest of this state is damaged, and there is no older one")
        return State(spark, folder, 0, settings, None, {})
    newest = max(whole, key=lambda one: one["number"])
    path = _slot(folder, newest["number"])
    if newest["version"] != VERSION:
        raise InputError(path, f"a state of version {newest['version']}, expected {VERSION}")
    for name, expected in settings.items():
        if newest["settings"].get(name) != expected:
            was = newest["settings"].get(name)
            raise InputError(
                path, f"this state was made with {name} {was}, and now it is {expected}: take another folder"
            )
    for name in TABLES:
        try:
            digest = _digest(_table(spark, path, name))
        except PySparkException as error:
            raise InputError(f"{path}/{name}", "a table of this state is missing or broken") from error
        if digest != newest["tables"][name]:
            raise InputError(
                f"{path}/{name}", f"holds {digest}, the manifest of this state says {newest['tables'][name]}"
            )
    return State(spark, folder, newest["number"], settings, newest["newest_us"], newest["files"])


def write_tables(state: State, tables: Mapping[str, DataFrame]) -> dict[str, str]:
    """Writes the tables of the state after this one, which does not count before `commit`. Returns their digests."""
    path = _slot(state.folder, state.number + 1)
    digests = {}
    for name, frame in tables.items():
        try:
            frame.select([field for field in TABLES[name].names if field != TOLD]).write.mode("overwrite").parquet(
                f"{path}/{name}"
            )
        except PySparkException as error:
            raise OutputError(f"{path}/{name}: cannot be written: {str(error).splitlines()[0][:300]}") from error
        digests[name] = _digest(_table(state.spark, path, name))
    return digests


def commit(state: State, newest_us: int | None, files: Mapping[str, int], digests: Mapping[str, str]) -> None:
    """Makes the tables that were written the state. Raises OutputError where another run did so meanwhile."""
    number = state.number + 1
    now = [found for slot in FOLDERS if (found := _manifest(state.spark, f"{state.folder}/{slot}"))]
    if max((found["number"] for found in now), default=0) != state.number:
        raise OutputError(f"{state.folder}: another run has changed this state meanwhile")
    content = {"version": VERSION, "number": number, "settings": dict(state.settings), "newest_us": newest_us}
    content |= {"files": dict(state.files) | dict(files), "tables": dict(digests)}
    text = json.dumps(content, sort_keys=True)
    line = json.dumps({"content": text, "sha256": hashlib.sha256(text.encode()).hexdigest()})
    path = f"{_slot(state.folder, number)}/{_MANIFEST}"
    state.spark.createDataFrame([(line,)], "value string").coalesce(1).write.mode("overwrite").text(path)


def _slot(folder: str, number: int) -> str:
    return f"{folder}/{FOLDERS[number % 2]}"


def _table(spark: SparkSession, path: str, name: str) -> DataFrame:
    kept = from_arrow_schema(pa.schema([field for field in TABLES[name] if field.name != TOLD]))
    return spark.read.schema(kept).parquet(f"{path}/{name}")


def _digest(frame: DataFrame) -> str:
    """Rows and a digest of their content, whatever their order."""
    row = frame.agg(F.count("*").alias("rows"), F.bit_xor(F.xxhash64(*frame.columns)).alias("content")).collect()[0]
    return f"{row.rows} rows {(row.content or 0) % (1 << 64):016x}"


def _manifest(spark: SparkSession, path: str) -> dict[str, Any] | None:
    """What a folder's manifest says; None where it has none, nothing where it is not what was written."""
    try:
        lines = [row.value for row in spark.read.text(f"{path}/{_MANIFEST}").collect()]
    except AnalysisException as error:
        if "PATH_NOT_FOUND" in str(error):
            return None
        raise InputError(path, f"cannot be read: {str(error).splitlines()[0][:300]}") from error
    try:
        held = json.loads("".join(lines))
        text = held["content"]
        content: dict[str, Any] = json.loads(text)
        good = hashlib.sha256(text.encode()).hexdigest() == held["sha256"]
    except (ValueError, KeyError, TypeError):
        return {}
    return content if good else {}
