"""Templates are compiled once; what cannot be kept, or is no good, is compiled anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from zeek_beacons.pages.compiled import CompiledBeside


class Counting(Environment):
    """Counts what it compiles."""

    compiled = 0

    def _compile(self, source: str, filename: str) -> object:  # type: ignore[override]
        Counting.compiled += 1
        return super()._compile(source, filename)


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    monkeypatch.setattr(Counting, "compiled", 0)


def rendered(folder: Path, text: str = "a {{ b }}", made_by: tuple[Path, ...] = ()) -> str:
    cache = CompiledBeside(folder, made_by)
    return Counting(loader=DictLoader({"x.html": text}), bytecode_cache=cache).get_template("x.html").render(b="c")


def test_a_template_is_compiled_once(tmp_path: Path) -> None:
    assert [rendered(tmp_path) for _ in range(3)] == ["a c"] * 3
    assert Counting.compiled == 1
    assert [one.suffix for one in tmp_path.iterdir()] == [".jinja"]


def test_one_that_changed_is_compiled_anew_and_so_is_all_when_its_maker_changed(tmp_path: Path) -> None:
    rendered(tmp_path)
    assert rendered(tmp_path, "other {{ b }}") == "other c"
    assert Counting.compiled == 2
    maker = tmp_path / "maker.py"
    for text in ("1", "2"):
        maker.write_text(text)
        rendered(tmp_path, "other {{ b }}", (maker,))
    assert Counting.compiled == 4


@pytest.mark.parametrize("broken", [b"", b"j2", b"\x00" * 400])
def test_what_is_broken_is_compiled_anew(tmp_path: Path, broken: bytes) -> None:
    rendered(tmp_path)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2] + broken)
    assert rendered(tmp_path) == "a c"
    kept.write_bytes(broken)
    assert rendered(tmp_path) == "a c"
    assert rendered(tmp_path) == "a c"
    assert Counting.compiled == 3


def test_a_folder_that_takes_nothing_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_folder = tmp_path / "file"
    no_folder.write_text("x")
    assert [rendered(no_folder / "below") for _ in range(2)] == ["a c"] * 2
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert rendered(tmp_path / "cache") == "a c"
    assert not (tmp_path / "cache").exists()
