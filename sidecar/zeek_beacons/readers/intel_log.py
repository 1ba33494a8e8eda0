"""Hits of Zeek's Intel framework on servers: intel.log, joined to connections by uid.

What counts is what zeek-scripts/intel.zeek marks in candidates: of each connection its first hit in PLACES.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.printable import words
from zeek_beacons.readers.arrow_parse import NUMBER, Table, times
from zeek_beacons.readers.by_uid import ByUid, log_tables, newest_tables
from zeek_beacons.readers.files import Source
from zeek_beacons.readers.side_logs import BadRows

LONGEST_HIT = 200  # characters, as Zeek's package cuts it
# Where a hit is one on the server: the default of `Beacons::intel_places`.
PLACES = ("Conn::IN_RESP", "HTTP::IN_HOST_HEADER", "HTTP::IN_URL", "SSL::IN_SERVER_NAME", "X509::IN_CERT")
_INTEL = {
    **dict.fromkeys(("uid", "seen.indicator", "seen.indicator_type", "seen.where"), pa.string()),
    "ts": NUMBER,
}
_MODULE = "Intel::"
_ESCAPED = {r"^\\x28empty\)$": "(empty)", r"^\\x2d$": "-"}  # as a tab-separated log has what is not unset, and looks so


class Hits:
    """Type and indicator of such hits, sorted, and the number of each connection's."""

    def __init__(self, found: Sequence[str], by_uid: ByUid) -> None:
        self.found, self.by_uid = found, by_uid

    @classmethod
    def none(cls) -> Self:
        """None were seen."""
        return cls([], ByUid.none())


class HitCollector:
    """Takes intel logs, gives Hits."""

    def __init__(self) -> None:
        self._tables: list[Table] = []

    def read(self, path: Source, bad: BadRows) -> None:
        """Takes an intel log, or a stream of all logs, whole, or nothing of it where it raises InputError."""
        self._tables += list(_on_servers(path, bad))

    def bound(self, most: int) -> int:
        """Holds the last so many rows at most. Returns how many it forgot."""
        self._tables, gone = newest_tables(self._tables, most)
        return gone

    def hits(self) -> Hits:
        """All that was read."""
        if not sum(table.num_rows for table in self._tables):
            return Hits.none()
        seen = pa.concat_tables(self._tables).combine_chunks()
        seen = seen.take(pa.array(np.argsort(seen.column("ts").to_numpy(), kind="stable")))
        uids, hits = (seen.column(name).combine_chunks().dictionary_encode() for name in ("uid", "hit"))
        first = np.unique(uids.indices.to_numpy(), return_index=True)[1]
        texts = [words(text, LONGEST_HIT) for text in hits.dictionary.to_pylist()]
        found, number = np.unique(np.array(texts, dtype=np.str_), return_inverse=True)
        return Hits(found.tolist(), ByUid(uids.dictionary, number[hits.indices.to_numpy()[first]].astype(np.int64)))


def _on_servers(path: Source, bad: BadRows) -> Iterator[Table]:
    """ts, uid and hit of the rows that say that a connection's server is known."""
    for table in log_tables(path, "intel", _INTEL, bad):
        is_one = pc.is_in(table.column("seen.where"), pa.array(PLACES))
        moments = pa.array(times(table, "ts"))
        table = table.set_column(table.column_names.index("ts"), "ts", moments)
        table = table.filter(pc.and_(is_one, pc.is_valid(table.column("uid"))))
        kind, what = table.column("seen.indicator_type"), table.column("seen.indicator")
        kind = pc.replace_substring_regex(pc.fill_null(kind, f"{_MODULE}ADDR"), f"^{_MODULE}", "")
        what = pc.utf8_slice_codeunits(pc.fill_null(what, ""), 0, LONGEST_HIT + 1)
        for pattern, text in _ESCAPED.items():
            what = pc.replace_substring_regex(what, pattern, text)
        hit = pc.binary_join_element_wise(kind, what, " ")
        yield pa.table({"ts": table.column("ts"), "uid": table.column("uid"), "hit": hit})
