"""Feedback as labels: a file that `score --truth`, training and evaluation read beside the logs it was given on."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from zeek_beacons.operator_file.store import FeedbackRow
from zeek_beacons.pairs import is_group

COLUMNS = ("orig_h", "resp_h", "resp_p", "proto", "label", "confidence", "evidence")
LABEL = {"true": "beacon", "false": "benign"}
DIVIDED = "exclude"  # where people say one thing of a name and another of a second one at the same address


def write(feedback: Iterable[FeedbackRow], stream: TextIO) -> int:
    """Writes the newest feedback of each pair, by address as labels are. Returns how many rows.

    A pair by name is labelled by the address it had; a group of pairs, which has none, is left out.
    """
    rows: dict[tuple[str, str, int, str], tuple[str, str]] = {}
    for one in feedback:
        orig_h, resp, resp_p, proto, _ = one.key
        if is_group(resp) or one.word not in LABEL:
            continue
        label, evidence = LABEL[one.word], f"feedback of {one.who}" + (f": {one.why}" if one.why else "")
        key = (orig_h, one.addr or resp, resp_p, proto)
        if one.addr and one.addr != resp:
            evidence += f" (as {resp})"
        if key in rows and rows[key][0] != label:
            label, evidence = DIVIDED, f"{rows[key][1]}; {evidence}"
        rows[key] = label, evidence
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    writer.writerows((*key, label, "high", evidence) for key, (label, evidence) in sorted(rows.items()))
    return len(rows)
