"""Captures made here: a site on disk, or in memory, whose labels are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zeek_beacons.pairs import Pairs
from zeek_beacons_lab.captures.labelled import Capture

BEGIN = 1_767_225_600.0
HEAD = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\t"
HEAD += "duration\torig_bytes\tresp_bytes\tconn_state\n"


def site(name: str, hours: float = 24.0, seed: int = 1, people: int = 8) -> Capture:
    """A capture of lab `name`: one clean host with human pairs, one infected with a beacon every ten minutes."""
    rng = np.random.default_rng(seed)
    rows = [
        _pair(f"198.51.100.{k}", "10.0.0.7", np.sort(rng.uniform(0, hours * 3600, 60)), rng) for k in range(1, people)
    ]
    rows.append(_pair("203.0.113.9", "10.0.0.8", np.arange(0, hours * 3600, 600.0), None))
    pairs = Pairs.build(rows)
    label = np.where(pairs.resp == "203.0.113.9", "c2", "benign").astype(object)
    return Capture(name, name, pairs, label, np.full(len(label), "", dtype=object), hours * 3600, 2)


def write(capture: Capture, folder: Path) -> Path:
    """The capture as a folder with conn.log and labels.csv."""
    folder.mkdir(parents=True)
    lines, labels = [], ["orig_h,resp_h,resp_p,proto,label"]
    for row in range(len(capture.pairs)):
        one = capture.pairs.take(np.array([row]))
        labels.append(f"{one.orig_h[0]},{one.resp[0]},443,tcp,{capture.label[row]}")
        for at in range(len(one.start)):
            key = f"{one.orig_h[0]}\t{1024 + at}\t{one.resp[0]}\t443\ttcp\tssl"
            sizes = f"0.5\t{one.orig_bytes[at]:.0f}\t{one.resp_bytes[at]:.0f}\tSF"
            lines.append(f"{one.start[at]:.6f}\tC{row}x{at}\t{key}\t{sizes}\n")
    (folder / "conn.log").write_text(HEAD + "".join(sorted(lines)))
    (folder / "labels.csv").write_text("\n".join(labels) + "\n")
    return folder


def _pair(resp: str, orig: str, times: np.ndarray, rng: np.random.Generator | None) -> dict[str, object]:
    sizes = np.full(len(times), 300.0) if rng is None else np.rint(rng.uniform(100, 9000, len(times)))
    return {
        "orig_h": orig,
        "resp": resp,
        "resp_p": 443,
        "start": BEGIN + times,
        "duration": np.full(len(times), 0.5),
        "orig_bytes": sizes,
        "resp_bytes": sizes,
        "state": ["SF"] * len(times),
    }
