"""What operators decided, as pages list it: one line each, with an id by which it is undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from zeek_beacons.allow import AllowList
from zeek_beacons.errors import InputError
from zeek_beacons.fleet.named import parted, told_apart
from zeek_beacons.keys import CONN, Key, server_of
from zeek_beacons.operator_file.store import Acknowledged, FeedbackRow
from zeek_beacons.pages.context import Decision
from zeek_beacons.readmodel import PairRow
from zeek_beacons.serve.notes import key_of
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.surface import Surface

MOST = 1000


def all_of(surface: Surface) -> list[Decision]:
    """All decisions, the newest first; of many sensors those that are taken here, each by its sensor's name."""
    if surface.fleet is not None:
        own = [(name, one) for name, part in surface.operated.items() for one in all_of(part)]
        told = [replace(one, id=told_apart(name, one.id), about=f"{name}: {one.about}") for name, one in own]
        return sorted(told, key=lambda one: one.when, reverse=True)[:MOST]
    store, now = surface.store, surface.clock()
    found = [_entry("allow", row, row["entry"], now) for row in store.entries("allow", past=True)]
    found += [_entry("snooze", row, _pair(_key(row)), now) for row in store.entries("snoozes", past=True)]
    holds = {one.id for one in store.feedback(newest=True)}
    found += [_judged(one, one.id in holds) for one in store.feedback() if one.word != "withdrawn"]
    found += [_seen(one, _pair(key)) for key, one in store.acknowledged().items()]
    return sorted(found, key=lambda one: one.when, reverse=True)[:MOST]


def on(surface: Surface, row: PairRow) -> list[Decision]:
    """Those in force on a pair, the newest first."""
    own = surface.of(row.sensor)
    if own is None:
        return []
    store, key, now = own.store, key_of(row), surface.clock()
    found = [_judged(one, True) for one in store.feedback(newest=True) if one.key == key]
    found += [_entry("snooze", one, "", now) for one in store.entries("snoozes") if _key(one) == key]
    found += [_entry("allow", one, one["entry"], now) for one in store.entries("allow") if _allows(one["entry"], row)]
    found += seen(surface, [row]).values()
    found.sort(key=lambda one: one.when, reverse=True)
    return found if own is surface else [replace(one, id=told_apart(row.sensor, one.id)) for one in found]


def seen(surface: Surface, rows: Iterable[PairRow]) -> dict[str, Decision]:
    """Who acknowledged which of these pairs, by id; one that alerts at a higher level since then is not among them."""
    made = {}
    for own, those in surface.by_sensor(rows):
        known = own.store.acknowledged()
        found = ((row, known.get(key_of(row))) for row in those)
        made.update({row.id: _seen(one, "") for row, one in found if one is not None and one.level >= row.level})
    return made


def undo(surface: Surface, decision: str, who: str) -> None:
    """Takes a decision back. Raises ProblemError where there is none such in force."""
    sensor, own = parted(decision)
    of = surface.of(sensor)
    if of is None:
        raise ProblemError(404, "that decision is not one of this console")
    _undo(of, own, who)


def _undo(surface: Surface, decision: str, who: str) -> None:
    what, _, number = decision.partition("-")
    tables = {"allow": "allow", "snooze": "snoozes"}
    is_number = number.isdecimal() and len(number) < 18
    if what in tables and is_number and surface.store.undo(tables[what], int(number), who):
        return
    if what == "acknowledge" and is_number and surface.store.forget_acknowledged(int(number)):
        return
    if what == "feedback" and is_number:
        for one in surface.store.feedback(newest=True):
            if one.id == int(number):
                surface.store.give_feedback(one.key, one.addr, "withdrawn", who, "", one.model, one.score)
                return
    raise ProblemError(404, "that decision is not in force any more")


def _entry(what: str, row: dict[str, Any], about: str, now: float) -> Decision:
    until = row["until"]
    active = row["undone_at"] is None and (until is None or until > now)
    return Decision(f"{what}-{row['id']}", what, about, row["who"], row["at"], row["why"], until, active)


def _judged(one: FeedbackRow, holds: bool) -> Decision:
    return Decision(f"feedback-{one.id}", one.word, _pair(one.key), one.who, one.at, one.why, None, holds)


def _seen(one: Acknowledged, about: str) -> Decision:
    return Decision(f"acknowledge-{one.id}", "acknowledge", about, one.who, one.at)


def _key(row: dict[str, Any]) -> Key:
    return row["orig_h"], row["resp"], row["resp_p"], row["proto"], row["channel"]


def _pair(key: Key) -> str:
    orig_h, resp, resp_p, proto, channel = key
    return f"{orig_h} → {resp} {resp_p}/{proto}{'' if channel == CONN else f' ({channel})'}"


def _allows(entry: str, row: PairRow) -> bool:
    try:
        listed = AllowList.parse(entry)
    except InputError:
        return False
    return listed.allows(row.orig_h, row.addr, (server_of(row.resp, row.channel), row.name), row.resp_p, row.proto)
