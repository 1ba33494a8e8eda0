"""A verdict as a colleague would put it, made from data at the edge."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np

from zeek_beacons.features import CATALOGUE, JITTER_KINDS
from zeek_beacons.features.catalogue import COLUMN
from zeek_beacons.pairs import Ints, Pairs
from zeek_beacons.pipeline import Scored
from zeek_beacons.readers.dns_asked import MOST_NAMES
from zeek_beacons.reports import counting
from zeek_beacons.reports.target import server_text, way
from zeek_beacons.scoring.context_term import CODES, Facts, Indicator
from zeek_beacons.scoring.lookalike_table import LOOK_ALIKES
from zeek_beacons.scoring.reasons import REASONS, Fact, Reason
from zeek_beacons.scoring.rules import Rule
from zeek_beacons.verdicts import BEACON, TUNNEL

ROUND_SLEEPS = (3600, 900, 300, 60, 30, 15, 10, 5, 1)  # seconds, the roundest first
WORTH_TELLING = 0.5  # share of equal sizes that says something
ALMOST = 0.995  # of a score: rounded, it would claim to be certain
WILD = 0.9  # jitter from which it says no more than that there is hardly any rhythm
# What the shape of the jitter says of the waits: sleep and jitter are filled in, as the implant's settings would be.
WAITS = {
    "constant": "waits of {sleep}, always the same",
    "shortened": "waits of up to {jitter} less than {sleep}",
    "symmetric": "waits of {sleep}, up to {jitter} more or less",
    "gaussian": "waits of {sleep} give or take, nearly all within {jitter}",
    "lengthened": "waits of {sleep} and up to {jitter} more",
    "exponential": "waits of {sleep} on average, as irregular as by chance",
}

_ABOUT_SERVER = np.array([isinstance(one, Indicator) for one in REASONS])


def sentence(scored: Scored, row: int) -> str:
    """Who, to where, how often, how regular, how long, how sure: one line on the pair at `row`; made once."""
    known = scored.sentences.get(row)
    if known is None:
        known = scored.sentences[row] = _sentence(scored, row)
    return known


def _sentence(scored: Scored, row: int) -> str:
    pairs, verdicts = scored.pairs, scored.verdicts
    if verdicts.kind[row] == TUNNEL:
        text = _spaced(_carried(scored, row))
        return f"{text}; {scored.said[row]}" if row in scored.said else text
    if found := counting.clause(scored, row):
        by = way(pairs.channel[row], pairs.addr[row])
        text = f"{pairs.orig_h[row]} talks to {target(scored, row)}{f', {by}' if by else ''}: {found}"
        return f"{text}; {scored.said[row]}" if row in scored.said else text
    parts = [
        f"{pairs.orig_h[row]} {'checks in with' if verdicts.label[row] == BEACON else 'talks to'} {target(scored, row)}"
    ]
    if of := in_turn(scored, row):
        parts[0] += f", {of},"
    if by := way(pairs.channel[row], pairs.addr[row]):
        parts[0] += f", {by},"
    sleep, jitter = verdicts.sleep[row], verdicts.jitter[row]
    growth = _feature(scored, row, "growth")
    if not math.isnan(growth):
        change = f"grow {growth:.2g}-fold" if growth > 1 else f"shrink {1 / growth:.2g}-fold"
        parts.append(f"after waits that {change} and start again")
    elif not math.isnan(sleep):
        spread = "" if math.isnan(jitter) else f" (jitter {jitter:.0%})"
        about = f"about every {duration(sleep)}, at widely varying waits"
        parts.append(about if jitter >= WILD else f"every {duration(sleep)}{spread}")
    text = " ".join(parts).rstrip(",")
    span = pairs.last_ts[row] - pairs.first_ts[row]
    text += f", {pairs.conns[row]} times over {duration(span)}"
    text += stretch(scored, row)
    same = _feature(scored, row, "same_size_share")
    if same >= WORTH_TELLING:
        text += f", {same:.0%} the same size"
    if verdicts.look_alike[row] >= 0:
        text += f", looks like {LOOK_ALIKES[verdicts.look_alike[row]].text}"
    score = verdicts.score[row]
    if not math.isnan(score):
        text += f"; {'probability' if verdicts.calibrated else 'score'} {sure(score)}"
    hint = implant(scored, row)
    text = _spaced(f"{text}; {hint}" if hint else text)
    return "; ".join([text, *(told[row] for told in (scored.listed, scored.said) if row in told)])


def _carried(scored: Scored, row: int) -> str:
    """What a tunnel carries, in words."""
    pairs = scored.pairs
    names, length = int(pairs.names_asked[row]), pairs.names_length[row]
    many = f"{names} different names" + (" or more" if names >= MOST_NAMES else "")
    span = pairs.last_ts[row] - pairs.first_ts[row]
    how_often = f"{pairs.conns[row]} times over {duration(span)}"
    return (
        f"{pairs.orig_h[row]} asks for {many} under {pairs.resp[row]}, {length / names:.0f} characters on average: "
        f"carries data in DNS, {way(pairs.channel[row], pairs.addr[row])}, {how_often}"
    )


def sure(score: float) -> str:
    """A score in words; nothing is certain: `0.98`, `above 0.99`."""
    return f"{score:.2f}" if score < ALMOST else "above 0.99"


def stretch(scored: Scored, row: int) -> str:
    """From when to when the stretch lasts that the sentence speaks of, UTC; "" where it speaks of all connections."""
    place = scored.feature_row[row]
    if place < 0 or math.isnan(scored.stretch[place, 0]):
        return ""
    begin, end, last = (
        datetime.fromtimestamp(seconds, UTC) for seconds in (*scored.stretch[place].tolist(), scored.pairs.last_ts[row])
    )
    form = "%H:%M" if begin.date() == end.date() == last.date() else "%Y-%m-%d %H:%M"
    return f", in its busiest stretch, {begin:{form}} to {end:{form}} UTC"


def implant(scored: Scored, row: int) -> str:
    """A hint at what an implant would be configured with, "" where its timer is not sure."""
    sleep, jitter = scored.verdicts.hint_sleep[row], scored.verdicts.hint_jitter[row]
    if math.isnan(sleep):
        return ""
    spread = f" / {round_jitter(jitter):.0%}" if round_jitter(jitter) else ""
    return _spaced(f"looks like an implant with sleep {duration(round_sleep(sleep))}{spread}")


def waits(scored: Scored, row: int) -> str:
    """The law of the waits in plain words, "" where there is no rhythm."""
    verdicts = scored.verdicts
    sleep, jitter, kind = (column[row] for column in (verdicts.sleep, verdicts.jitter, verdicts.jitter_kind))
    if kind < 0 or math.isnan(sleep + jitter):
        return ""
    if jitter >= WILD:
        return _spaced(f"waits vary widely, {duration(sleep)} at most or in the middle")
    return _spaced(WAITS[JITTER_KINDS[kind]].format(sleep=duration(sleep), jitter=f"{jitter:.0%}"))


def round_sleep(seconds: float) -> float:
    """The round number of seconds that a person would have configured, where one is near: the rounder, the less so."""
    near = ((step, step * round(seconds / step)) for step in ROUND_SLEEPS)
    return next(
        (value for step, value in near if value and abs(value - seconds) <= min(0.03 * seconds, 0.1 * step)), seconds
    )


def round_jitter(jitter: float) -> float:
    """The nearest whole 5 %."""
    return round(jitter * 20) / 20


def reasons(scored: Scored, row: int, server: ServerFacts | None = None) -> list[str]:
    """The reasons of one verdict as texts: what speaks most for a beacon first, what speaks most against it last.

    Before them, which group the pair alerts with, how it is on an indicator list, and what was counted, if any. Those
    with nothing to tell, since the value they would tell is not known, are told of together at the end.
    """
    first = filter(None, (in_turn(scored, row), scored.listed.get(row, ""), counting.clause(scored, row)))
    return [*first, *filter(None, reason_texts(scored, row, server)), *_not_known(scored, row)]


def reason_texts(scored: Scored, row: int, server: ServerFacts | None = None) -> list[str]:
    """A text for each reason of one verdict, in their order; "" where the value that it would tell is not known.

    `server`: what is known of its server, where that was looked up for many pairs at once.
    """
    given = [REASONS[index] for index in scored.verdicts.reasons[row].tolist() if index >= 0]
    about_server = _told_of_server(scored, row, [reason for reason in given if isinstance(reason, Indicator)], server)
    return [
        about_server[reason.code] if isinstance(reason, Indicator) else _told(scored, row, reason) for reason in given
    ]


def weighed_reasons(scored: Scored, row: int) -> list[str]:
    """What `reasons` gives, each reason with its contribution to the score where it was measured."""
    given = scored.verdicts.contributions[row].tolist()
    weights = ["" if math.isnan(added) else f" ({added:+.2f})" for added in given]
    told = [text + weight for text, weight in zip(reason_texts(scored, row), weights, strict=False) if text]
    first = filter(None, (scored.listed.get(row, ""), counting.clause(scored, row)))
    return [*first, *told, *_not_known(scored, row)]


def reason_value(scored: Scored, row: int, reason: Reason) -> float:
    """The number behind a reason: its feature, or how far a fact about the server holds; NaN where it is not known."""
    place = scored.feature_row[row]
    if isinstance(reason, Indicator):
        place = scored.feature_row[scored.speaker[row]]
        return (
            math.nan if scored.context is None or place < 0 else float(scored.context[place, CODES.index(reason.code)])
        )
    return _feature(scored, row, reason.feature)


def _not_known(scored: Scored, row: int) -> list[str]:
    """One line on all values that reasons would tell and that are not known; none where all are."""
    told = [REASONS[index] for index in scored.verdicts.reasons[row].tolist() if index >= 0]
    lacking = [one.feature for one in told if not isinstance(one, Indicator)]
    meanings = [CATALOGUE[COLUMN[name]].meaning for name in lacking if math.isnan(_feature(scored, row, name))]
    return [f"not known: {', '.join(meanings)}"] if meanings else []


@dataclass(frozen=True, slots=True, eq=False)
class ServerFacts:
    """What is known of the servers of some pairs, looked up at once: for one pair alone that takes as long."""

    facts: Facts
    place: Mapping[int, int]  # row of a pair -> its place in the facts

    @classmethod
    def of(cls, scored: Scored, rows: Ints) -> Self:
        """Of the pairs at `rows` that have such a fact among their reasons, or rather of those that speak for them."""
        speaker, given = scored.speaker[rows], scored.verdicts.reasons[rows]
        known = (scored.feature_row[speaker] >= 0) & (_ABOUT_SERVER[given] & (given >= 0)).any(axis=1)
        rows, speaker = rows[known], speaker[known]
        facts = scored.scoring.facts(scored.pairs.take(speaker), scored.features.take(scored.feature_row[speaker]))
        return cls(facts, {row: place for place, row in enumerate(rows.tolist())})


def _told_of_server(
    scored: Scored, row: int, indicators: Sequence[Indicator], server: ServerFacts | None
) -> dict[str, str]:
    """What the facts about the server say in words, by the indicator's code."""
    if not indicators:
        return {}
    known = server or ServerFacts.of(scored, np.array([row]))
    return {one.code: _spaced(one.tell(known.facts, known.place[row])) for one in indicators}


