"""Cases that Zeek decides alike: testing-btest/tests/corpus.zeek runs the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.allow import AllowList
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers.addresses import server_name

CORPUS = Path(__file__).parents[1] / "corpus"
LINES: dict[str, Any] = json.loads((CORPUS / "allow_list.json").read_text())
NAMES: list[dict[str, str]] = json.loads((CORPUS / "server_names.json").read_text())


def probe(orig_h: str, resp: str, resp_p: int, proto: str, name: str) -> dict[str, Any]:
    named = {"server_name": name, "named": 6} if name else {}
    start = [60.0 * i for i in range(6)]
    return {"orig_h": orig_h, "resp": resp, "resp_p": resp_p, "proto": proto, "start": start} | named


PROBES = Pairs.build([probe(*given) for given in LINES["probes"]])


@pytest.mark.parametrize("case", LINES["cases"], ids=lambda case: case["line"] or "empty")
def test_a_line_is_taken_or_refused_and_covers(case: dict[str, Any]) -> None:
    if case["covers"] is None:
        with pytest.raises(InputError, match="list:1"):
            AllowList.parse(case["line"], "list")
    else:
        assert AllowList.parse(case["line"]).covers(PROBES).tolist() == case["covers"]


@pytest.mark.parametrize("case", NAMES, ids=lambda case: case["raw"][:20] or "empty")
def test_a_name_has_one_spelling(case: dict[str, str]) -> None:
    assert (server_name(case["raw"]) or "") == case["name"]
