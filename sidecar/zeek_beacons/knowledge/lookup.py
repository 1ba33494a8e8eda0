"""Facts of many names and addresses at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.errors import ModelError
from zeek_beacons.files import shipped_models
from zeek_beacons.knowledge.addresses import Masks, masks_of
from zeek_beacons.knowledge.file import KNOWLEDGE, KNOWLEDGE_MANIFEST, KnowledgeFile
from zeek_beacons.knowledge.popular import PopularDomains
from zeek_beacons.knowledge.suffixes import SuffixRules, ends_of, normalise
from zeek_beacons.knowledge.tags import OPERATORS, TAG_BIT
from zeek_beacons.pairs import Floats, Strings


@dataclass(frozen=True, slots=True, eq=False)
class NameFacts:
    """What is known of `n` names, in columns."""

    registered: Strings  # (n,) registered domain, "" where there is none
    rank: Floats  # (n,) of the registered domain among the most popular, NaN where in no list; see Knowledge.names
    tags: Masks  # (n,) bits of TAGS


class Knowledge:
    """The lists of one file. Looks up only; safe to share among threads."""

    def __init__(self, file: KnowledgeFile) -> None:
        """Raises ModelError where the file's arrays do not fit together."""
        self.path, self.about = file.path, file.about
        arrays = file.arrays
        try:
            self.date = str(file.about["date"])  # of the popularity lists, as 2025-12-23
            self.counts = {str(name): int(count) for name, count in file.about["counts"].items()}
            self.rules = SuffixRules(file.lines("icann_rules"), file.lines("private_rules"))
            tagged = file.lines("tagged_names")
            self._tagged = dict(zip(tagged, map(int, arrays["tagged_masks"]), strict=True))
            self._longest = 1 + max(self.rules.longest, max((name.count(".") + 1 for name in tagged), default=0))
            ranks, ends = zip(*((int(rank), int(end)) for rank, end in file.about["ranks"]), strict=True)
            upper, lower = arrays["popular_upper"], arrays["popular_lower"]
            if not len(upper) == len(lower) == ends[-1] or list(ends) != sorted(ends) or min(ends) < 0:
                raise ValueError(f"{len(upper)} and {len(lower)} hashes, in runs that end at {ends}")
            self._popular = PopularDomains(upper, lower, ranks, ends)
            self._v4 = _ranges(arrays, "v4")
            self._v6 = _ranges(arrays, "v6")
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ModelError(f"{file.path}: malformed: {error}") from error

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The knowledge that lies in a model folder. Raises ModelError naming the file that is missing or wrong."""
        return cls(KnowledgeFile.load(folder))

    def registered_domain(self, name: str) -> str:
        """See the function of this name."""
        spelled = normalise(name)
        return self.rules.registered(spelled).domain if spelled else ""

    def names(self, names: Iterable[object]) -> NameFacts:
        """What is known of host names; of what is no name, nothing.

        `rank` is the least size of a popularity list that holds the registered domain (1,000: it is among the first
        thousand of one of them), since the lists come without an order inside. Tags are those of the name and of every
        domain above it; of a customer's name below a shared suffix not those that name an operator.
        """
        distinct, rows = _distinct(names)
        facts = [self._name(name) for name in distinct]
        domains = [domain for domain, _ in facts]
        tags = np.array([mask for _, mask in facts], dtype=np.uint32)
        registered = np.empty(len(facts), dtype=object)
        registered[:] = domains
        return NameFacts(registered[rows], self._popular.rank(domains)[rows], tags[rows])

    def addresses(self, addresses: Iterable[object]) -> Masks:
        """Tags of the networks each address lies in, 0 for what is no address, (n,)."""
        distinct, rows = _distinct(addresses)
        return masks_of(distinct, self._v4, self._v6)[rows]

    def _name(self, name: object) -> tuple[str, int]:
        """The registered domain and the tags of one name."""
        spelled = normalise(name)
        if not spelled:
            return "", 0
        ends = ends_of(spelled, self._longest)
        domain, suffix_labels, shared = self.rules.of_ends(ends)
        tagged = self._tagged
        mask = tagged.get(f"={spelled}", 0)
        for labels, end in enumerate(ends, 1):
            if end in tagged:
                mask |= tagged[end] & ~OPERATORS if shared and labels <= suffix_labels else tagged[end]
        return domain, mask | TAG_BIT["shared_suffix"] if shared else mask


@lru_cache(maxsize=1)
def shipped_knowledge() -> Knowledge:
    """What comes with this package, loaded once in a process. Raises ModelError."""
    return Knowledge.load(shipped_models())


def knowledge_of(folder: Path) -> Knowledge | None:
    """What lies in a model folder; None where it holds no knowledge. Raises ModelError for one that is broken."""
    if folder.resolve() == shipped_models().resolve():
        return shipped_knowledge()
    if (folder / KNOWLEDGE).exists() or (folder / KNOWLEDGE_MANIFEST).exists():
        return Knowledge.load(folder)
    return None


def registered_domain(name: str) -> str:
    """The part of a host name that somebody registered: `www.bbc.co.uk` -> `bbc.co.uk`.

    By the public suffix list, its private section too: a customer's name at a cloud or dynamic DNS is a domain of its
    own (`foo.duckdns.org`, `x.cloudfront.net`, `y.s3.amazonaws.com`), since another customer has nothing to do with
    it. The suffix itself is its operator's: `duckdns.org`, and `amazonaws.com` for `s3.amazonaws.com`. Below a last
    label that no rule knows (`printer.corp.local`) the last two labels count.

    Lower case, IDN as punycode. "" for addresses, single labels, public suffixes like `co.uk` and anything else.
    """
    return shipped_knowledge().registered_domain(name)


def _distinct(values: Iterable[object]) -> tuple[Sequence[object], NDArray[np.intp]]:
    """Each value once, and where in these each of `values` is."""
    place: dict[Hashable, int] = {}
    rows = [place.setdefault(value, len(place)) for value in values]
    return list(place), np.array(rows, dtype=np.intp)


def _ranges(arrays: Any, family: str) -> tuple[NDArray[Any], Masks]:
    """Starts of address ranges in order, and their tags. Raises ValueError or IndexError where they do not fit."""
    starts, codes = arrays[f"{family}_starts"], arrays[f"{family}_codes"]
    if len(starts) != len(codes):
        raise ValueError(f"{len(starts)} starts of {family} ranges, {len(codes)} codes")
    masks: Masks = arrays["masks"][codes].astype(np.uint32)
    return starts, masks
