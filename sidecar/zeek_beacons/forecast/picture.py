"""anomaly_scores.png: matplotlib comes with the `forecast` extra and is imported only here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import dates as untyped_dates
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zeek_beacons.forecast.tracks import Track

dates: Any = untyped_dates
INCHES = 10.0, 1.9  # width, and height of each series


def draw(tracks: list[Track], file: Path) -> None:
    """One frame a series: its scores, its threshold, and what alerted."""
    figure = Figure(figsize=(INCHES[0], INCHES[1] * max(len(tracks), 1)), layout="constrained")
    FigureCanvasAgg(figure)
    if not tracks:
        figure.text(0.5, 0.5, "nothing could be forecast", ha="center")
    for number, track in enumerate(tracks, 1):
        axes: Any = figure.add_subplot(len(tracks), 1, number)
        axes.plot(_moments(track.times), track.scores, linewidth=1.0, color="#2456a6")
        if np.isfinite(track.threshold):
            axes.axhline(track.threshold, linewidth=1.0, linestyle="--", color="#b3261e")
        for begin, end in track.alerts:
            axes.axvspan(*_moments(np.array([begin, end])), color="#b3261e", alpha=0.15)
        axes.set_title(track.title.replace("$", r"\$"), fontsize=9, loc="left")
        locator = dates.AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        axes.set_ylabel("score", fontsize=8)
        axes.set_ylim(bottom=0)
        axes.tick_params(labelsize=8)
    figure.savefig(file, dpi=110, format="png", metadata={"Software": None})


def _moments(seconds: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[datetime]:
    return [datetime.fromtimestamp(one, UTC) for one in seconds.tolist()]
