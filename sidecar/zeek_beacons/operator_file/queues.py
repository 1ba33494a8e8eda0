"""What waits in operator.sqlite: connections from other collectors, and jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from zeek_beacons.operator_file.database import OperatorDatabase


class OperatorQueues(OperatorDatabase):
    """The part of the file that the console's own work needs."""

    def add_telemetry(self, collector: str, connections: Sequence[Mapping[str, Any]]) -> None:
        """Queues connections."""
        row = (collector, self._clock(), len(connections), json.dumps(connections, allow_nan=False))
        with self._write() as db:
            db.execute("INSERT INTO telemetry (collector, at, count, connections) VALUES (?, ?, ?, ?)", row)

    def waiting_telemetry(self, taken: int) -> int:
        """Connections that wait, beyond the row that was taken last; what was taken is removed."""
        with self._open() as db:
            done = db.execute("SELECT 1 FROM telemetry WHERE id <= ? LIMIT 1", (taken,)).fetchone()
        if done:
            with self._write() as db:
                db.execute("DELETE FROM telemetry WHERE id <= ?", (taken,))
        with self._open() as db:
            return int(db.execute("SELECT ifnull(sum(count), 0) FROM telemetry").fetchone()[0])

    def put_job(self, job: Mapping[str, Any]) -> None:
        """Writes a job: id, who, at, kind, state, and whatever else is known of it."""
        own = ("id", "who", "at", "kind", "state")
        facts = json.dumps({name: value for name, value in job.items() if name not in own})
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?)", (*(job[name] for name in own), facts))

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, the newest first."""
        with self._open() as db:
            found = db.execute("SELECT id, who, at, kind, state, facts FROM jobs ORDER BY at DESC").fetchall()
        names = ("id", "who", "at", "kind", "state")
        return [dict(zip(names, row[:-1], strict=True)) | json.loads(row[-1]) for row in found]

    def remove_job(self, name: str) -> None:
        """Forgets a job."""
        with self._write() as db:
            db.execute("DELETE FROM jobs WHERE id = ?", (name,))
