"""What comes from outside, which does not alert by default: told apart from what the site's own hosts do."""

from __future__ import annotations

import numpy as np

from zeek_beacons.incidents import MOSTLY, failed_share
from zeek_beacons.pairs import Ints
from zeek_beacons.pipeline import Scored
from zeek_beacons.verdicts import BEACON, FROM_OUTSIDE, INBOUND

# Where a password can be tried: FTP, SSH, Telnet, mail, LDAP, SMB, databases, remote desktops, WinRM.
LOGIN_PORTS = frozenset(
    (
        *(21, 22, 23, 25, 110, 143, 389, 445, 465, 587, 636, 993, 995, 1433, 1521, 2222, 2323, 3306, 3389),
        *(5432, 5900, 5901, 5985, 5986, 6379, 8291, 27017),
    )
)
MANY = 20  # connections


def quiet_from_outside(scored: Scored) -> Ints:
    """Rows of what would alert if it did not come from outside, by falling score."""
    verdicts = scored.verdicts
    order = verdicts.ranking()
    outside = (verdicts.label == BEACON) & (verdicts.kind == FROM_OUTSIDE) & (verdicts.suppressed == INBOUND)
    rows: Ints = order[outside[order]]
    return rows


def remark(scored: Scored, row: int) -> str:
    """What is added to the sentence on a pair that comes from outside; empty for any other."""
    if scored.verdicts.kind[row] != FROM_OUTSIDE:
        return ""
    (guess,) = looks_like(scored, np.array([row]))
    return f"; comes from outside{f', looks like {guess}' if guess else ''}"


def looks_like(scored: Scored, rows: Ints) -> list[str]:
    """What pairs from outside may be: `a scan`, `a brute force`, or empty. One that is not from outside is neither."""
    failed = failed_share(scored.pairs, rows) > MOSTLY
    login = np.isin(scored.pairs.resp_p[rows], list(LOGIN_PORTS)) & (scored.pairs.conns[rows] >= MANY)
    told = np.where(failed, "a scan", np.where(login, "a brute force", ""))
    return np.where(scored.verdicts.kind[rows] == FROM_OUTSIDE, told, "").tolist()  # type: ignore[no-any-return]
