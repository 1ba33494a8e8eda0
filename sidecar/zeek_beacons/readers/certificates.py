"""The certificates that servers presented: ssl.log, joined to connections by uid and to x509.log by fingerprint.

The first certificate of a chain is the server's. Older logs name it by the id of its file instead of its fingerprint.
What x509.log does not hold is not known: Zeek logs a certificate once a day.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.called import covers
from zeek_beacons.pairs import Ints
from zeek_beacons.printable import words
from zeek_beacons.readers.addresses import server_name
from zeek_beacons.readers.arrow_parse import NUMBER, Table, times
from zeek_beacons.readers.by_uid import ByUid, first_of, log_tables, newest_tables
from zeek_beacons.readers.files import Source
from zeek_beacons.readers.side_logs import BadRows

MOST_NAMES = 100  # of a certificate that are looked at
LONGEST_ISSUER = 200  # bytes
LONGEST_VALIDITY = 10_000_000  # days; anything longer is no validity
DAY = 86_400.0
VERIFIED = "ok"  # Zeek's validation_status

_TEXT, _TEXTS = pa.string(), pa.list_(pa.string())
_SSL = {
    "uid": _TEXT,
    "server_name": _TEXT,
    "cert_chain_fps": _TEXTS,
    "cert_chain_fuids": _TEXTS,
    "validation_status": _TEXT,
}
_X509 = {
    **dict.fromkeys(("id", "fingerprint", "certificate.serial", "certificate.subject", "certificate.issuer"), _TEXT),
    **dict.fromkeys(("certificate.not_valid_before", "certificate.not_valid_after"), NUMBER),
    "san.dns": _TEXTS,
}
_PART = re.compile(r"(?:[^,\\]|\\.)+")  # of a distinguished name; a comma inside one is escaped (RFC 4514)
_COMMON_NAME = "CN="
_SHOWN = ("leaf", "server_name", "status")  # of a session: what tells one certificate from another


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate, as it was presented to clients that asked for one name."""

    identity: str  # what tells it from other certificates
    name: str  # that fits what was asked for, else the first; "" where it has none
    issuer: str
    self_signed: float  # 1 or 0
    valid: float  # 1 or 0, NaN where Zeek did not verify it
    days: float  # of its validity, NaN where not known
    begins: float  # when that does, seconds, NaN where not known
    misfit: float  # 1 where no name of it covers what was asked for, 0 where one does, NaN where nothing was


class Certificates:
    """Certificates, in an order of their own, and the number of each connection's."""

    def __init__(self, found: Sequence[Certificate], by_uid: ByUid) -> None:
        self.found, self.by_uid = found, by_uid

    @classmethod
    def none(cls) -> Self:
        """None were seen."""
        return cls([], ByUid.none())

    @property
    def identities(self) -> Ints:
        """A number for each certificate that those with one identity share."""
        return np.unique([one.identity for one in self.found], return_inverse=True)[1].astype(np.int64)


def name_of(names: Sequence[str], asked: str) -> str:
    """The first of a certificate's names that covers what was asked for, else its first; "" without any."""
    return next((name for name in names if covers(name, asked)), names[0] if names else "")


class CertificateCollector:
    """Takes ssl logs, then x509 logs, gives Certificates. Of the latter those are held that a session showed."""

    def __init__(self, every: bool = False) -> None:
        """`every`: all of x509 logs is held, for sessions that come later; see `bound`."""
        self._every = every
        self._tables: list[Table] = []
        self._known: dict[str, _Content] = {}  # by fingerprint or file id

    def read_sessions(self, path: Source, bad: BadRows) -> None:
        """Takes an ssl log, or a stream of all logs, whole, or nothing of it where it raises InputError."""
        self._tables += list(_sessions(path, bad))

    def read_contents(self, path: Source, bad: BadRows) -> None:
        """The same of an x509 log. Where it contradicts itself or one before, the first counts."""
        shown = None
        if not self._every:
            shown = {leaf for table in self._tables for leaf in table.column("leaf").unique().to_pylist()}
        self._known = _contents(path, shown, bad) | self._known

    def bound(self, most: int) -> int:
        """Holds the last so many sessions, and certificates, at most. Returns how many it forgot."""
        self._tables, gone = newest_tables(self._tables, most)
        beyond = max(0, len(self._known) - most)
        self._known = dict(islice(self._known.items(), len(self._known) - beyond))  # the oldest are the last
        return gone + beyond

    def certificates(self) -> Certificates:
        """All that was read."""
        if not self._tables or not self._known:
            return Certificates.none()
        sessions = pa.concat_tables(self._tables).combine_chunks()
        shown = [sessions.column(name).combine_chunks().dictionary_encode() for name in _SHOWN]
        codes = np.stack([column.indices.fill_null(-1).to_numpy(zero_copy_only=False) for column in shown], axis=1)
        distinct, number = np.unique(codes, axis=0, return_inverse=True)
        leaves, names, statuses = ([*column.dictionary.to_pylist(), None] for column in shown)
        made = [
            _certificate(self._known.get(leaves[leaf]), names[name], statuses[status])
            for leaf, name, status in distinct.tolist()
        ]
        found = sorted({one for one in made if one}, key=_rank)
        place = {one: at for at, one in enumerate(found)}
        numbers = np.array([-1 if one is None else place[one] for one in made], dtype=np.int64)[number.ravel()]
        uids = sessions.column("uid").combine_chunks().dictionary_encode()
        first = np.unique(uids.indices.to_numpy(), return_index=True)[1]
        return Certificates(found, ByUid(uids.dictionary, numbers[first]))


