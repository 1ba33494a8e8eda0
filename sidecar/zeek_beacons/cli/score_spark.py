"""`score --engine spark`: what the command gives to Spark, and what comes back to be told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.pipeline import Scored
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.said import Said
from zeek_beacons.scoring import Scoring
from zeek_beacons.spark.judge import Model
from zeek_beacons.spark.rows import WhatCounts
from zeek_beacons.spark.session import session


@dataclass(frozen=True, slots=True)
class OnSpark:
    """The cluster, and where results go."""

    master: str | None
    settings: Sequence[str]
    scored_to: str | None
    output: Path | None
    state: str | None = None

    @property
    def target(self) -> str:
        """The folder of the scored pairs, as Spark calls it. Raises ConfigError."""
        folder = self.scored_to or self.output
        if folder is None:
            raise ConfigError("--engine spark needs -o FOLDER or --scored-to URL: the scored pairs are written there")
        return _url(str(folder))


def _url(folder: str) -> str:
    """A folder as Spark calls it; one without a scheme is of this machine."""
    return folder.rstrip("/") if re.match("[a-z0-9]+:", folder) else f"file://{Path(folder).absolute()}"


@dataclass(frozen=True, slots=True)
class Read:
    """What is read."""

    inputs: Sequence[str]
    names: Sequence[str] | None
    begin: float | None
    until: float | None
    strict: bool


def run(
    where: OnSpark, logs: Read, settings: Config, scoring: Scoring, allow: AllowList, said: Said
) -> tuple[Scored, Ingest, dict[str, Any], dict[str, float]]:
    """The pairs of hosts that alert, what happened while reading, what is counted over all pairs, and the seconds."""
    target = where.target
    folder = None if scoring.model is None else scoring.model.path.resolve()
    intel, mmdb = (tuple(str(Path(one).resolve()) for one in files if one) for files in (settings.intel, settings.mmdb))
    with session(where.master, where.settings) as spark:
        from zeek_beacons.spark.run import SCORED, SparkRun  # imports PySpark, which is there now
        from zeek_beacons.spark.run import run as run_on_spark

        looked = WhatCounts(settings, logs.begin, logs.until)
        model = Model(folder, intel, mmdb)
        state = None if where.state is None else _url(where.state)
        asked = SparkRun(logs.inputs, logs.names, looked, model, allow, said, logs.strict, target, state)
        outcome = run_on_spark(spark, asked, scoring)
        outcome.ingest.notes.append(
            f"the reports hold the pairs of hosts that alert, {outcome.scored.n_pairs} of {outcome.totals['pairs']}; "
            f"all scored pairs are in {target}/{SCORED}"
        )
        return outcome.scored, outcome.ingest, outcome.totals, outcome.seconds
