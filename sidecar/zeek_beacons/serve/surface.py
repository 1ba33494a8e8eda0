"""What the server's routes share: the file that is shown, operators' words, the sidecar's state, jobs, and who may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zeek_beacons.errors import InputError
from zeek_beacons.live import status
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.readmodel import PairRow, ReadModel
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

    def __call__(self) -> ReadModel:
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


@dataclass(slots=True)
class Surface:
    """All of it. `state_file`: of the sidecar; None where a result is shown, which no sidecar follows."""

    settings: ServeConfig
    model: Shown
    store: OperatorStore
    access: Access
    jobs: Jobs
    state_file: Path | None
    clock: Callable[[], float] = time.time
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def has_sidecar(self) -> bool:
        """Whether what is shown is a sidecar's history, and not a result."""
        return self.state_file is not None

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
            raise ProblemError(409, "this console shows a result; only a sidecar with a history can do that")
