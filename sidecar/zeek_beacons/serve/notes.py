"""What operators said, beside the rows of the read model: shown at once, before a sidecar judges the pair again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from zeek_beacons.keys import Key
from zeek_beacons.operator_file.store import Acknowledged, OperatorStore
from zeek_beacons.operator_file.words import Words
from zeek_beacons.readmodel import PairRow


def key_of(row: Any) -> Key:
    """The key of a row."""
    return row.orig_h, row.resp, row.resp_p, row.proto, row.channel


@dataclass(frozen=True, slots=True)
class Notes:
    """What there is to say of pairs."""

    words: Words
    acknowledged: Mapping[Key, Acknowledged]

    @classmethod
    def of(cls, store: OperatorStore) -> Self:
        """What holds now."""
        return cls(store.words(), store.acknowledged())

    def on(self, row: PairRow) -> dict[str, Any]:
        """What was said of a pair: `feedback`, `snoozed`, `acknowledged`, each with who and when; and in a clause."""
        key = key_of(row)
        said = self.words.said
        true, false, snoozed = (words.get(key) for words in (said.true, said.false, said.snoozed))
        given = true or false
        seen = self.acknowledged.get(key)
        return {
            "said": said.text(key),
            "feedback": None
            if given is None
            else {"verdict": given is true, "who": given.who, "at": given.at, "why": given.why},
            "snoozed": None
            if snoozed is None
            else {"who": snoozed.who, "at": snoozed.at, "why": snoozed.why, "until": snoozed.until},
            "acknowledged": None if seen is None or seen.level < row.level else {"who": seen.who, "at": seen.at},
        }
