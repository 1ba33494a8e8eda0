"""A file that is missing, cut, altered or of another version is refused, and the error names it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.cli.commands import run
from zeek_beacons.errors import ModelError
from zeek_beacons.files import shipped_models
from zeek_beacons.knowledge import Knowledge
from zeek_beacons.knowledge.file import KNOWLEDGE, KNOWLEDGE_MANIFEST, LENGTH, MAGIC

from . import small


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small.write(tmp_path)


def refused(folder: Path, problem: str) -> None:
    with pytest.raises(ModelError, match=problem) as error:
        Knowledge.load(folder)
    assert str(folder) in str(error.value)


def test_what_is_whole_loads(folder: Path) -> None:
    known = Knowledge.load(folder)
    assert known.date == "2026-01-31"
    assert known.path == folder / KNOWLEDGE


@pytest.mark.parametrize("name", [KNOWLEDGE, KNOWLEDGE_MANIFEST])
def test_what_is_missing_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, f"{name}: cannot be read")


def test_an_altered_byte_is_found(folder: Path) -> None:
    content = bytearray((folder / KNOWLEDGE).read_bytes())
    content[-1] ^= 1
    (folder / KNOWLEDGE).write_bytes(content)
    refused(folder, f"{KNOWLEDGE}: sha256 is .* {KNOWLEDGE_MANIFEST} says")


@pytest.mark.parametrize("left", [1, len(MAGIC), 100, -1])
def test_a_cut_file_is_found(folder: Path, left: int) -> None:
    (folder / KNOWLEDGE).write_bytes((folder / KNOWLEDGE).read_bytes()[:left])
    refused(folder, "sha256 is")


def test_an_empty_file_is_found(folder: Path) -> None:
    (folder / KNOWLEDGE).write_bytes(b"")
    refused(folder, "is empty")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"version": 1}', '{"sha256": "x"}', "\ud800", "[" * 100_000, '"\x00"']
)
def test_what_is_no_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / KNOWLEDGE_MANIFEST).write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(folder, f"{KNOWLEDGE_MANIFEST}: not a manifest")


def test_another_version_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / KNOWLEDGE_MANIFEST).read_text())
    (folder / KNOWLEDGE_MANIFEST).write_text(json.dumps(manifest | {"version": 2}))
    refused(folder, "version is 2, this program reads 1")


def whole(tmp_path: Path) -> bytes:
    return (small.write(tmp_path) / KNOWLEDGE).read_bytes()


def with_header(content: bytes, header: bytes) -> bytes:
    return MAGIC + len(header).to_bytes(LENGTH, "little") + header + content[-64:]


# What even a manifest that fits does not make good.
def test_a_wrong_magic_is_refused(tmp_path: Path) -> None:
    refused(small.write(tmp_path, b"PK\x03\x04" + whole(tmp_path)[4:]), "not a file of public knowledge")


def test_an_endless_header_is_refused(tmp_path: Path) -> None:
    refused(small.write(tmp_path, MAGIC + b"\xff\xff\xff\xff{}"), "ends within its header")


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b"\xff", b"{}", b"[" * 100_000])
def test_a_malformed_header_is_refused(tmp_path: Path, header: bytes) -> None:
    refused(small.write(tmp_path, with_header(whole(tmp_path), header)), "its header is malformed")


def test_other_tags_are_refused(tmp_path: Path) -> None:
    content = with_header(whole(tmp_path), b'{"tags": ["microsoft"]}')
    refused(small.write(tmp_path, content), "its tags are not those of this program")


def test_a_file_cut_behind_its_header_is_refused(tmp_path: Path) -> None:
    refused(small.write(tmp_path, whole(tmp_path)[:-40]), "is malformed: place")


@pytest.mark.parametrize(
    "changed",
    [
        {"ranks": []},
        {"ranks": [[1000, 99]]},
        {"ranks": [[1000, 4], [2000, 2], [3000, 5]]},
        {"ranks": [["x", 5]]},
        {"ranks": 5},
        {"counts": []},
        {"tagged_masks": np.zeros(2)},
        {"tagged_names": np.array([0xFF])},
        {"masks": np.zeros(0)},
        {"v4_codes": np.array([200])},
        {"v6_codes": np.zeros(0)},
        {"popular_lower": np.zeros(1)},
    ],
    ids=str,
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    refused(small.write(tmp_path, **changed), "malformed")


@given(where=st.integers(0), what=st.binary(min_size=1, max_size=40))
def test_no_bytes_are_more_than_refused(tmp_path_factory: pytest.TempPathFactory, where: int, what: bytes) -> None:
    """Whatever is written over a file whose manifest fits: it loads and answers, or one error says what is wrong."""
    folder = tmp_path_factory.mktemp("altered")
    content = bytearray(whole(folder))
    where %= len(content)
    content[where : where + len(what)] = what
    small.write(folder, bytes(content))
    try:
        known = Knowledge.load(folder)
    except ModelError as error:
        refusal = str(error)
    else:
        refusal = str(folder)
        known.names(["www.big.com", "a.b.c.compute.cloud.net", "x"])
        known.addresses(["192.0.2.1", "2001:db8::1", "x"])
    shutil.rmtree(folder)
    assert str(folder) in refusal


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_models(), tmp_path / "model"))


def test_model_verify_checks_it(model: Path) -> None:
    assert f"{KNOWLEDGE} is good" in run("model", "verify", model).stdout
    with (model / KNOWLEDGE).open("ab") as stream:
        stream.write(b"\0")
    ran = run("model", "verify", model)
    assert ran.returncode == 2
    assert f"{KNOWLEDGE}: sha256 is" in ran.stderr


def test_model_verify_misses_half_of_it(model: Path) -> None:
    (model / KNOWLEDGE).unlink()
    assert f"{KNOWLEDGE}: cannot be read" in run("model", "verify", model).stderr


def test_a_model_needs_none(model: Path) -> None:
    (model / KNOWLEDGE).unlink()
    (model / KNOWLEDGE_MANIFEST).unlink()
    ran = run("model", "verify", model)
    assert ran.returncode == 0, ran.stderr
    assert f"it has no {KNOWLEDGE}" in ran.stdout
