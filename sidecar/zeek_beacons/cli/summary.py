"""What run_summary.json and `score --json` say of a run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from zeek_beacons import __version__
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.pipeline import Scored
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.reports import alerting
from zeek_beacons.reports.about import (
    GROUPING,
    OUTPUTS,
    PROBABILITY,
    SCORE,
    SEVERITY,
    environment,
    expected_false_alerts,
    validation,
)
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.site import SiteBaseline
from zeek_beacons.verdicts import ALLOW_LISTED, LABELS


def summarise(
    scored: Scored,
    ingest: Ingest,
    scoring: Scoring,
    settings: Config,
    seconds: dict[str, float],
    site: SiteBaseline | None = None,
    allow: AllowList | None = None,
) -> dict[str, Any]:
    """The content of run_summary.json. `site`: the baseline that set the threshold, where one did."""
    verdicts, n = scored.verdicts, scored.n_pairs
    label, groups = verdicts.label[:n], list(scored.members)
    around = environment()
    return {
        "zeek_beacons": __version__,
        "command": command_line(sys.argv[1:]),
        "first_seen": when(ingest.first_us),
        "last_seen": when(ingest.last_us),
        "pairs": n,
        "pairs_scored": int((scored.feature_row[:n] >= 0).sum()),
        "groups": len(groups),
        "groups_that_alert": int(verdicts.alerts[groups].sum()),
        "alerts": int(verdicts.alerts[:n].sum()),
        "incidents": len(scored.incidents),
        "near_misses": int(scored.near_miss.sum()),
        "verdicts": {name: int((label == code).sum()) for code, name in enumerate(LABELS)},
        "warnings": [*scoring.warnings, *warnings(scored, allow)],
        "profile": settings.profile,
        "thresholds": dict(scoring.thresholds),
        "threshold": verdicts.threshold,
        "threshold_in_force": alerting.in_force(scored, scoring, settings, site),
        "expected_false_alerts_per_host_day": expected_false_alerts(scoring, verdicts.threshold),
        **({} if site is None else {"budget": alerting.budget(scored, scoring, site)}),
        "score_semantics": PROBABILITY if verdicts.calibrated else SCORE,
        "severity_semantics": SEVERITY,
        "model": scoring.identity,
        "validation": validation(scoring),
        "grouping": GROUPING,
        "settings": {name: getattr(settings, name) for name in settings.__slots__},
        "ingest": ingest.summary(),
        "indicators": [one.summary() for one in scoring.local.indicators.tallies],
        "outputs": OUTPUTS,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "environment": around,
        "versions": {name: around[name] for name in ("python", "numpy", "pyarrow", "onnxruntime")},
    }


def command_line(arguments: Sequence[str]) -> str:
    """The command of a run, without the addresses of sinks, which may hold secrets."""
    after = ("", *arguments)
    shown = [
        f"{word.partition(':')[0]}:..." if before == "--alert" or word.startswith("--alert=") else word
        for before, word in zip(after, arguments, strict=False)
    ]
    return shlex.join(["zeek-beacons", *shown])


def warnings(scored: Scored, allow: AllowList | None) -> list[str]:
    """What an operator must hear of before trusting a quiet report."""
    told = wide(allow)
    measured = scored.feature_row >= 0
    if not told and measured.any() and (scored.verdicts.suppressed[measured] == ALLOW_LISTED).all():
        told = [f"the allow-list covers all {int(measured.sum())} pairs with enough connections: nothing can alert"]
    return told


def wide(allow: AllowList | None) -> list[str]:
    """A warning for each line of an allow-list that allows everything."""
    lines = [] if allow is None else allow.too_wide
    return [f"{line} allows every connection of its kind: next to nothing will alert" for line in lines]


def when(microseconds: int | None) -> str | None:
    """Epoch microseconds as ISO 8601 in UTC."""
    if microseconds is None:
        return None
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
