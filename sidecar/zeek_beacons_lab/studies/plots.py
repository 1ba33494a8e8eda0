"""Figures as PNG. matplotlib comes with the `lab` extra and is imported only here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from zeek_beacons.errors import OutputError
from zeek_beacons.pairs import Floats

mpl.use("Agg")
import matplotlib.pyplot as plt

Curves = Mapping[str, tuple[Floats, Floats]]


def lines(
    path: Path,
    curves: Curves,
    title: str,
    x: str,
    y: str,
    *,
    bold: Sequence[str] = (),
    bands: Mapping[str, tuple[Floats, Floats]] | None = None,
    log_x: bool = False,
    ticks: tuple[Floats, Sequence[str]] | None = None,
    steps: bool = False,
    y_limits: tuple[float, float] | None = (0.0, 1.02),
) -> None:
    """Curves in one frame; those in `bold` stand out. Raises OutputError."""
    figure, axes = plt.subplots(figsize=(8.5, 5.0))
    for number, (name, (xs, ys)) in enumerate(curves.items()):
        style: dict[str, Any] = (
            {"linewidth": 2.8, "color": "black"} if name in bold else {"linewidth": 1.1, "alpha": 0.9}
        )
        style["linestyle"] = ("-", "--", ":")[number // 10 % 3]
        (line,) = axes.plot(xs, ys, drawstyle="steps-post" if steps else "default", label=name, **style)
        if bands and name in bands:
            axes.fill_between(xs, *bands[name], color=line.get_color(), alpha=0.15, linewidth=0)
    if log_x:
        axes.set_xscale("log")
    if ticks:
        axes.set_xticks(*ticks)
        axes.minorticks_off()
    if y_limits:
        axes.set_ylim(*y_limits)
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _save(figure, path)


def bars(path: Path, groups: Mapping[str, Mapping[str, float]], title: str, x: str) -> None:
    """Bars side by side, lying: group -> series -> length. Raises OutputError."""
    series = list(next(iter(groups.values())))
    figure, axes = plt.subplots(figsize=(8.0, 1.2 + 0.16 * len(groups) * (len(series) + 1)))
    height = 0.84 / len(series)
    for number, name in enumerate(series):
        at = np.arange(len(groups)) + (number - (len(series) - 1) / 2) * height
        axes.barh(at, [group[name] for group in groups.values()], height, label=name)
    axes.set_yticks(np.arange(len(groups)), list(groups), fontsize=8)
    axes.invert_yaxis()
    axes.set(title=title, xlabel=x)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    except OSError as error:
        raise OutputError(f"{path}: the figure cannot be written: {error.strerror}") from error
    finally:
        plt.close(figure)
