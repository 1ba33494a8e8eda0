"""What server and client showed of themselves, in words: shown beside a verdict, and no part of its score."""

from __future__ import annotations

import math

import numpy as np

from zeek_beacons.pairs import Pairs
from zeek_beacons.scoring import process


def certificate(pairs: Pairs, row: int) -> str:
    """The server's newest certificate: `self-signed, for c2.example, valid for 3650 days, seen on 4 servers`.

    "" where none was seen.
    """
    own = pairs.cert_self_signed[row]
    if math.isnan(own):
        return ""
    parts = ["self-signed" if own else f"issued by {pairs.cert_issuer[row] or 'nobody named'}"]
    if pairs.cert_name[row]:
        parts.append(f"for {pairs.cert_name[row]}")
    if not own and pairs.cert_valid[row] == 0:
        parts.append("which Zeek could not verify")
    if not math.isnan(days := pairs.cert_days[row]):
        parts.append(f"valid for {days:.0f} day{'' if days == 1 else 's'}")
    if (servers := pairs.cert_servers[row]) > 1:
        parts.append(f"seen on {servers:.0f} servers")
    return ", ".join(parts)


def endpoint(pairs: Pairs, row: int) -> str:
    """The process as an endpoint tells: `rundll32.exe of winword.exe as user1, signed: a system tool ... (+1.5)`.

    "" where none does.
    """
    text = opener(pairs, row)
    if not text:
        return ""
    reasons = "; ".join(process.reasons(process.measure(pairs.take(np.array([row])))[0]))
    return f"{text}: {reasons}" if reasons else text


def opener(pairs: Pairs, row: int) -> str:
    """The same without what it says for or against the pair."""
    if not pairs.process[row]:
        return ""
    text = str(pairs.process[row])
    text += f" of {pairs.parent[row]}" if pairs.parent[row] else ""
    text += f" as {pairs.user[row]}" if pairs.user[row] else ""
    if not math.isnan(pairs.signed[row]):
        text += ", signed" if pairs.signed[row] else ", not signed"
    return text


def web_client(pairs: Pairs, row: int) -> str:
    """The newest client over HTTP: `user agent curl/8 (that of 1 of 12 hosts), a request without Host`.

    "" where no answered request was seen.
    """
    if math.isnan(pairs.no_host[row]):
        return ""
    parts = ["no user agent"]
    if pairs.user_agent[row]:
        parts = [f"user agent {pairs.user_agent[row]}"]
        site = pairs.site_hosts[row]
        if not math.isnan(pairs.agent_hosts[row] + site):
            parts[0] += f" (that of {pairs.agent_hosts[row]:.0f} of {site:.0f} hosts)"
    if pairs.no_host[row]:
        parts.append("a request without Host")
    return ", ".join(parts)
