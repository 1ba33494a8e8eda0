"""The catalogue: every feature once, in the order of the matrix.

A new one is a function, a line here and a new schema version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zeek_beacons.features import (
    backoff,
    bursts,
    context,
    jitter,
    multi_gap,
    payload,
    presence,
    rhythm,
    timing,
    windows,
)
from zeek_beacons.features.checkins import Checkins, Observations
from zeek_beacons.features.context import Context
from zeek_beacons.features.windows import Windows
from zeek_beacons.pairs import Floats

SCHEMA_VERSION = 3


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the matrix. `compute` sees a block of `level` and returns one value a row."""

    name: str
    family: str
    unit: str  # "" for ratios, shares and logarithms
    low: float  # values outside [low, high] are clipped
    high: float
    meaning: str
    model: bool  # whether the forest sees it; the others describe
    level: type
    compute: Callable[[Any], Floats]


def timing_(name: str, high: float, compute: Callable[[Checkins], Floats], meaning: str, low: float = 0.0) -> Feature:
    return Feature(name, "timing", "", low, high, meaning, True, Checkins, compute)


def rhythm_(name: str, low: float, high: float, compute: Callable[[Checkins], Floats], meaning: str) -> Feature:
    return Feature(name, "rhythm", "", low, high, meaning, True, Checkins, compute)


def jitter_(name: str, low: float, high: float, compute: Callable[[Checkins], Floats], meaning: str) -> Feature:
    return Feature(name, "jitter", "", low, high, meaning, True, Checkins, compute)


def windows_(name: str, high: float, compute: Callable[[Windows], Floats], meaning: str) -> Feature:
    return Feature(name, "windows", "", 0.0, high, meaning, True, Windows, compute)


def bursts_(name: str, low: float, high: float, compute: Callable[[Checkins], Floats], meaning: str) -> Feature:
    return Feature(name, "bursts", "", low, high, meaning, True, Checkins, compute)


def payload_(
    name: str, high: float, compute: Callable[[Observations], Floats], meaning: str, low: float = 0.0
) -> Feature:
    return Feature(name, "payload", "", low, high, meaning, True, Observations, compute)


def presence_(name: str, low: float, high: float, compute: Callable[[Checkins], Floats], meaning: str) -> Feature:
    return Feature(name, "presence", "", low, high, meaning, True, Checkins, compute)


def context_(name: str, low: float, high: float, compute: Callable[[Context], Floats], meaning: str) -> Feature:
    return Feature(name, "context", "", low, high, meaning, True, Context, compute)


def describe(
    name: str,
    family: str,
    unit: str,
    high: float,
    compute: Callable[[Any], Floats],
    meaning: str,
    level: type = Checkins,
) -> Feature:
    return Feature(name, family, unit, 0.0, high, meaning, False, level, compute)


LONGEST = 1e11  # seconds, 3,000 years
MOST = 1e9

