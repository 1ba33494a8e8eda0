"""What the server's routes share: the file that is shown, operators' words, the sidecar's state, jobs, and who may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zeek_beacons.errors import InputError
from zeek_beacons.fleet.fleet import Fleet
from zeek_beacons.live import status
from zeek_beacons.live.forward.inbox import ForwardInbox
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.readmodel import PairRow, ReadModel
from zeek_beacons.readmodel.readable import Readable
from zeek_beacons.serve.access import Access
from zeek_beacons.serve.jobs import Jobs
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.settings import ServeConfig


class Shown:
    """The history or result that is shown. It may come, go and be replaced while the server runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._model: ReadModel | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Readable:
        """The open file. Raises InputError where it is not there, or cannot be read."""
        with self._lock:
            if self._model is None:
                if not self.path.exists():
                    raise InputError(str(self.path), "there is nothing yet; the sidecar, or `score -o`, makes it")
                self._model = ReadModel.open(self.path)
            return self._model

    def close(self) -> None:
        """Ends the use of the file."""
        with self._lock:
            if self._model is not None:
                self._model.close()
                self._model = None


class ManyShown:
    """Many sensors that are shown as one."""

    def __init__(self, fleet: Fleet) -> None:
        self.path = Path(f"{len(fleet.sensors)} sensors")
        self._fleet = fleet

    def __call__(self) -> Readable:
        """What answers for all of them."""
        return self._fleet

    def close(self) -> None:
        """Ends the looks at them."""
        self._fleet.close()


@dataclass(slots=True)
class Surface:
    """All of it. `state_file`: of the sidecar; None where no sidecar follows what is shown: a result, many sensors.

    `fleet`: the sensors of a console over many. `operated`: the same for a sensor alone whose operators' file this
    console may write to, by name. `inbox`: where forwarded logs are kept, if they are.
    """

    settings: ServeConfig
    model: Shown | ManyShown
    store: OperatorStore
    access: Access
    jobs: Jobs
    state_file: Path | None
    fleet: Fleet | None = None
    operated: Mapping[str, Surface] = field(default_factory=dict)
    inbox: ForwardInbox | None = None
    clock: Callable[[], float] = time.time
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def has_sidecar(self) -> bool:
        """Whether what is shown is a sidecar's history, and not a result or many sensors."""
        return self.state_file is not None

    @property
    def is_run(self) -> bool:
        """Whether what is shown is a result."""
        return self.state_file is None and self.fleet is None

    def of(self, sensor: str) -> Surface | None:
        """What writes down what is said of a sensor's pairs; None where that is for the sensor's own console."""
        return self if self.fleet is None else self.operated.get(sensor)

    def by_sensor(self, rows: Iterable[PairRow]) -> Iterator[tuple[Surface, list[PairRow]]]:
        """The rows that something can be said of here, with what writes it down."""
        found: dict[str, list[PairRow]] = {}
        for row in rows:
            found.setdefault("" if self.fleet is None else row.sensor, []).append(row)
        for sensor, own in found.items():
            surface = self.of(sensor)
            if surface is not None:
                yield surface, own

    def takes_words(self) -> None:
        """Raises ProblemError where what operators say is for the sensors' own consoles."""
        if self.fleet is not None:
            raise ProblemError(
                409,
                "this console shows many sensors: say it at the sensor's own console, or give this one a token for it",
            )

    def state(self) -> dict[str, Any] | None:
        """What the sidecar last said of itself; None where it has said nothing."""
        if self.state_file is None:
            return None
        try:
            return status.read(self.state_file)
        except InputError:
            return None

    def pair(self, id: str) -> PairRow:  # noqa: A002
        """The pair of this id. Raises ProblemError."""
        found = self.model().pair(id)
        if found is None:
            raise ProblemError(404, f"there is no pair {id[:40]!r}")
        return found

    def needs_sidecar(self) -> None:
        """Raises ProblemError where no sidecar follows what is asked for here."""
        if not self.has_sidecar:
            shown = "a result" if self.is_run else "many sensors"
            raise ProblemError(409, f"this console shows {shown}; only a sidecar with a history can do that")
