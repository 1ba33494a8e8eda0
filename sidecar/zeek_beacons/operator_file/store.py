"""operator.sqlite as the console writes it: each call is a transaction of its own, and says who and when.

Everything raises StoreError where the file cannot be used. A store may be shared by threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zeek_beacons.allow import AllowList
from zeek_beacons.errors import InputError
from zeek_beacons.keys import KEY_COLUMNS, Key
from zeek_beacons.operator_file import tokens, words
from zeek_beacons.operator_file.queues import OperatorQueues
from zeek_beacons.operator_file.tokens import Token
from zeek_beacons.operator_file.words import Words

LONGEST_WHY = 200  # characters
_KEY_COLUMNS = ", ".join(KEY_COLUMNS)
_NEWEST_FEEDBACK = (
    "WHERE id IN (SELECT max(id) FROM feedback GROUP BY orig_h, resp, resp_p, proto, channel) AND word != 'withdrawn'"
)


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """What someone said of a pair. `word`: true, false or withdrawn."""

    id: int
    key: Key
    addr: str
    word: str
    who: str
    at: float
    why: str
    model: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Someone has seen to a beacon: it is marked so while it alerts at no higher level."""

    level: int
    who: str
    at: float
    id: int


class OperatorStore(OperatorQueues):
    """An operator.sqlite, made where it is missing. `clock`: the wall clock."""

    # Who may.

    def make_token(self, name: str, may_write: bool) -> str:
        """See `tokens.make`."""
        with self._write() as db:
            return tokens.make(db, name, may_write, self._clock())

    def remove_token(self, name: str) -> None:
        """See `tokens.remove`."""
        with self._write() as db:
            tokens.remove(db, name)

    def tokens(self) -> list[Token]:
        """All tokens by name."""
        with self._open() as db:
            return tokens.listed(db)

    def token(self, text: str) -> Token | None:
        """The token that a text is."""
        with self._open() as db:
            return tokens.known(db, text)

    # What is said.

    def words(self) -> Words:
        """What holds now."""
        with self._open() as db:
            return words.read(db, self._clock())

    def give_feedback(self, key: Key, addr: str, word: str, who: str, why: str, model: str, score: float | None) -> int:
        """Marks a pair as true or false, or takes that back. Kept for ever."""
        row = (*key, addr, word, who, self._clock(), _why(why), model, score)
        return self._say(
            f"INSERT INTO feedback ({_KEY_COLUMNS}, addr, word, who, at, why, model, score) "  # noqa: S608
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )

    def feedback(self, *, newest: bool = False) -> list[FeedbackRow]:
        """All feedback ever given, the newest first; `newest`: of each pair the last, without what was withdrawn."""
        only = _NEWEST_FEEDBACK if newest else ""
        columns = f"id, {_KEY_COLUMNS}, addr, word, who, at, why, model, score"
        with self._open() as db:
            found = db.execute(f"SELECT {columns} FROM feedback {only} ORDER BY id DESC").fetchall()  # noqa: S608
        return [FeedbackRow(row[0], row[1:6], *row[6:]) for row in found]

    def allow(self, entry: str, who: str, why: str, until: float | None) -> int:
        """Adds a line to the allow-list. Raises InputError where it is none, or allows everything."""
        parsed = AllowList.parse(entry)
        if len(parsed.entries) != 1:
            raise InputError("allow", f"{entry!r} holds {len(parsed.entries)} entries, expected one")
        if parsed.too_wide:
            raise InputError("allow", f"{entry!r} allows everything: nothing would alert any more")
        row = (parsed.entries[0].text, who, self._clock(), _why(why), until)
        return self._say("INSERT INTO allow (entry, who, at, why, until) VALUES (?, ?, ?, ?, ?)", row)

    def snooze(self, key: Key, who: str, why: str, until: float) -> int:
        """Silences a pair for a time."""
        row = (*key, who, self._clock(), _why(why), until)
        return self._say(
            f"INSERT INTO snoozes ({_KEY_COLUMNS}, who, at, why, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            row,
        )

    def undo(self, table: str, number: int, who: str) -> bool:
        """Undoes an entry of `allow` or `snoozes`. Returns whether there was one in force."""
        assert table in ("allow", "snoozes")  # noqa: S101
        with self._write(said=True) as db:
            undone = db.execute(
                f"UPDATE {table} SET undone_by = ?, undone_at = ? WHERE id = ? AND undone_at IS NULL",  # noqa: S608
                (who, self._clock(), number),
            )
            return undone.rowcount > 0

    def entries(self, table: str, *, past: bool = False) -> list[dict[str, Any]]:
        """The entries of `allow` or `snoozes` in force, the newest first; `past`: those of before too."""
        assert table in ("allow", "snoozes")  # noqa: S101
        only = "" if past else "WHERE undone_at IS NULL AND (until IS NULL OR until > ?)"
        with self._open() as db:
            found = db.execute(
                f"SELECT * FROM {table} {only} ORDER BY id DESC LIMIT 10000",  # noqa: S608
                () if past else (self._clock(),),
            )
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]

    def change_settings(self, values: Mapping[str, str | None], who: str) -> None:
        """Changes settings of the running sidecar; None: as it was configured."""
        now = self._clock()
        with self._write(said=True) as db:
            db.executemany(
                "INSERT INTO settings (name, value, who, at) VALUES (?, ?, ?, ?)",
                [(name, value, who, now) for name, value in values.items()],
            )

    def settings(self) -> list[dict[str, Any]]:
        """The newest change of each setting: name, value, who, at."""
        query = "SELECT name, value, who, at FROM settings WHERE id IN (SELECT max(id) FROM settings GROUP BY name)"
        with self._open() as db:
            return [dict(zip(("name", "value", "who", "at"), row, strict=True)) for row in db.execute(query)]

    def ask_to_analyze(self, who: str) -> int:
        """Asks the sidecar to judge again what it holds. Returns the number of the request."""
        return self._say("INSERT INTO requests (who, at) VALUES (?, ?)", (who, self._clock()))

    # What was seen.

    def acknowledge(self, key: Key, level: int, who: str) -> None:
        """Notes that someone has seen to a beacon at this level."""
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO acknowledged VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*key, level, who, self._clock())
            )

    def acknowledged(self) -> dict[Key, Acknowledged]:
        """Who has seen to what, by pair."""
        columns = f"{_KEY_COLUMNS}, level, who, at, rowid"
        with self._open() as db:
            found = db.execute(f"SELECT {columns} FROM acknowledged").fetchall()  # noqa: S608
        return {row[:5]: Acknowledged(*row[5:]) for row in found}

    def forget_acknowledged(self, number: int) -> bool:
        """Takes an acknowledgement back. Returns whether there was one."""
        with self._write() as db:
            return db.execute("DELETE FROM acknowledged WHERE rowid = ?", (number,)).rowcount > 0

    def clear_alerts(self, upto: int, who: str) -> None:
        """Clears the list of alerts up to this number."""
        with self._write() as db:
            db.execute("INSERT INTO cleared (upto, who, at) VALUES (?, ?, ?)", (upto, who, self._clock()))

    def cleared(self) -> tuple[int, str, float] | None:
        """Up to which number the alerts are cleared, by whom, and when."""
        with self._open() as db:
            found = db.execute("SELECT upto, who, at FROM cleared ORDER BY id DESC LIMIT 1").fetchone()
        return None if found is None else (found[0], found[1], found[2])


def _why(text: str) -> str:
    """The text as one line without control characters or marks that turn the direction of writing."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:LONGEST_WHY]
