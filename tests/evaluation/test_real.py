"""The shipped model on real C2, where the labelled captures are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.evaluation.real import evaluate, table
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring

# Capture -> a responder of its C2 (or of its scripted check-ins).
MUST_ALERT = {
    "motd_comfoo": "68.183.138.51",
    "motd_taidoor": "104.248.234.238",
    "empire_http443": "192.252.210.107",
    "emotet_icedid": "185.129.49.19",
    "njrat_230-1": "41.108.179.197",
    "slips_testcc1": "141.193.213.21",
    "slips_testcc2": "141.193.213.20",
}


@pytest.mark.parametrize(("capture", "addr"), MUST_ALERT.items())
def test_known_c2_alerts_under_balanced(captures: Path, capture: str, addr: str) -> None:
    pairs, _ = read(Request([str(captures / "dev" / capture)]), Config())
    scored = score(pairs, Scoring.load(), Config())
    assert addr in set(pairs.addr[scored.verdicts.alerts])


def test_every_capture_is_scored(captures: Path) -> None:
    results = evaluate(captures / "dev", Scoring.load(), Config())
    assert len(results) == len(list((captures / "dev").iterdir()))
    assert table(results).count("\n") == len(results) + 2


def test_a_folder_without_captures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels\.csv"):
        evaluate(tmp_path, Scoring.rules_only(), Config())
