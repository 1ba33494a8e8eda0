"""What clients told of themselves over HTTP: http.log, joined to connections by uid. Answered requests count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.pairs import Ints
from zeek_beacons.printable import words
from zeek_beacons.readers.arrow_parse import NUMBER, Table
from zeek_beacons.readers.by_uid import ByUid, log_tables, newest_tables
from zeek_beacons.readers.files import Source
from zeek_beacons.readers.side_logs import BadRows

LONGEST_AGENT = 200  # bytes

_TEXT = pa.string()
_HTTP = {"uid": _TEXT, "method": _TEXT, "host": _TEXT, "user_agent": _TEXT, "status_code": NUMBER}


@dataclass(frozen=True, slots=True, order=True)
class WebClient:
    """What the client of a connection said."""

    agent: str  # the first user agent, "" where it gave none
    no_host: bool  # whether a request had no Host


class WebClients:
    """Such clients, in an order of their own, and the number of each connection's."""

    def __init__(self, found: Sequence[WebClient], by_uid: ByUid) -> None:
        self.found, self.by_uid = found, by_uid

    @classmethod
    def none(cls) -> Self:
        """None were seen."""
        return cls([], ByUid.none())

    @property
    def agents(self) -> Ints:
        """A number for each client that those with one user agent share, -1 where it gave none."""
        names = [one.agent for one in self.found]
        number = np.unique(names, return_inverse=True)[1].astype(np.int64)
        return np.where([not name for name in names], -1, number)


class WebClientCollector:
    """Takes http logs, gives WebClients."""

    def __init__(self) -> None:
        self._tables: list[Table] = []

    def read(self, path: Source, bad: BadRows) -> None:
        """Takes an http log, or a stream of all logs, whole, or nothing of it where it raises InputError."""
        self._tables += list(_answered(path, bad))

    def bound(self, most: int) -> int:
        """Holds the last so many requests at most. Returns how many it forgot."""
        self._tables, gone = newest_tables(self._tables, most)
        return gone

    def clients(self) -> WebClients:
        """All that was read."""
        if not sum(table.num_rows for table in self._tables):
            return WebClients.none()
        requests = pa.concat_tables(self._tables).combine_chunks()
        uids = requests.column("uid").combine_chunks().dictionary_encode()
        connection = uids.indices.to_numpy().astype(np.int64)
        agents = requests.column("agent").combine_chunks().dictionary_encode()
        texts = [words(text, LONGEST_AGENT) for text in agents.dictionary.to_pylist()] + [""]
        agent = agents.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        no_host = np.zeros(len(uids.dictionary), dtype=np.bool_)
        no_host[connection[requests.column("no_host").to_numpy()]] = True
        first = np.full(len(no_host), -1, dtype=np.int64)
        said = np.flatnonzero(np.array([bool(text) for text in texts])[agent])
        known, at = np.unique(connection[said], return_index=True)
        first[known] = agent[said[at]]
        made = [WebClient(texts[code], missing) for code, missing in zip(first.tolist(), no_host.tolist(), strict=True)]
        found = sorted(set(made))
        place = {one: number for number, one in enumerate(found)}
        return WebClients(found, ByUid(uids.dictionary, np.array([place[one] for one in made], dtype=np.int64)))


def _answered(path: Source, bad: BadRows) -> Iterator[Table]:
    """uid, agent and no_host of the requests that were answered."""
    for table in log_tables(path, "http", _HTTP, bad):
        answered = pc.and_(pc.is_valid(table.column("method")), pc.is_valid(table.column("status_code")))
        table = table.filter(pc.and_(answered, pc.is_valid(table.column("uid"))))
        agent = pc.utf8_slice_codeunits(table.column("user_agent"), 0, LONGEST_AGENT + 1)
        no_host = pc.equal(pc.fill_null(pc.utf8_length(table.column("host")), 0), 0)
        yield pa.table({"uid": table.column("uid"), "agent": agent, "no_host": no_host})
