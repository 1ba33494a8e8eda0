"""Which threshold is in force, where it comes from, and what it gave: in words and as data."""

from __future__ import annotations

from typing import Any

from zeek_beacons.config import Config
from zeek_beacons.pipeline import Scored
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.site import SiteBaseline


def in_force(scored: Scored, scoring: Scoring, config: Config, site: SiteBaseline | None = None) -> str:
    """The threshold in a line. `site`: the baseline that set it, where there is a budget of alerts."""
    threshold = scored.verdicts.threshold
    if site is not None:
        return f"{threshold:.3f}, {_budget(scored, scoring, site)}"
    if config.threshold:
        usual = scoring.thresholds[config.profile]
        return f"{threshold:g}, set by hand in place of {usual:.3f} of the profile {config.profile}"
    return f"{threshold:.3f}, profile {config.profile}"


def budget(scored: Scored, scoring: Scoring, site: SiteBaseline) -> dict[str, Any]:
    """What was asked for and what it gave, as data."""
    certain = scoring.thresholds["conservative"]
    n = scored.n_pairs
    alerts = scored.verdicts.score[:n][scored.verdicts.alerts[:n]]
    days = site.host_days
    counted = int((alerts < certain).sum())
    return {
        "alerts_per_host_day_asked": site.budget,
        "alerts_per_host_day": round(len(alerts) / days, 4) if days else None,
        "alerts_per_host_day_counted": round(counted / days, 4) if days else None,
        "alerts": len(alerts),
        "alerts_counted": counted,
        "certain_from": certain,
        "host_days": round(days, 3),
        "hosts": site.hosts,
    }


def _budget(scored: Scored, scoring: Scoring, site: SiteBaseline) -> str:
    found = budget(scored, scoring, site)
    text = f"for a budget of {site.budget:g} alerts per host-day in place of a profile's"
    if not found["host_days"]:
        return f"{text}; too little was watched to say what rate it gave"
    sure = found["alerts"] - found["alerts_counted"]
    days, rate = round(site.host_days, 1), found["alerts_per_host_day"]
    text += f"; {found['alerts']} alerts in {days:g} host-days make {rate:.2f}"
    if sure:
        text += f", of which {sure} reach {found['certain_from']:.3f}, from where pairs alert whatever the budget"
    return text
