"""Under which domain a name is registered, as Zeek's script tells it too: close to what the public suffix list says."""

from __future__ import annotations

from functools import lru_cache

from zeek_beacons.locality import REMEMBERED

# Second-level labels under which a country registers domains; Beacons::shared_labels.
SHARED_LABELS = frozenset({"ac", "co", "com", "edu", "go", "gov", "mil", "ne", "net", "or", "org"})


@lru_cache(REMEMBERED)
def domain_of(name: str) -> str:
    """The last two labels of a name, three where a country shares the second last; all where it has fewer."""
    labels = name.split(".")
    if len(labels) < 3:
        return name
    shared = len(labels[-1]) == 2 and labels[-2] in SHARED_LABELS
    return ".".join(labels[-3 if shared else -2 :])
