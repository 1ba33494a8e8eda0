"""What the channel `poll` adds to the alerts on captures, by a real Zeek: right where the labels say C2, else wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.keys import POLL
from zeek_beacons.labels import BEACONS, folders_of, labels_of, read_labels
from zeek_beacons.live import pcap_loop
from zeek_beacons.live.pcap_loop import PcapLoop
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import SUPPRESSIONS
from zeek_beacons_lab.studies.tables import Cell, Report, Table

NO_LABEL = "-"


def captures_of(root: Path) -> Iterator[tuple[Path, Path]]:
    """The labelled captures below `root` whose packets are there: folder, and file of packets."""
    for folder in folders_of(root):
        for file in sorted(folder.glob("*.pcap*")):
            yield folder, file


def run(captures: Iterable[tuple[Path, Path]], zeek: Path, scoring: Scoring, config: Config) -> Report:
    """A line a capture, and one for each pair of exchanges that would alert if nothing kept it quiet."""
    lines: list[list[Cell]] = []
    pairs: list[list[Cell]] = []
    for folder, file in captures:
        with tempfile.TemporaryDirectory() as scratch:
            pcap_loop.run(file, Path(scratch), PcapLoop(zeek, config, scoring))
            log = Path(scratch) / "conn.log"
            if not log.exists():
                continue
            scored = score(read(Request([str(log)]), config)[0], scoring, config)
        right = np.isin(labels_of(scored.pairs, read_labels(folder / "labels.csv")), list(BEACONS))
        polls, alerts = scored.pairs.channel == POLL, scored.verdicts.alerts
        counts = [int(rows.sum()) for rows in (polls, alerts & right & ~polls, alerts & ~right & ~polls)]
        added = [int((alerts & polls & rows).sum()) for rows in (right, ~right)]
        lines.append([folder.name, *map(str, (*counts, *added))])
        pairs += _told(folder, scored)
    head = (
        "capture",
        "pairs of exchanges",
        "right without",
        "wrong without",
        "right by exchanges",
        "wrong by exchanges",
    )
    columns = ("capture", "originator", "server", "exchanges", "sleep, s", "score", "kept quiet by", "label")
    return Report({"polled": Table(head, lines), "polled_pairs": Table(columns, pairs)})


def _told(folder: Path, scored: Scored) -> Iterator[list[Cell]]:
    pairs, verdicts = scored.pairs, scored.verdicts
    label = labels_of(pairs, read_labels(folder / "labels.csv"))
    loud = (pairs.channel == POLL) & (verdicts.score >= verdicts.threshold)
    for row in np.flatnonzero(loud).tolist():
        server = f"{pairs.resp[row]}:{pairs.resp_p[row]}/{pairs.proto[row]}"
        quiet = SUPPRESSIONS[verdicts.suppressed[row]]
        told = (f"{verdicts.sleep[row]:.0f}", f"{verdicts.score[row]:.2f}", quiet or NO_LABEL, label[row] or NO_LABEL)
        yield [folder.name, str(pairs.orig_h[row]), server, str(pairs.conns[row]), *told]