CATALOGUE: tuple[Feature, ...] = (
    # what is shown and ruled on; absolute, never seen by the forest
    describe("sleep", "jitter", "s", LONGEST, jitter.sleep, "estimated configured sleep"),
    describe("jitter", "jitter", "", 1.0, jitter.jitter, "estimated configured jitter"),
    describe("jitter_kind", "jitter", "code", 5.0, jitter.jitter_kind, "shape of the jitter, index into JITTER_KINDS"),
    describe("period", "rhythm", "s", LONGEST, rhythm.period, "dominant period of the check-ins"),
    describe("median_gap", "presence", "s", LONGEST, presence.median_gap, "median gap between check-ins"),
    describe("span", "presence", "s", LONGEST, presence.span, "time from first to last check-in"),
    describe("connections", "presence", "count", MOST, presence.connections, "connections held"),
    describe("checkins", "presence", "count", MOST, presence.checkin_count, "check-ins"),
    describe("growth", "bursts", "", MOST, backoff.growth, "factor by which waits grow before they start again"),
    describe("hours_active", "presence", "count", MOST, presence.hours_active, "clock hours with a check-in"),
    describe(
        "best_window_length",
        "windows",
        "code",
        3.0,
        windows.best_window_length,
        "most regular window length",
        windows.Windows,
    ),
    describe(
        "same_size_share",
        "payload",
        "",
        1.0,
        payload.same_size_share,
        "connections with the most frequent sizes",
        Observations,
    ),
    # the gaps between check-ins
    timing_("gap_cv", 100.0, timing.gap_cv, "std / mean of the gaps"),
    timing_("gap_trimmed_cv", 100.0, timing.gap_trimmed_cv, "std / mean of the middle 80 % of the gaps"),
    timing_("gap_mad", 100.0, timing.gap_mad, "MAD / median of the gaps"),
    timing_("gap_iqr", 100.0, timing.gap_iqr, "IQR / median of the gaps"),
    timing_("gap_bowley", 1.0, timing.gap_bowley, "Bowley skewness of the gaps", -1.0),
    timing_("near_median_10", 1.0, timing.near_median(0.1), "gaps within 10 % of the median"),
    timing_("near_median_20", 1.0, timing.near_median(0.2), "gaps within 20 % of the median"),
    timing_("near_median_30", 1.0, timing.near_median(0.3), "gaps within 30 % of the median"),
    timing_("near_dominant_10", 1.0, timing.near_dominant(0.1), "gaps within 10 % of the dominant interval"),
    timing_("near_dominant_20", 1.0, timing.near_dominant(0.2), "gaps within 20 % of the dominant interval"),
    timing_("near_dominant_30", 1.0, timing.near_dominant(0.3), "gaps within 30 % of the dominant interval"),
    timing_("near_folded_10", 1.0, timing.near_folded(0.1), "the same within 10 %, missed beats folded"),
    timing_("near_folded_20", 1.0, timing.near_folded(0.2), "the same within 20 %, missed beats folded"),
    timing_("near_folded_30", 1.0, timing.near_folded(0.3), "the same within 30 %, missed beats folded"),
    timing_("folded_spread", 0.5, timing.folded_spread, "RMS distance of the gaps from multiples of the base interval"),
    timing_("missed_share", 1.0, timing.missed_share, "gaps of 2 to 8 base intervals"),
    timing_("adjacent_similarity", 1.0, timing.adjacent_similarity, "neighbouring gaps within 20 % of each other"),
    timing_("longest_regular_run", 1.0, timing.longest_regular_run, "longest run of gaps near the base interval"),
    timing_("block_cv", 100.0, timing.block_cv, "median over blocks of 24 gaps of std / mean"),
    timing_("block_mad", 100.0, timing.block_mad, "median over blocks of 24 gaps of MAD / median"),
    timing_("step2_mad", 100.0, multi_gap.step_mad(2), "MAD / median of sums of 2 gaps"),
    timing_("step3_mad", 100.0, multi_gap.step_mad(3), "MAD / median of sums of 3 gaps"),
    timing_("step4_mad", 100.0, multi_gap.step_mad(4), "MAD / median of sums of 4 gaps"),
    timing_("step_gain", 1.0, multi_gap.step_gain, "regularity won by adding up 2 to 4 gaps", -1.0),
    # check-ins as points in time
    rhythm_("coherence", 0.0, 1.0, rhythm.coherence, "phase coherence at the best period"),
    rhythm_("gap_coherence", 0.0, 1.0, rhythm.gap_coherence, "phase coherence from one check-in to the next"),
    rhythm_("spectral_peak", 0.0, 1.0, rhythm.spectral_peak, "strongest line of the binned check-ins"),
    rhythm_("spectral_excess", -1.0, 6.0, rhythm.spectral_excess, "log10 of that line's power over chance"),
    rhythm_(
        "autocorrelation_1", -1.0, 1.0, rhythm.autocorrelation(1, 4), "check-ins followed one period later, over chance"
    ),
    rhythm_(
        "autocorrelation_2",
        -1.0,
        1.0,
        rhythm.autocorrelation(2, 6),
        "check-ins followed two periods later, over chance",
    ),
    rhythm_("modal_window", 0.0, 1.0, rhythm.modal_window, "gaps above 2 s within 2 s of the most frequent one"),
    # the distribution of the gaps
    jitter_(
        "llr_constant", -10.0, 10.0, jitter.llr("constant"), "log-likelihood a gap of a constant sleep over Poisson"
    ),
    jitter_("llr_uniform", -10.0, 10.0, jitter.llr("uniform"), "log-likelihood a gap of a uniform jitter over Poisson"),
    jitter_(
        "llr_gaussian", -10.0, 10.0, jitter.llr("gaussian"), "log-likelihood a gap of a normal jitter over Poisson"
    ),
    jitter_("llr_poisson", -10.0, 10.0, jitter.llr_poisson, "log-likelihood a gap of the best of them over Poisson"),
    jitter_("core_share", 0.0, 1.0, jitter.core_share, "gaps that the fits explain as single beats"),
    jitter_("core_spread", 0.0, 2.1, jitter.core_spread, "spread of the single beats / their median"),
    # windows
    windows_("best_1h", 1.0, windows.best_in("1h"), "regularity of the best hour"),
    windows_("best_6h", 1.0, windows.best_in("6h"), "regularity of the best 6 hours"),
    windows_("best_24h", 1.0, windows.best_in("24h"), "regularity of the best day"),
    windows_("best_window", 1.0, windows.best_window, "regularity of the median window of the best length"),
    windows_("cv_1h", 100.0, windows.window_cv("1h"), "std / mean of the gaps in the median hour"),
    windows_("cv_6h", 100.0, windows.window_cv("6h"), "std / mean of the gaps in the median 6 hours"),
    windows_("cv_24h", 100.0, windows.window_cv("24h"), "std / mean of the gaps in the median day"),
    windows_("agree_1h", 1.0, windows.agree("1h"), "hours that are regular at one pace"),
    windows_("agree_6h", 1.0, windows.agree("6h"), "6-hour windows that are regular at one pace"),
    # bursts
    bursts_("burst_share", 0.0, 1.0, bursts.burst_share, "bursts / check-ins"),
    bursts_("burst_interval_cv", 0.0, 100.0, bursts.burst_interval_cv, "std / mean of the time between bursts"),
    bursts_("burst_size_cv", 0.0, 100.0, bursts.burst_size_cv, "std / mean of the check-ins in a burst"),
    bursts_("short_gap_share", 0.0, 1.0, bursts.short_gap_share, "gaps below a tenth of the mean"),
    bursts_("memory", -1.0, 1.0, bursts.memory, "correlation of neighbouring gaps"),
    bursts_("fano", -3.0, 6.0, bursts.fano, "log10 of variance / mean of counts in bins"),
    bursts_("collapse_ratio", 0.0, 1.0, bursts.collapse_ratio, "check-ins / connections"),
    bursts_("single_share", 0.0, 1.0, bursts.single_share, "check-ins of one connection"),
    bursts_("checkin_size_cv", 0.0, 100.0, bursts.checkin_size_cv, "std / mean of the connections in a check-in"),
    # connections, not collapsed
    Feature(
        "raw_gap_cv",
        "timing",
        "",
        0.0,
        100.0,
        "std / mean of the gaps between connections",
        True,
        Observations,
        timing.raw_gap_cv,
    ),
    Feature(
        "raw_gap_mad",
        "timing",
        "",
        0.0,
        100.0,
        "MAD / median of the gaps between connections",
        True,
        Observations,
        timing.raw_gap_mad,
    ),
    Feature(
        "raw_near_median",
        "timing",
        "",
        0.0,
        1.0,
        "gaps between connections within 20 % of the median",
        True,
        Observations,
        timing.raw_near_median,
    ),
    payload_("orig_cv", 100.0, payload.spread("orig_bytes"), "std / mean of the bytes sent"),
    payload_("orig_mad", 100.0, payload.relative_deviation("orig_bytes"), "MAD / median of the bytes sent"),
    payload_("orig_mode_share", 1.0, payload.mode_share("orig_bytes"), "connections that send the most frequent size"),
    payload_("orig_near_median", 1.0, payload.near_median_size("orig_bytes"), "bytes sent within 10 % of the median"),
    payload_("orig_distinct_share", 1.0, payload.distinct_share, "distinct sizes sent / connections"),
    payload_("orig_repeat_share", 1.0, payload.repeat_share, "connections that send the size of the one before"),
    payload_("resp_cv", 100.0, payload.spread("resp_bytes"), "std / mean of the bytes received"),
    payload_("resp_mad", 100.0, payload.relative_deviation("resp_bytes"), "MAD / median of the bytes received"),
    payload_(
        "resp_mode_share", 1.0, payload.mode_share("resp_bytes"), "connections that receive the most frequent size"
    ),
    payload_(
        "resp_near_median", 1.0, payload.near_median_size("resp_bytes"), "bytes received within 10 % of the median"
    ),
    payload_("byte_ratio", 1.0, payload.byte_ratio, "originator's share of all bytes"),
    payload_("ratio_spread", 0.5, payload.ratio_spread, "std of the originator's share of a connection's bytes"),
    payload_("empty_share", 1.0, payload.empty_share, "connections without payload"),
    payload_("duration_cv", 100.0, payload.spread("duration"), "std / mean of the durations"),
    payload_("duration_mad", 100.0, payload.relative_deviation("duration"), "MAD / median of the durations"),
    payload_("duration_to_gap", 6.0, payload.duration_to_gap, "log10 of median duration / median gap", -6.0),
    payload_("duty", 10.0, payload.duty, "time with a connection open / span"),
    payload_("missing_duration_share", 1.0, payload.missing_duration_share, "connections without a duration"),
    payload_("failed_share", 1.0, payload.failed_share, "connections never established"),
    payload_("log_orig", 12.0, payload.log_median("orig_bytes"), "log10 of the median bytes sent + 1"),
    payload_("log_resp", 12.0, payload.log_median("resp_bytes"), "log10 of the median bytes received + 1"),
    payload_("log_duration", 9.0, payload.log_duration, "log10 of the median duration in seconds", -3.0),
    payload_("large_answer_share", 1.0, payload.large_answer_share, "answers above ten times the median one"),
    payload_("state_mode_share", 1.0, payload.state_mode_share, "connections in the most frequent state"),
    # presence
    presence_("log_n", 0.0, 9.0, presence.log_n, "log10 of the check-ins"),
    presence_("log_median_gap", -6.0, 11.0, presence.log_median_gap, "log10 of the median gap in seconds"),
    presence_("active_share", 0.0, 1.0, presence.active_share, "clock hours with a check-in / hours of the span"),
    presence_("active_run", 0.0, 1.0, presence.active_run, "longest run of active clock hours / 12"),
    presence_("silence_to_span", 0.0, 1.0, presence.silence_to_span, "longest gap / span"),
    presence_("silence_to_gap", 0.0, 12.0, presence.silence_to_gap, "log10 of longest gap / median gap"),
    presence_("parts_filled", 0.0, 1.0, presence.parts_filled, "filled 24ths of the span"),
    presence_("parts_cv", 0.0, 5.0, presence.parts_cv, "std / mean of the check-ins in 24ths of the span"),
    presence_("busy_run", 0.0, 1.0, presence.busy_run, "longest run of filled 24ths of the span"),
    presence_("drift", 0.0, 1.0, presence.drift, "distance of the check-ins from an even spread over the span"),
    # where it goes
    context_("port_class", 0.0, 4.0, context.port_class, "how unusual the port is, from web to dynamic"),
    context_("service_fit", -1.0, 1.0, context.service_fit, "whether the service is the port's"),
    context_("named_share", 0.0, 1.0, context.named_share, "connections with a server name"),
    context_("prevalence", 0.0, 1.0, context.prevalence, "other hosts of the site that go there"),
)

MODEL_FEATURES = tuple(feature.name for feature in CATALOGUE if feature.model)
COLUMN = {feature.name: place for place, feature in enumerate(CATALOGUE)}