def _told(scored: Scored, row: int, reason: Rule | Fact) -> str:
    value = _feature(scored, row, reason.feature)
    if math.isnan(value):
        return ""
    return _spaced(reason.text.format(math.exp(value) if reason.is_log else value))


def target(scored: Scored, row: int) -> str:
    """The responder with its port, and its protocol where that is not TCP; of a group how many, and the busiest."""
    pairs, members = scored.pairs, scored.members.get(row)
    if members is None:
        return _server(pairs, row)
    busiest = int(members[np.argmax(pairs.conns[members])])
    ports = len(set(pairs.resp_p[members]))
    of = f"{ports} ports of {_host(pairs.addr[row])}" if ports > 1 else f"{len(members)} servers"
    return f"{of} in turn ({_server(pairs, busiest)} and {len(members) - 1} more)"


def in_turn(scored: Scored, row: int) -> str:
    """Of how many servers or ports in turn a pair is one, where it alerts with them; "" where it speaks for itself."""
    if scored.speaker[row] == row:
        return ""
    members = scored.members[int(scored.speaker[row])]
    what = "ports of this server" if len(set(scored.pairs.resp_p[members])) > 1 else "servers"
    return f"one of {len(members)} {what} in turn"


def _host(resp: str) -> str:
    return f"[{resp}]" if ":" in resp else resp


def _server(pairs: Pairs, row: int) -> str:
    return server_text(pairs.resp[row], int(pairs.resp_p[row]), pairs.proto[row], pairs.channel[row])


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use: `2.2 s`, `61 s`, `5.0 min`, `7.2 h`, `3.1 d`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 1.5 * size or size == 60:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _spaced(text: str) -> str:
    """Percentages as this project writes them: `96 %`."""
    return re.sub(r"(?<=\d)%", " %", text) if "%" in text else text


def _feature(scored: Scored, row: int, name: str) -> float:
    place = scored.feature_row[scored.speaker[row]]
    return math.nan if place < 0 else float(scored.features.matrix[place, COLUMN[name]])
