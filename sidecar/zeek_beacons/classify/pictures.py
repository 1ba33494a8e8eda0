"""The pictures of `classify explore` as PNG. matplotlib comes with the extra `plots` and is imported only here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zeek_beacons.classify.figures import AreaCurve
from zeek_beacons.classify.sample import Column

_INK, _LIGHT = "#2a5d84", "#b8cfe0"
_BARS = 15  # values shown of a column of texts
_LENGTH = 28  # of a name that is drawn


class Album:
    """Draws pictures into a folder, one file each, in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, str] = {}  # name of the file -> what it shows

    def bars(self, name: str, title: str, values: Mapping[str, float], unit: str) -> None:
        """Horizontal bars, the first one on top."""
        shown = list(values.items())[:_BARS]
        figure, (axes,) = _figure(1, 0.32 * max(len(shown), 2) + 1.0)
        axes.barh([_short(text) for text, _ in shown][::-1], [value for _, value in shown][::-1], color=_INK)
        axes.set_xlabel(unit)
        self._keep(name, title, figure)

    def histograms(self, name: str, title: str, columns: Mapping[str, Column]) -> None:
        """A histogram of log10(1 + value) for each column."""
        figure, axes = _figure(len(columns))
        for at, (column, values) in zip(axes, columns.items(), strict=True):
            at.hist(_logs(values), bins=40, color=_INK)
            at.set_title(column, fontsize=9)
            at.set_yscale("symlog")
            at.set_xlabel("log10(1 + value)", fontsize=8)
        self._keep(name, title, figure)

    def spread(self, name: str, title: str, groups: Mapping[str, Column], violins: bool) -> None:
        """A violin or a box of log10(1 + value) for each group."""
        figure, (axes,) = _figure(1)
        filled = {group: logs for group, values in groups.items() if len(logs := _logs(values)) > 1}
        if filled:
            if violins:
                axes.violinplot(list(filled.values()), showmedians=True)
            else:
                axes.boxplot(list(filled.values()), flierprops={"markersize": 2})
            axes.set_xticks(range(1, len(filled) + 1), [_short(group) for group in filled], rotation=30, fontsize=8)
        axes.set_ylabel("log10(1 + value)")
        self._keep(name, title, figure)

    def grid(
        self, name: str, title: str, rows: Sequence[str], columns: Sequence[str], values: Any, digits: str
    ) -> None:
        """A table of numbers in colours: a correlation or a confusion."""
        figure, (axes,) = _figure(1, 0.5 * len(rows) + 1.6)
        numbers = np.asarray(values, dtype=np.float64)
        shade = np.abs(numbers) / max(float(np.nanmax(np.abs(numbers), initial=0.0)), 1e-9)
        axes.imshow(np.nan_to_num(shade), cmap="Blues", vmin=0, vmax=1.4, aspect="auto")
        axes.set_xticks(range(len(columns)), columns, rotation=30, fontsize=8)
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
        for row in range(len(rows)):
            for column in range(len(columns)):
                value = numbers[row, column]
                axes.text(
                    column, row, "-" if np.isnan(value) else format(value, digits), ha="center", va="center", size=8
                )
        self._keep(name, title, figure)

    def curve(self, name: str, title: str, curve: AreaCurve, axes_called: tuple[str, str]) -> None:
        """A curve from 0 to 1, its area in the title."""
        figure, (axes,) = _figure(1, 4.0)
        axes.step(curve.x, curve.y, where="post", color=_INK)
        axes.fill_between(curve.x, curve.y, step="post", color=_LIGHT)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=axes_called[0], ylabel=axes_called[1])
        self._keep(name, title, figure)

    def _keep(self, name: str, title: str, figure: Any) -> None:
        figure.suptitle(title, fontsize=10)
        figure.savefig(self._folder / f"{name}.png", dpi=110, metadata={"Software": None})
        self.files[f"{name}.png"] = title


def _figure(panels: int, height: float = 3.2) -> tuple[Any, Any]:
    figure = Figure(figsize=(2.6 * panels if panels > 1 else 7.2, min(height, 12.0)), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, panels, squeeze=False)[0]


def _logs(values: Column) -> Column:
    known: Column = values[np.isfinite(values) & (values >= 0)]
    logs: Column = np.log10(1.0 + known)
    return logs


def _short(text: str) -> str:
    """A name from the network as it is drawn: printable, short, and no formula."""
    plain = "".join(char if char.isprintable() and char != "$" else "?" for char in text)
    return plain if len(plain) <= _LENGTH else plain[: _LENGTH - 1] + "…"
