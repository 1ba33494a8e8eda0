"""The reasons there are, as data: what each is called and says, and the features that it speaks for.

explain.py works out how much each contributes to a score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from zeek_beacons.features.catalogue import COLUMN
from zeek_beacons.scoring.context_term import INDICATORS, Indicator
from zeek_beacons.scoring.rules import RULES, Rule


@dataclass(frozen=True, slots=True)
class Fact:
    """A reason that no rule scores: the value of one feature, put into words."""

    code: str
    feature: str
    text: str
    is_log: bool = False


FACTS = (
    Fact("no_ladder", "step2_mad", "two waits in a row, added up, stray {:.0%} from the usual sum"),
    Fact("few_bursts", "short_gap_share", "{:.0%} of the waits are short bursts"),
    Fact("usual_service", "service_fit", "no service was seen that its port is not for"),
    Fact("usual_port", "port_class", "its port is one that common services use"),
    Fact("rare", "prevalence", "{:.0%} of the site's other hosts go there too"),
    Fact("named", "named_share", "{:.0%} of the connections carry a server name"),
    Fact("volume", "byte_ratio", "{:.0%} of its bytes go out"),
    Fact("open_time", "duty", "a connection is open {:.0%} of the time"),
    Fact("failed", "failed_share", "{:.0%} of the connections were never established"),
    Fact("pace", "median_gap", "the median wait is {:.4g} s"),
    Fact("times", "checkins", "{:.0f} check-ins were seen"),
)
Reason: TypeAlias = Rule | Fact | Indicator

REASONS: tuple[Reason, ...] = (*RULES, *FACTS, *INDICATORS)
PLACE = {reason.code: place for place, reason in enumerate(REASONS)}


@dataclass(frozen=True, slots=True)
class Group:
    """Features that are taken away together, and the reason that tells of them.

    Where the reason is a rule that does not hold for a pair, its text would be untrue: then `otherwise` tells.
    """

    code: str
    covers: tuple[str, ...]
    otherwise: str = ""

    @property
    def columns(self) -> list[int]:
        """Places in the catalogue. A feature that is not there any more is no error here: a test names it."""
        return [COLUMN[name] for name in self.covers if name in COLUMN]

    @property
    def plain(self) -> str:
        """The code that fits every pair."""
        return self.otherwise or self.code


# Each feature that scores stands in exactly one group.
GROUPS = (
    Group(
        "one_interval",
        (
            *("near_median_10", "near_median_20", "near_median_30"),
            *("near_dominant_10", "near_dominant_20", "near_dominant_30"),
            *("near_folded_10", "near_folded_20", "near_folded_30", "folded_spread", "missed_share"),
            *("adjacent_similarity", "longest_regular_run", "modal_window", "raw_near_median"),
        ),
    ),
    Group(
        "steady",
        (
            *("gap_cv", "gap_trimmed_cv", "gap_mad", "gap_iqr", "gap_bowley"),
            *("block_cv", "block_mad", "raw_gap_cv", "raw_gap_mad"),
        ),
        "wild_waits",
    ),
    Group("not_chance", ("llr_constant", "llr_uniform", "llr_gaussian", "llr_poisson", "core_share", "core_spread")),
    Group(
        "in_phase",
        (
            *("coherence", "gap_coherence", "spectral_peak", "spectral_excess"),
            *("autocorrelation_1", "autocorrelation_2"),
        ),
    ),
    Group(
        "regular_windows",
        (
            *("best_1h", "best_6h", "best_24h", "best_window"),
            *("cv_1h", "cv_6h", "cv_24h", "agree_1h", "agree_6h"),
        ),
    ),
    Group(
        "same_request",
        (
            *("orig_cv", "orig_mad", "orig_mode_share", "orig_near_median"),
            *("orig_distinct_share", "orig_repeat_share"),
        ),
    ),
    Group("same_answer", ("resp_cv", "resp_mad", "resp_mode_share", "resp_near_median", "large_answer_share")),
    Group(
        "persistent",
        (
            *("parts_filled", "parts_cv", "busy_run", "drift"),
            *("active_share", "active_run", "silence_to_span", "silence_to_gap"),
        ),
    ),
    Group("ladder", ("step_gain", "step2_mad", "step3_mad", "step4_mad"), "no_ladder"),
    Group("odd_service", ("service_fit",), "usual_service"),
    Group("odd_port", ("port_class",), "usual_port"),
    Group("shared", ("prevalence",), "rare"),
    Group(
        "bursts",
        (
            *("short_gap_share", "burst_share", "burst_interval_cv", "burst_size_cv", "memory", "fano"),
            *("collapse_ratio", "single_share", "checkin_size_cv"),
        ),
        "few_bursts",
    ),
    Group("named", ("named_share",)),
    Group("volume", ("byte_ratio", "ratio_spread", "log_orig", "log_resp", "empty_share")),
    Group(
        "open_time",
        (
            *("duty", "duration_to_gap", "log_duration", "duration_cv", "duration_mad"),
            "missing_duration_share",
        ),
    ),
    Group("failed", ("failed_share", "state_mode_share")),
    Group("pace", ("log_median_gap",)),
    Group("times", ("log_n",)),
)
