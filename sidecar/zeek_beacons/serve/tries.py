"""How often somebody may be wrong about a token: so often from one address, and so often in all.

The same wrong token is counted once, so that a program which was left with an old one shuts nobody else out. An address
that a right token came from is let through while strangers use up what there is in all.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

WINDOW = 300.0  # seconds after which a wrong token is forgotten
OF_ONE, IN_ALL = 20, 500  # wrong tokens within that time
MOST_TRUSTED = 1000  # addresses that a right token came from, the newest

log = logging.getLogger(__name__)


class WrongToken(NamedTuple):
    """One that was tried."""

    at: float
    address: str
    digest: bytes


class Tries:
    """Counts wrong tokens; holds at most IN_ALL of them. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: deque[WrongToken] = deque(maxlen=IN_ALL)
        self._trusted: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, host: str) -> float:
        """Seconds until a token may be tried from there; 0 where it may be now."""
        address, now = network_of(host), self._clock()
        with self._lock:
            self._forget(now)
            own = [one.at for one in self._wrong if one.address == address]
            if len(own) >= OF_ONE:
                return own[-OF_ONE] + WINDOW - now
            if len(self._wrong) >= IN_ALL and address not in self._trusted:
                return self._wrong[0].at + WINDOW - now
        return 0.0

    def wrong(self, host: str, token: str) -> None:
        """It was no token."""
        address, now = network_of(host), self._clock()
        digest = hashlib.blake2b(token.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        with self._lock:
            self._forget(now)
            own = [one.digest for one in self._wrong if one.address == address]
            if digest in own:
                return
            self._wrong.append(WrongToken(now, address, digest))
        if len(own) + 1 == OF_ONE:
            log.warning("wrong_tokens", extra={"fields": {"address": address, "tried": OF_ONE}})

    def right(self, host: str) -> None:
        """It was one."""
        address = network_of(host)
        with self._lock:
            self._trusted[address] = None
            self._trusted.move_to_end(address)
            while len(self._trusted) > MOST_TRUSTED:
                self._trusted.popitem(last=False)

    def _forget(self, now: float) -> None:
        while self._wrong and self._wrong[0].at <= now - WINDOW:
            self._wrong.popleft()


def network_of(host: str) -> str:
    """What counts as one address: of IPv6 the /64 that a single machine may have."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
