"""A reason's weight as a bar: to the right what speaks for a beacon, to the left what speaks against it."""

from __future__ import annotations

import math

from zeek_beacons.charts.svg import chart, element, rule

WIDTH, HEIGHT = 160, 14


def contribution_bar(added: float | None, most: float) -> str:
    """`added` to the score, of at most `most` either way; without a bar where it was not measured."""
    middle = WIDTH / 2
    parts = [rule(middle, 0, middle, HEIGHT, "ground")]
    if added is None or not math.isfinite(added):
        return chart("contribution", WIDTH, HEIGHT, "contribution", "not measured", parts)
    reach = most if math.isfinite(most) and most > 0 else 1.0
    long = max(min(abs(added) / reach, 1.0) * (middle - 2), 1.0)
    way = "for" if added >= 0 else "against"
    left = middle if added >= 0 else middle - long
    parts.append(element("rect", x=left, y=2, width=long, height=HEIGHT - 4, cls=f"weight {way}"))
    return chart("contribution", WIDTH, HEIGHT, "contribution", f"{added:+.2f}, speaks {way} a beacon", parts)
