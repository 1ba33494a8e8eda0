"""Finds command-and-control beaconing in the timing of Zeek's connections.

result = zeek_beacons.score("conn.log"); result.alerts(); result.to_pandas()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zeek_beacons.api import ScoredLogs, score

__version__ = "0.1.0"
__all__ = ["ScoredLogs", "__version__", "score"]


def __getattr__(name: str) -> Any:
    """Loads what is heavy when it is first asked for: a command that only shows its help needs none of it."""
    if name in ("ScoredLogs", "score"):
        from zeek_beacons import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
