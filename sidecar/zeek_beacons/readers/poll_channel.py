"""Channel `poll`: exchanges inside connections that stay open.

No log that Zeek writes by itself tells of them: they come from the beacon_candidates.log beside conn.log, and nothing
else does, since of all other channels conn.log and the logs beside it tell themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import candidates
from zeek_beacons.readers.candidate_rows import Candidate
from zeek_beacons.readers.files import Input
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.side_logs import spared

CHANNEL = "poll"


def pairs_of(
    paths: Sequence[str], config: Config, ingest: Ingest, begin: float | None = None, until: float | None = None
) -> Pairs:
    """The pairs of the channel in these logs, each of beacon_candidates or of all logs in JSON.

    What is wrong with one of the logs stands in the notes of `ingest`. `begin`, `until`: the time that counts, seconds.
    """
    found: list[Candidate] = []
    for path in paths:
        with spared(ingest):
            own = Ingest(strict=ingest.strict)
            held = candidates.candidates(Input(path), own, None, CHANNEL)
            if held:
                ingest.files.setdefault(path, "candidates")
            for reason, skipped in own.skipped.items():
                at, line, _ = skipped.examples[0]
                ingest.notes.append(f"channel {CHANNEL}: left out {skipped.rows}: {reason}, first at {at}:{line}")
            ingest.notes += own.notes
            found += held
    return candidates.joined(found, config, Ingest(), begin, until)
