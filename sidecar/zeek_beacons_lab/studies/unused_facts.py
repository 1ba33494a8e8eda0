"""Facts about a pair that do not change its score: would it be better if they did? Each is put beside the indicators of
the context term, weights and all fitted anew, labs left out.

A fact goes into `scoring/context_term.py` when the alert list is better with it, and not because it sounds suspicious.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zeek_beacons import traits
from zeek_beacons.pairs import Bools, Floats
from zeek_beacons.scoring.context_term import Facts
from zeek_beacons_lab.studies.tables import Cell, Table
from zeek_beacons_lab.studies.whole_list import LIST_HEAD, Ours, WholeList
from zeek_beacons_lab.training.context import fitted
from zeek_beacons_lab.training.examples import Examples, Looked
from zeek_beacons_lab.training.forest import folds, lessons

YOUNG = 14  # days
FEW_HOSTS = 3  # of the site, below which what one host alone does says nothing


@dataclass(frozen=True, slots=True)
class UnusedFact:
    """A fact that might be an indicator, one that speaks for a beacon."""

    code: str
    meaning: str
    holds: Callable[[Facts], Any]  # (n,), false also where it is not known


def is_alone(facts: Facts, hosts: Floats) -> Bools:
    """Which are seen of one host alone, of a site with FEW_HOSTS or more, (n,)."""
    alone: Bools = (hosts == 1) & (facts.pairs.site_hosts >= FEW_HOSTS)
    return alone


def number(facts: Facts, code: str) -> Floats:
    """A trait of each pair that is a number, (n,), NaN where it is not known."""
    return traits.numbers(facts.pairs, code)


UNUSED: tuple[UnusedFact, ...] = (
    UnusedFact("server_of_one", "one host alone talks to the server", lambda f: is_alone(f, f.pairs.resp_hosts)),
    UnusedFact("agent_of_one", "one host alone has the user agent", lambda f: is_alone(f, f.pairs.agent_hosts)),
    UnusedFact("no_agent", "HTTP without a user agent", lambda f: (f.pairs.no_host >= 0) & (f.pairs.user_agent == "")),
    UnusedFact("no_host", "HTTP without a Host", lambda f: f.pairs.no_host == 1),
    UnusedFact("self_signed", "a certificate that signed itself", lambda f: f.public & (f.pairs.cert_self_signed == 1)),
    UnusedFact(
        "not_verified", "a certificate that Zeek could not verify", lambda f: f.public & (f.pairs.cert_valid == 0)
    ),
    UnusedFact("not_looked_up", "an address that was never looked up", lambda f: f.public & (f.pairs.dns_named == 0)),
    UnusedFact("port_of_one", "one host alone uses the port outside", lambda f: is_alone(f, number(f, "port_hosts"))),
    UnusedFact("ja3_of_one", "one host alone has the TLS fingerprint", lambda f: is_alone(f, number(f, "ja3_hosts"))),
    UnusedFact("misnamed", "no name of the certificate fits", lambda f: traits.of(f.pairs, "tls_name_mismatch") != ""),
    UnusedFact("young", f"a certificate of {YOUNG} days or fewer", lambda f: number(f, "cert_age_days") <= YOUNG),
    UnusedFact("intel", "a hit of Zeek's Intel framework", lambda f: f.pairs.intel != ""),
)


def table(
    whole: WholeList, mine: Ours, mere_name: Bools, examples: Examples, seen: Sequence[Looked], seed: int
) -> Table:
    """The figures of the list as it is, and with each fact; `mere_name` as `quiet_by_name` tells."""
    loud = mine.may() & ~mere_name
    lines: list[list[Cell]] = [["as it is", "", 0, *whole.line(mine.together, loud, seed)]]
    for one in UNUSED:
        holds = np.concatenate([np.asarray(one.holds(looked.facts), dtype=np.float64) for looked in seen])
        together = with_fact(examples, mine.rhythm, holds, seed)
        lines.append([one.code, one.meaning, int(holds.sum()), *whole.line(together, loud, seed)])
    return Table(("with", "means", "pairs", *LIST_HEAD), lines)


def with_fact(examples: Examples, rhythm: Floats, holds: Floats, seed: int) -> Floats:
    """The scores of the captures' pairs out of fold, with one more indicator; `rhythm` and `holds` are theirs, (n,)."""
    real = examples.capture >= 0
    every = np.zeros((2, len(real)))
    every[:, real] = rhythm, holds
    together = np.zeros(len(real))
    for out, known in folds(examples, seed):
        rows = known & real & examples.learned
        odds, context, is_c2, capture = lessons(examples, every[0], rows)
        fact = every[1][rows & (examples.loud > 0), None]
        term = fitted(odds, np.concatenate([context, fact], axis=1), is_c2, capture, more=((1, 0.0),))
        together[out] = term.apply(every[0][out], np.concatenate([examples.context[out], every[1][out, None]], axis=1))
    return together[real]
