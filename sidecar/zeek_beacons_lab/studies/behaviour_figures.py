"""What verdicts find of the behaviours hidden in real days."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import Verdicts
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.studies.hidden import LENGTHS, NETWORKS, NOTHING, WHOLE_DAY, Hidden, hide
from zeek_beacons_lab.studies.tables import Cell, Report, Table

GROUP = "group:"  # a responder that begins so is no server: the row speaks for several pairs of its originator
SLEEP_OFF, JITTER_OFF = 0.05, 0.1  # how far what is told may be off: share of the sleep, and of 1


def run(captures: Sequence[Capture], scoring: Scoring, config: Config, seed: int) -> pd.DataFrame:
    """Hides every behaviour, scores all in one batch, and gives the shots: see `found`."""
    hidden = hide(captures, config, seed)
    scored = score(hidden.pairs, scoring, config)
    return found(hidden, scored.pairs, scored.verdicts)


def found(hidden: Hidden, pairs: Pairs, verdicts: Verdicts) -> pd.DataFrame:
    """The shots with what the verdicts on `pairs` make of them; rows may have been added, such as groups, or moved.

    Columns: `found` whether a beacon that nothing suppresses is one of the implant's pairs, or a group of its host
    (where nothing is hidden: any pair of the host); `score` the highest of these pairs, `told_sleep` and `told_jitter`
    what is said of the strongest of those found.
    """
    shots = hidden.shots.copy()
    at = {host: row for row, host in enumerate(shots["host"])}
    bare = (shots["behaviour"] == NOTHING).to_numpy()
    highest, alerting = np.full(len(shots), np.nan), np.zeros(len(shots), dtype=np.bool_)
    told = np.full((len(shots), 2), np.nan)
    alerts = verdicts.alerts
    rows = np.flatnonzero(np.isfinite(verdicts.score))
    for row in rows[np.argsort(verdicts.score[rows], kind="stable")].tolist():
        orig_h, resp = pairs.orig_h[row], pairs.resp[row]
        shot = at[orig_h]
        if bare[shot] or resp.startswith(GROUP) or (orig_h, resp, int(pairs.resp_p[row])) in hidden.keys:
            highest[shot] = verdicts.score[row]
            if alerts[row]:
                alerting[shot] = True
                told[shot] = verdicts.sleep[row], verdicts.jitter[row]
    return shots.assign(found=alerting, score=highest, told_sleep=told[:, 0], told_jitter=told[:, 1])


def share_found(shots: pd.DataFrame) -> pd.DataFrame:
    """By behaviour: the share found by server and length, and of those found whose sleep and jitter are told right.

    The row `mean` is of all behaviours, without NOTHING.
    """
    column = [column_of(server, length) for server, length in zip(shots["server"], shots["length"], strict=True)]
    table = shots.assign(column=column).pivot_table("found", "behaviour", "column", "mean", sort=False)
    table = table[[column_of(server, length) for server in NETWORKS for length in LENGTHS]]
    hits = shots[shots["found"]]
    sleep, jitter = hits["sleep"], hits["jitter"]
    right = pd.DataFrame(
        {
            "behaviour": hits["behaviour"],
            "sleep told": ((hits["told_sleep"] - sleep).abs() <= SLEEP_OFF * sleep).where(sleep.notna()),
            "jitter told": ((hits["told_jitter"] - jitter).abs() <= JITTER_OFF).where(jitter.notna()),
        }
    )
    told = right.astype({"sleep told": float, "jitter told": float}).groupby("behaviour").mean()
    table = table.astype(float).join(told)
    table.loc["mean"] = table.drop(index=NOTHING, errors="ignore").mean()
    return table


def report(shots: pd.DataFrame) -> Report:
    """The table by behaviour, and the days that were taken."""
    table = share_found(shots)
    rows: list[list[Cell]] = [[str(name), *table.loc[name].tolist()] for name in table.index]
    bare = (shots["behaviour"] == NOTHING).groupby(shots["capture"])
    days: list[list[Cell]] = [[str(name), int(one.sum()), int((~one).sum())] for name, one in bare]
    return Report(
        {
            "behaviours": Table(["behaviour", *table.columns], rows),
            "behaviours_days": Table(["capture", "hosts", "beacons hidden"], days),
        }
    )


def column_of(server: str, length: int) -> str:
    """What the column of a kind of server and a length is called."""
    return f"{server}, {'whole day' if length == WHOLE_DAY else f'{length} check-ins'}"
