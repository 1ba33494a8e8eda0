"""What SIGHUP means: a terminal that is closed, or a wish to have settings read again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

log = logging.getLogger(__name__)


def on_hang_up(stop: Callable[[], object]) -> Callable[[], object]:
    """What is to be done on SIGHUP, asked at the start: whoever was started in a terminal ends in order with it.

    Any other goes on and says so: allow-list and operators' words are read when they change, the rest at a start.
    """
    return stop if os.isatty(0) else _go_on


def _go_on() -> None:
    log.info("hang_up", extra={"fields": {"read_again": "nothing; a restart reads all settings"}})
