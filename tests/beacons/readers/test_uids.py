"""The newest uids of pairs: rows of other moments are left out before they are parsed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.pairs import Pairs
from zeek_beacons.readers.uids import newest_uids

HEADER = "#separator \\x09\n#path\tconn\n#fields\t{}\n"
FIELDS = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"]
BEGIN = 1_767_225_600


def line(ts: str, uid: str, order: list[int], orig: str = "10.0.0.1") -> str:
    values = [ts, uid, orig, "40000", "192.0.2.9", "443", "tcp"]
    return "\t".join(values[at] for at in order)


def found(path: Path, starts: list[float]) -> tuple[str, ...]:
    pairs = Pairs.build([{"orig_h": "10.0.0.1", "resp": "192.0.2.9", "resp_p": 443, "start": starts}])
    return newest_uids({str(path): "conn"}, pairs, [0]).get(0, ())


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6], [1, 0, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0]])
def test_the_newest_three_are_found_wherever_the_time_stands(tmp_path: Path, order: list[int]) -> None:
    path = tmp_path / "conn.log"
    rows = [line(f"{BEGIN + at * 60}.{at:06d}", f"C{at}", order) for at in range(500)]
    path.write_text(HEADER.format("\t".join(FIELDS[at] for at in order)) + "\n".join(rows) + "\n")
    starts = [BEGIN + at * 60 + at / 1e6 for at in range(0, 500, 7)]
    assert found(path, starts) == ("C497", "C490", "C483")


def test_times_of_another_form_are_found_too(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    order = list(range(7))
    rows = [
        line(f"{BEGIN}.5", "Cshort", order),  # as exports write it
        line(f"{BEGIN + 1}.000000", "Cother", order, orig="10.0.0.2"),
        line(f"{BEGIN + 1}.000000", "Cwhole", order),
        "1767225602.00000x\tbad",
        line(f"{BEGIN + 2}", "Cbare", order),  # the last line has no end
    ]
    path.write_text(HEADER.format("\t".join(FIELDS)) + "\n".join(rows))
    assert found(path, [BEGIN + 0.5, BEGIN + 1, BEGIN + 2]) == ("Cbare", "Cwhole", "Cshort")


def test_a_second_header_with_another_order_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    one, other = list(range(7)), [1, 0, 2, 3, 4, 5, 6]
    text = HEADER.format("\t".join(FIELDS)) + line(f"{BEGIN}.000001", "Cone", one) + "\n"
    text += HEADER.format("\t".join(FIELDS[at] for at in other)) + line(f"{BEGIN + 9}.000001", "Cother", other) + "\n"
    path.write_text(text)
    assert found(path, list(np.array([BEGIN, BEGIN + 9]) + 1e-6)) == ("Cother", "Cone")
