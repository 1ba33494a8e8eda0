"""What is said of a pair goes to who keeps it: this console's file, that of a sensor, or its machine's console."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zeek_beacons.fleet.named import parted
from zeek_beacons.fleet.remote import RemoteModel, UnsaidError
from zeek_beacons.readmodel import PairRow
from zeek_beacons.serve import wishes
from zeek_beacons.serve.bodies import AllowGiven, FeedbackGiven, SnoozeGiven
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.surface import Surface

Given = AllowGiven | FeedbackGiven | SnoozeGiven
LONGEST_WHY = 200  # characters
_PASSED_ON = (404, 409, 413, 422)  # refusals that say as much here as there

_HERE: Mapping[str, Callable[[Surface, Any, str], int]] = {
    "allow": wishes.allow,
    "feedback": lambda surface, given, who: wishes.feedback(surface, given, given.verdict, given.why, who),
    "snooze": lambda surface, given, who: wishes.snooze(surface, given, given.until, given.why, who),
}


def say(surface: Surface, what: str, given: Given, who: str) -> int:
    """Has `allow`, `feedback` or `snooze` written down. Returns the number of the entry, 0 where that is not told.

    Raises ProblemError and ConfigError.
    """
    if surface.fleet is None:
        return _HERE[what](surface, given, who)
    if not given.beacon:
        surface.takes_words()
    sensor, id = parted(surface.pair(given.beacon).id)  # noqa: A001
    of_owner = given.model_copy(update={"beacon": id})
    own = surface.of(sensor)
    return _HERE[what](own, of_owner, who) if own is not None else say_afar(surface, sensor, what, of_owner, who)


def say_afar(surface: Surface, sensor: str, what: str, given: Given, who: str) -> int:
    """The same of a pair, by its id there, of a sensor on another machine."""
    body = given.model_dump(exclude_unset=True) | {"why": f"{who}: {given.why}".removesuffix(": ")[:LONGEST_WHY]}
    told = _told(console_of(surface, sensor), "POST", what, body)
    number = told.get("id") if isinstance(told, dict) else None
    return number if isinstance(number, int) else 0


def acknowledge(surface: Surface, rows: Iterable[PairRow], who: str) -> int:
    """Notes that someone sees to beacons, each until its severity rises. Returns how many alert.

    Raises ProblemError, also where some were noted and others could not be, and says so.
    """
    those = [row for row in rows if row.level]
    afar = [row for row in those if surface.of(row.sensor) is None and is_afar(surface, row.sensor)]
    problems: list[ProblemError] = []
    seen = 0
    for row in afar:
        if any(str(one).startswith(f"{row.sensor}: ") for one in problems):
            continue  # it was asked, and did not take the one before
        try:
            _told(console_of(surface, row.sensor), "DELETE", f"beacons/{parted(row.id)[1]}")
            seen += 1
        except ProblemError as problem:
            problems.append(problem)
    here = [row for row in those if row not in afar]
    seen += wishes.acknowledge(surface, here, who) if here else 0
    if problems:
        all_of = "; ".join(map(str, problems))
        raise ProblemError(problems[0].status, f"acknowledged {seen} of {len(those)}: {all_of}" if seen else all_of)
    return seen


def is_afar(surface: Surface, sensor: str) -> bool:
    """Whether a sensor's own console can be told with a token of this one."""
    one = None if surface.fleet is None else surface.fleet.sensors.get(sensor)
    return one is not None and isinstance(one.model, RemoteModel) and one.model.has_token


def console_of(surface: Surface, sensor: str) -> RemoteModel:
    """The console of a sensor on another machine. Raises ProblemError where it takes nothing from this one."""
    if not is_afar(surface, sensor) or surface.fleet is None:
        surface.takes_words()
        raise ProblemError(409, "nothing can be said of that sensor's pairs here")
    model = surface.fleet.sensors[sensor].model
    assert isinstance(model, RemoteModel)  # noqa: S101  `is_afar` has looked
    return model


def _told(console: RemoteModel, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    try:
        return console.tell(method, path, body)
    except UnsaidError as error:
        if error.status in _PASSED_ON:
            raise ProblemError(error.status, str(error)) from error
        raise ProblemError(
            409 if error.status in (401, 403) else 503 if error.is_unsaid else 504, str(error)
        ) from error
