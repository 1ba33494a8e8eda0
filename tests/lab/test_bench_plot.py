"""What a benchmark prints becomes a picture of just these figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.bench.plot import plot
from zeek_beacons_lab.studies import plots

REPORT = """658 MB, 2 cores
| phase | share |
|---|---|
| other | 1 |

| command | seconds | CPU seconds | more |
|---|---|---|---|
| floor | 3.44 | 4.23 | |
| score | 1,018.10 | .5 [.4, .6] | +26.4 % |
done
"""


def drawn(monkeypatch: pytest.MonkeyPatch, *columns: str) -> Mapping[str, Mapping[str, float]]:
    seen: list[Mapping[str, Mapping[str, float]]] = []
    monkeypatch.setattr(plots, "bars", lambda _, groups, *__: seen.append(groups))
    plot(REPORT, Path("x.png"), columns, "")
    return seen[0]


def test_bars_are_the_cells_of_the_columns_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"floor": {"seconds": 3.44, "CPU seconds": 4.23}, "score": {"seconds": 1018.1, "CPU seconds": 0.5}}
    assert drawn(monkeypatch, "seconds", "CPU seconds") == wanted


def test_a_row_without_a_figure_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, "more") == {"score": {"more": 26.4}}


@pytest.mark.parametrize("text", [REPORT, "no table at all"])
def test_columns_that_no_table_has_are_told(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no table has the columns minutes"):
        plot(text, tmp_path / "x.png", ["minutes"], "")


def test_a_picture_is_written(tmp_path: Path) -> None:
    plot(REPORT, tmp_path / "x.png", ["seconds"], "seconds")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
