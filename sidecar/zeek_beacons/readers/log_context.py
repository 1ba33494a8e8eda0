"""What logs beside conn.log tell of its connections: names, answers of name servers, certificates, web clients, hits
of Zeek's Intel framework, and who an originator is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zeek_beacons.readers.answers import AnswerCollector, Answers
from zeek_beacons.readers.certificates import CertificateCollector, Certificates
from zeek_beacons.readers.files import Source, opened
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.intel_log import HitCollector, Hits
from zeek_beacons.readers.names import NameCollector, Names, log_of
from zeek_beacons.readers.owners import LOGS as OWNER_LOGS
from zeek_beacons.readers.owners import OwnerCollector, Owners
from zeek_beacons.readers.side_logs import BadRows, spared
from zeek_beacons.readers.traits import Told, sources
from zeek_beacons.readers.web_clients import WebClientCollector, WebClients

# What those of the logs hold that name no server by uid.
_HOLDS = {"dns": "DNS answers", "x509": "certificates", "intel": "hits of Zeek's Intel framework", "dhcp": "leases"}
_HOLDS |= {"kerberos": "authentications", "ntlm": "authentications", "ssh": "versions of SSH"}


@dataclass(frozen=True, slots=True, eq=False)
class LogContext:
    """What such logs tell, of each connection by its uid or by who looked which address up."""

    names: Names = field(default_factory=Names.none)
    answers: Answers = field(default_factory=Answers.none)
    certificates: Certificates = field(default_factory=Certificates.none)
    clients: WebClients = field(default_factory=WebClients.none)
    hits: Hits = field(default_factory=Hits.none)
    traits: Sequence[Told] = ()
    owners: Owners = field(default_factory=Owners.none)

    @property
    def needs_uid(self) -> bool:
        """Whether anything is joined by uid."""
        by_uid = (
            self.certificates.by_uid,
            self.clients.by_uid,
            self.hits.by_uid,
            *(told.by_uid for told in self.traits),
        )
        return bool(self.names or any(by_uid))


class ContextCollector:
    """Takes logs beside conn.log, gives a LogContext."""

    def __init__(self, ingest: Ingest, every: bool = False) -> None:
        """Notes what there is to tell of the logs in `ingest`; in its strict mode bad rows raise InputError.

        `every`: what nothing refers to yet is held too, for logs that come in parts; see `bound`.
        """
        self._ingest = ingest
        self._names, self._answers = NameCollector(), AnswerCollector()
        self._certificates, self._clients = CertificateCollector(every), WebClientCollector()
        self._hits = HitCollector()
        self._traits = sources()
        self._owners = OwnerCollector()

    def read(self, paths: Sequence[str]) -> None:
        """Takes logs that must be readable. Raises InputError."""
        kinds = {path: log_of(path) for path in paths}
        for path in sorted(paths, key=lambda path: _reads_last(kinds[path])):
            self._read(path, kinds[path])

    def read_spared(self, paths: Sequence[str]) -> None:
        """Takes logs of which one that cannot be read takes away its own context only, as `spared` says."""
        kinds = {}
        for path in paths:
            with spared(self._ingest):
                kinds[path] = log_of(path)
        for path in sorted(kinds, key=lambda path: _reads_last(kinds[path])):
            with spared(self._ingest):
                self._read(path, kinds[path])

    def read_stream(self, path: Source) -> None:
        """Takes what a file that holds all logs, in JSON, tells. Its bad rows are told as those of connections."""
        name = opened(path).path
        self._names.read_stream(path)
        self._answers.read(path, BadRows(name))
        self._certificates.read_sessions(path, BadRows(name))
        self._certificates.read_contents(path, BadRows(name))
        self._clients.read(path, BadRows(name))
        self._hits.read(path, BadRows(name))
        for source in self._traits:
            source.read(path, BadRows(name))
        for log in OWNER_LOGS:
            self._owners.read(path, log, BadRows(name))

    def context(self, all_traits: bool = False) -> LogContext:
        """All that was read. `all_traits`: sources of traits that told nothing yet are among them too."""
        self._ingest.notes += [*self._answers.notes(), *self._owners.notes()]
        return LogContext(
            self._names.names(),
            self._answers.answers(),
            self._certificates.certificates(),
            self._clients.clients(),
            self._hits.hits(),
            [told for source in self._traits if (told := source.told()).found or all_traits],
            self._owners.owners(),
        )

    def bound(self, most: int) -> int:
        """Holds the last so many rows of each kind at most. Returns how many it forgot."""
        bounds = [self._names.bound, self._certificates.bound, self._clients.bound, self._hits.bound]
        return sum(bound(most) for bound in [*bounds, *(source.bound for source in self._traits)])

    def _read(self, path: str, log: str) -> None:
        bad = self.take(path, log)
        self._ingest.files[path] = _HOLDS.get(log, "server names")
        self._ingest.notes += bad.notes()

    def take(self, path: Source, log: str) -> BadRows:
        """Takes one log whole, or nothing of it where it raises InputError. Returns what is wrong with its rows."""
        name = opened(path).path
        bad = BadRows(name, self._ingest.strict)
        if log == "dns":
            self._answers.read(path, bad)
        elif log == "x509":
            self._certificates.read_contents(path, bad)
        elif log == "intel":
            self._hits.read(path, bad)
        elif log in OWNER_LOGS:
            self._owners.read(path, log, bad)
        elif log and log != "ssh":
            self._names.read(path, log, bad)
        again = bad if log == "ssh" else BadRows(name)  # of the others bad rows were told of above
        if log == "ssl":
            self._certificates.read_sessions(path, again)
        elif log == "http":
            self._clients.read(path, again)
        for source in self._traits:
            if source.log == log:
                source.read(path, again)
        return bad


def _reads_last(log: str) -> bool:
    """Of certificates only those are taken that a session showed."""
    return log == "x509"
