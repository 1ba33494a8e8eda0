"""The same from Python: `zeek_beacons.score(paths)` reads logs and judges their pairs, as the command does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored
from zeek_beacons.pipeline import score as score_pairs
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.reports import tables
from zeek_beacons.reports.queries import Sources
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import Verdicts

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class ScoredLogs:
    """What was read, and what was concluded about each of its `n` pairs."""

    scored: Scored
    ingest: Ingest  # rows read, used and left out, and why
    model: str  # which model scored

    @property
    def pairs(self) -> Pairs:
        """The pairs, (n,)."""
        return self.scored.pairs

    @property
    def verdicts(self) -> Verdicts:
        """Their verdicts, (n,), in the same order."""
        return self.scored.verdicts

    @property
    def warnings(self) -> list[str]:
        """What to hear of before trusting the scores: a model without a knowledge file of its own."""
        return self.scored.scoring.warnings

    def alerts(self) -> list[dict[str, Any]]:
        """What alerts, by rank, as `alerts.csv` has it: each with its sentence in `summary`."""
        rows: list[dict[str, Any]] = tables.alerts(self.scored, Sources.of(self.ingest.files)).to_pylist()
        return rows

    def incidents(self) -> list[dict[str, Any]]:
        """Alerts that belong together, as `incidents.csv` has them, the highest score first."""
        rows: list[dict[str, Any]] = tables.incidents(self.scored).to_pylist()
        return rows

    def to_pandas(self) -> pd.DataFrame:
        """Every pair with its verdict, as `scored_pairs.csv` has it. Raises ConfigError where pandas is missing."""
        try:
            import pandas  # noqa: F401
        except ModuleNotFoundError as error:
            raise ConfigError("to_pandas needs pandas: pip install pandas") from error
        return tables.scored_pairs(self.scored).to_pandas()


def score(
    paths: str | Path | Sequence[str | Path],
    *,
    profile: str | None = None,
    allow: str | Path | None = None,
    model: str | Path | None = None,
    rules_only: bool = False,
    form: str | None = None,
    **settings: Any,
) -> ScoredLogs:
    """Reads logs and judges every pair in them: the command `zeek-beacons score` as a function.

    `paths`: files, patterns or folders. `allow`: an allow-list file. `model`: a model folder, by default the shipped
    one. `form`: a format, where the content shall not decide. `settings`: any other setting of `config.Config`, such as
    `min_connections=10` or `direction="outbound"`. Raises a BeaconsError that names file, line, option or setting.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    config = Config.load(flags={"profile": profile, **settings})
    scoring = Scoring.rules_only() if rules_only else Scoring.load(Path(model) if model else None)
    allowed = AllowList.load(Path(allow)) if allow else None
    pairs, ingest = read(Request([str(path) for path in given], form=form), config)
    return ScoredLogs(score_pairs(pairs, scoring, config, allowed), ingest, scoring.identity)
