"""An allow-list file that is read again when it changes, for a sidecar that runs for months."""

from __future__ import annotations

import logging
from pathlib import Path

from zeek_beacons.allow import AllowList
from zeek_beacons.errors import InputError

CHECK_INTERVAL = 1.0  # seconds between looks at the file's time and size

log = logging.getLogger(__name__)


class AllowListFile:
    """An allow-list file that may change. One that becomes unreadable leaves the last good list in force."""

    def __init__(self, path: Path | None) -> None:
        """Raises InputError where the file is bad from the start."""
        self.problem = ""
        self._path = path
        self._list = AllowList.load(path) if path else AllowList()
        self._stamp = self._stamp_now()
        self._checked = 0.0
        self._warn()

    def current(self, now: float) -> AllowList:
        """The list in force; `now` is a monotonic clock."""
        if self._path is not None and now - self._checked >= CHECK_INTERVAL:
            self._checked = now
            self._reread_if_changed(self._path)
        return self._list

    def _reread_if_changed(self, path: Path) -> None:
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._list = AllowList.load(path)
        except InputError as error:
            self.problem = str(error)
            log.error("allow_list_failed", extra={"fields": {"problem": self.problem}})
        else:
            self.problem = ""
            log.info("allow_list_read", extra={"fields": {"path": str(path)}})
            self._warn()

    def _warn(self) -> None:
        """A list that allows everything is in force as written, and told of: whoever wrote it may not have meant it."""
        if lines := self._list.too_wide:
            self.problem = f"allow-list allows everything, next to nothing will alert: {'; '.join(lines)}"
            log.warning("allow_list_too_wide", extra={"fields": {"lines": lines}})

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat() if self._path else None
        except OSError:
            return None
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino) if stat else None