def _sessions(path: Source, bad: BadRows) -> Iterator[Table]:
    """uid, leaf, server_name and status of the sessions in which a server presented a certificate."""
    for table in log_tables(path, "ssl", _SSL, bad):
        leaf = pc.coalesce(first_of(table.column("cert_chain_fps")), first_of(table.column("cert_chain_fuids")))
        texts = {"uid": table.column("uid"), "leaf": leaf, "server_name": table.column("server_name")}
        rows = pa.table({**texts, "status": table.column("validation_status")})
        yield rows.filter(pc.and_(pc.is_valid(rows.column("uid")), pc.is_valid(rows.column("leaf"))))


@dataclass(frozen=True, slots=True)
class _Content:
    """What x509.log says of a certificate."""

    identity: str
    subject: str
    issuer: str
    days: float
    begins: float
    names: tuple[str, ...]
    more: bool  # whether it may have other names, which are not looked at


def _contents(path: Source, wanted: set[str] | None, bad: BadRows) -> dict[str, _Content]:
    """What a log says of the wanted certificates (None: of all), by fingerprint or file id; of what it says twice the
    first counts.
    """
    found: dict[str, _Content] = {}
    texts = None if wanted is None else pa.array(sorted(wanted), _TEXT)
    for table in log_tables(path, "x509", _X509, bad):
        if texts is not None:
            is_wanted = [pc.is_in(table.column(key), texts) for key in ("fingerprint", "id")]
            table = table.filter(pc.or_(*is_wanted))
        for row in _rows(table):
            for key in (row["fingerprint"], row["id"]):
                if (key in wanted if wanted is not None else key) and row["certificate.issuer"]:
                    found.setdefault(key, _content(row))
    return found


def _rank(one: Certificate) -> tuple[str, ...]:
    return one.identity, one.name, str(one.valid), str(one.misfit)


def _rows(table: Table) -> Iterator[dict[str, Any]]:
    before, after = (times(table, f"certificate.not_valid_{end}") for end in ("before", "after"))
    for row, begin, end in zip(table.to_pylist(), before.tolist(), after.tolist(), strict=True):
        days = math.floor((end - begin) / DAY + 0.5) if 0 <= end - begin < math.inf else math.nan
        yield row | {"begins": begin, "days": days}


def _content(row: dict[str, Any]) -> _Content:
    subject, issuer = row["certificate.subject"] or "", row["certificate.issuer"]
    names = [server_name(name) for name in (row["san.dns"] or ())[:MOST_NAMES] if name]
    if not row["san.dns"]:
        parts = (part for part in _PART.findall(subject) if part.startswith(_COMMON_NAME))
        names = [server_name(part.removeprefix(_COMMON_NAME)) for part in parts][:1]
    identity = row["fingerprint"] or f"{row['certificate.serial']} of {issuer}"
    days = row["days"] if row["days"] <= LONGEST_VALIDITY else math.nan
    begins = math.nan if math.isnan(row["begins"]) else row["begins"]
    more = len(row["san.dns"] or ()) >= MOST_NAMES
    return _Content(identity, subject, issuer, days, begins, tuple(name for name in names if name), more)


def _certificate(content: _Content | None, asked: str | None, status: str | None) -> Certificate | None:
    if content is None:
        return None
    name = server_name(asked or "") or ""
    fits = any(covers(one, name) for one in content.names)
    return Certificate(
        identity=content.identity,
        name=name_of(content.names, name),
        issuer=words(content.issuer, LONGEST_ISSUER),
        self_signed=float(content.subject == content.issuer),
        valid=math.nan if not status else float(status == VERIFIED),
        days=content.days,
        begins=content.begins,
        misfit=math.nan if not name or (content.more and not fits) else float(not fits),
    )
