"""What a page is told beside what it shows: who looks at it, where it stands, and what people have decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from zeek_beacons import __version__
from zeek_beacons.fleet.row import SensorRow


@dataclass(frozen=True, slots=True)
class PageContext:
    """The circumstances of one page."""

    path: str  # of this page
    now: float  # seconds since the epoch
    query: Mapping[str, str] = field(default_factory=dict)  # what stands in its address
    base: str = ""  # before the paths of what is read: "", or "/jobs/ID" for a run's
    source: str = ""  # what is read, in words
    is_run: bool = False  # a run's results rather than a running sidecar's history
    live: bool = False  # whether `events` tells of new alerts
    who: str = ""  # the name of the token that somebody logged in with
    csrf_token: str = ""  # "" where nothing may be written
    message: str = ""  # what came of the last action
    sensors: Sequence[str] = ()  # of a console over many
    elsewhere: Mapping[str, str] = field(
        default_factory=dict
    )  # those with consoles of their own: where things are said
    unread: Callable[[], Sequence[SensorRow]] = lambda: ()  # those that cannot be read
    version: str = __version__

    @property
    def may_write(self) -> bool:
        """Whether the forms of a page can be sent."""
        return bool(self.who and self.csrf_token)

    @property
    def navigation(self) -> list[tuple[str, str]]:
        """The pages of the console: name and path."""
        if self.is_run and not self.base:
            return [*self.of_run, ("Decisions", "/decisions"), ("Run", "/run")]
        own = [
            ("Beacons", "/"),
            ("Incidents", "/incidents"),
            ("Hosts", "/hosts"),
            ("Decisions", "/decisions"),
            ("Run", "/run"),
        ]
        return [*own, ("Sensors", "/sensors") if self.sensors else ("Diagnostics", "/diagnostics")]

    @property
    def of_run(self) -> list[tuple[str, str]]:
        """The pages of a run: name and path."""
        pages = ("Incidents", "Hosts", "Explanation", "Files", "Diagnostics")
        return [("Results", self.list_path), *((name, f"{self.base}/{name.lower()}") for name in pages)]

    @property
    def login(self) -> str:
        """Where to log in and come back from."""
        return address("/login", {"next": self.here()})

    @property
    def list_path(self) -> str:
        """The page that everything starts from."""
        return f"{self.base}/results" if self.base else "/"

    def link(self, path: str, **query: object) -> str:
        """The address of a page of what is read; None leaves a field out."""
        return address(self.base + path, {name: str(value) for name, value in query.items() if value is not None})

    def here(self, **changed: object) -> str:
        """The address of this page with fields of its query changed; None takes one away."""
        query = {**self.query, **{name: str(value) for name, value in changed.items()}}
        gone = {name for name, value in changed.items() if value is None}
        return address(self.path, {name: value for name, value in query.items() if value and name not in gone})


def address(path: str, query: Mapping[str, str]) -> str:
    """A path with a query, where there is one."""
    safe = quote(path, errors="replace")
    return f"{safe}?{urlencode(query, errors='replace')}" if query else safe


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided about a pair, a name or a subnet."""

    id: str
    what: str  # `allow`, `snooze`, `true` or `false`
    about: str  # in words
    who: str
    when: float  # seconds since the epoch
    why: str = ""
    until: float | None = None  # None: for good
    active: bool = True  # not expired, not undone


@dataclass(frozen=True, slots=True)
class JobState:
    """A run that was asked for."""

    id: str
    state: str  # `waiting`, `running`, `done` or `failed`
    name: str  # of what is scored
    profile: str = ""
    begun: float | None = None
    progress: float | None = None  # 0 to 1
    text: str = ""  # what it does, or why it failed


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file that a run wrote."""

    name: str
    what: str
    size: int  # bytes
    preview: Sequence[str] = ()  # its first lines


@dataclass(frozen=True, slots=True)
class Pivot:
    """A link to another tool: its name, and the address for one pair."""

    name: str
    url: str
