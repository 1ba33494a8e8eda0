"""Numbers and times as the files of the generator hold them."""

from __future__ import annotations

from datetime import UTC, datetime

from zeek_beacons.pairs import Floats


def numbers(values: Floats, digits: int) -> list[str]:
    """Numbers as a Zeek log prints them, "-" where there is none."""
    return ["-" if value != value else f"{value:.{digits}f}" for value in values.tolist()]


def plain_numbers(values: Floats, digits: int) -> list[str]:
    """Numbers as a CSV prints them, "" where there is none."""
    return ["" if value == "-" else value for value in numbers(values, digits)]


def iso(seconds: float) -> str:
    """ISO 8601 in UTC, with microseconds."""
    whole = round(seconds * 1_000_000)
    moment = datetime.fromtimestamp(whole // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{whole % 1_000_000:06d}Z"
