"""What the process behind a pair says, in log-odds: a fact beside the verdict, which it never changes.

An endpoint knows which program opened a connection. Implants like to sit in script hosts and in programs of the system
that run what they are given; browsers and office programs talk all day. Weights are assumed, by what the facts mean in
public write-ups of intrusions (attack.mitre.org, T1059 and T1218; lolbas-project.github.io), not fitted: no public
capture at hand holds both endpoint events and real C2. Of a pair without such facts nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import Bools, Floats, Pairs, Strings

SCRIPT_HOSTS = frozenset(
    {
        *("powershell.exe", "pwsh.exe", "pwsh", "wscript.exe", "cscript.exe", "mshta.exe", "cmd.exe", "python.exe"),
        *("pythonw.exe", "python", "python3", "perl", "perl.exe", "bash", "sh", "dash", "osascript", "node.exe", "php"),
    }
)
SYSTEM_TOOLS = frozenset(
    {
        *("rundll32.exe", "regsvr32.exe", "msiexec.exe", "installutil.exe", "msbuild.exe", "regasm.exe", "regsvcs.exe"),
        *("certutil.exe", "bitsadmin.exe", "wmic.exe", "cmstp.exe", "odbcconf.exe", "msdt.exe", "forfiles.exe"),
        *(
            "dllhost.exe",
            "werfault.exe",
            "gpupdate.exe",
            "mavinject.exe",
            "control.exe",
            "hh.exe",
            "presentationhost.exe",
        ),
    }
)
TALKERS = frozenset(
    {
        *("chrome.exe", "firefox.exe", "msedge.exe", "opera.exe", "brave.exe", "safari", "chrome", "firefox"),
        *("teams.exe", "slack.exe", "zoom.exe", "discord.exe", "outlook.exe", "thunderbird.exe", "onedrive.exe"),
    }
)
# What starts no script host and no such tool in everyday work.
DOCUMENTS = frozenset(
    {
        *("winword.exe", "excel.exe", "powerpnt.exe", "outlook.exe", "onenote.exe", "acrord32.exe", "acrobat.exe"),
        *("mspub.exe", "visio.exe", "w3wp.exe", "sqlservr.exe", "httpd", "nginx", "httpd.exe", "tomcat9.exe"),
    }
)
SYSTEM_USERS = frozenset({"system", "nt authority\\system", "root", "local system"})


@dataclass(frozen=True, slots=True)
class ProcessFact:
    """One fact about the process behind a pair."""

    code: str
    weight: float  # log-odds that it adds
    text: str
    holds: Callable[[Pairs], Bools]  # (n,), false where it is not known


def among(names: Strings, known: frozenset[str]) -> Bools:
    """Which names are one of these, (n,)."""
    return np.fromiter((name in known for name in names), dtype=np.bool_, count=len(names))


def _is_interpreter(pairs: Pairs) -> Bools:
    return among(pairs.process, SCRIPT_HOSTS | SYSTEM_TOOLS)


def _has_odd_parent(pairs: Pairs) -> Bools:
    return among(pairs.parent, DOCUMENTS) & _is_interpreter(pairs)


def _is_system(pairs: Pairs) -> Bools:
    users = np.array([str(user).lower() for user in pairs.user], dtype=np.object_)
    return among(users, SYSTEM_USERS) & _is_interpreter(pairs)


FACTS = (
    ProcessFact("script_host", 1.5, "a script host opens it", lambda pairs: among(pairs.process, SCRIPT_HOSTS)),
    ProcessFact(
        "system_tool", 1.5, "a system tool that runs other code opens it", lambda p: among(p.process, SYSTEM_TOOLS)
    ),
    ProcessFact("odd_parent", 2.0, "a program for documents or pages started it", _has_odd_parent),
    ProcessFact("unsigned", 0.7, "the program's file is not signed", lambda pairs: pairs.signed == 0),
    ProcessFact("as_system", 0.5, "it runs as the system", _is_system),
    ProcessFact(
        "usual_talker",
        -1.0,
        "a signed browser, mail or chat program opens it",
        lambda pairs: among(pairs.process, TALKERS) & (pairs.signed == 1),
    ),
)
WEIGHTS = np.array([fact.weight for fact in FACTS])


def known(pairs: Pairs) -> Bools:
    """Pairs of which an endpoint knows the process, (n,)."""
    named: Bools = pairs.process != ""
    return named


def measure(pairs: Pairs) -> Bools:
    """Which facts hold for which pairs, (n, facts)."""
    held = np.zeros((len(pairs), len(FACTS)), dtype=np.bool_)
    told = np.flatnonzero(known(pairs))
    if len(told):
        some = pairs.take(told)
        held[told] = np.stack([fact.holds(some) for fact in FACTS], axis=1)
    return held


def weight(held: Bools) -> Floats:
    """What the facts that hold add to the log-odds, (n,)."""
    total: Floats = held @ WEIGHTS
    return total


def reasons(held: Bools) -> list[str]:
    """The facts that hold for one pair, each with what it adds, strongest first."""
    found = sorted(
        (fact for fact, holds in zip(FACTS, held.tolist(), strict=True) if holds), key=lambda f: -abs(f.weight)
    )
    return [f"{fact.text} ({fact.weight:+g})" for fact in found]
