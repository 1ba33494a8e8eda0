"""beacon_candidates.log, as the Zeek package writes it: each line a pair with its observations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import Any

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.keys import CHANNELS, KEY_COLUMNS, Key
from zeek_beacons.locality import locality
from zeek_beacons.pairs import OBSERVATION_COLUMNS, PROTOS, Pairs
from zeek_beacons.readers.addresses import has_direction
from zeek_beacons.readers.candidate_rows import (
    NUMBER_VECTORS,
    REQUIRED,
    Candidate,
    UnfitError,
    checked,
    join,
    localized,
    of_one_tenure,
    uncut,
)
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.owners import left_out
from zeek_beacons.readers.zeek_rows import Header

LONGEST_GOOD_LINE = 16 << 20  # bytes
_ESCAPED = re.compile(r"\\\\|\\x([0-9a-f]{2})")


def candidates(source: Input, ingest: Ingest, progress: Progress | None, channel: str | None = None) -> list[Candidate]:
    """The candidates of one log as mappings for `Pairs.build`; bad lines are counted in `ingest`.

    `channel`: the only one that is wanted. Rows of others are not looked at.
    """
    path, rows = source.path, _json_rows if source.head().lstrip().startswith(b"{") else _tsv_rows
    found: list[Candidate] = []
    cut = lost = 0
    for line, text, row in rows(source, progress):
        if channel is not None and channel not in text:
            continue
        ingest.rows += 1
        try:
            told = row() if callable(row) else row
            if channel is None or told.get("channel") == channel:
                told, missing = uncut(told)
                found.append(checked(told))
                cut, lost = cut + (missing > 0), lost + missing
        except UnfitError as error:
            ingest.skip(f"not a candidate: {error}", path, line, text)
        except (TypeError, ValueError, AttributeError, OverflowError, RecursionError):
            ingest.skip("not a candidate: a value of the wrong kind", path, line, text)
    ingest.notes += _cut_short(path, cut, lost)
    return found


def _cut_short(path: str, lines: int, lost: int) -> list[str]:
    """What to tell where lines of a log hold fewer observations than they say."""
    if not lines:
        return []
    plural = "s" if lines != 1 else ""
    limits = "Log::default_max_field_container_elements and _total_container_elements"
    told = f"{path}: {lines} line{plural} had more observations than logged, {lost} in all, the newest"
    return [f"{told}. Zeek cut them ({limits}); the rest is used"]


def joined(
    candidates: Sequence[Candidate],
    config: Config,
    ingest: Ingest,
    begin: float | None = None,
    until: float | None = None,
) -> Pairs:
    """One pair for all candidates with its key, of the direction and the time asked for."""
    by_key: dict[tuple[Any, ...], list[Candidate]] = {}
    is_local = locality(config.local_nets)
    placed = [localized(candidate, is_local) for candidate in candidates]
    for candidate in _within(_directed(placed, config, ingest), begin, until, ingest):
        by_key.setdefault(tuple(candidate[name] for name in KEY_COLUMNS), []).append(candidate)
    ordered = sorted(by_key.items(), key=lambda item: _order(item[0]))
    tenures = [of_one_tenure(same) for _, same in ordered]
    gone = [others for _, others in tenures if others]
    ingest.notes += left_out(len(gone), sum(gone))
    pairs = Pairs.build(join(same) for same, _ in tenures).latest(config.max_observations)
    if len(pairs.start):
        starts = np.sort(np.rint(pairs.start * 1e6).astype(np.int64))
        ingest.span(starts)
        ingest.clock(starts)
    return pairs


def _directed(candidates: Sequence[Candidate], config: Config, ingest: Ingest) -> Sequence[Candidate]:
    if config.direction == "any" or not config.local_nets or not candidates:
        return candidates
    local = [np.array([candidate[end] for candidate in candidates]) for end in ("orig_local", "resp_local")]
    kept = list(compress(candidates, has_direction(config.direction, *local)))
    if len(kept) < len(candidates):
        ingest.outside[f"not {config.direction}"] += len(candidates) - len(kept)
    return kept


def _within(
    candidates: Sequence[Candidate], begin: float | None, until: float | None, ingest: Ingest
) -> Iterator[Candidate]:
    """The candidates with their observations in the time range; one that is cut counts only what it still holds."""
    low, high = -np.inf if begin is None else begin, np.inf if until is None else until
    for candidate in candidates:
        inside = (candidate["start"] >= low) & (candidate["start"] < high)
        held = int(inside.sum())
        if not held:
            ingest.outside["outside the time range"] += 1
        elif held == len(inside) and candidate["first_ts"] >= low:
            yield candidate
        else:
            all_ = candidate["conns"]
            yield candidate | {
                **{name: candidate[name][inside] for name in OBSERVATION_COLUMNS},
                **{name: _cut(candidate[name], all_, held) for name in ("named", "name_conns", "dns_named")},
                "first_ts": candidate["start"][inside].min(),
                "conns": held,
            }


def _cut(some: float, conns: int, held: int) -> float:
    """Of `conns` connections, `some` of which have something, how many of `held` may have it: all where all had."""
    return held if some == conns else some if some != some else min(some, held - 1)


def _lines(source: Input, progress: Progress | None) -> Iterator[tuple[int, str]]:
    for block in source.blocks(progress):
        for offset, data in enumerate(block.data.split(b"\n")):
            if len(data) > LONGEST_GOOD_LINE:
                data = data[:200]  # cannot parse, and is told as a bad line
            if data.strip():
                yield block.line + offset, data.decode("utf-8", "replace").rstrip("\r")


def _json_rows(source: Input, progress: Progress | None) -> Iterator[tuple[int, str, Any]]:
    for line, text in _lines(source, progress):
        yield line, text, lambda text=text: json.loads(text)


def _tsv_rows(source: Input, progress: Progress | None) -> Iterator[tuple[int, str, Any]]:
    header = Header()
    for line, text in _lines(source, progress):
        if text.startswith("#"):
            header.read(text)
            missing = [name for name in REQUIRED if name not in header.fields]
            if text.startswith("#fields") and missing:
                raise InputError(source.path, f"column {', '.join(missing)} missing in #fields", line)
        elif not header.fields:
            raise InputError(source.path, "rows before any #fields line: not a Zeek log", line)
        else:
            yield line, text, lambda text=text: _tsv_row(text, header)


def _tsv_row(text: str, header: Header) -> Mapping[str, Any]:
    values = text.split(header.separator)
    if len(values) != len(header.fields):
        raise UnfitError("too few fields" if len(values) < len(header.fields) else "too many fields")
    row: dict[str, Any] = {}
    for name, value in zip(header.fields, values, strict=True):
        if value == header.unset:
            row[name] = None
        elif name in NUMBER_VECTORS or name == "states":
            row[name] = [] if value == header.empty else value.split(header.set_separator)
        elif name == "traits":
            row[name] = [] if value == header.empty else [_unescaped(one) for one in value.split(header.set_separator)]
        else:
            row[name] = "" if value == header.empty else value.replace("\\\\", "\\")  # Zeek's writer doubles them
    return row


def _unescaped(text: str) -> str:
    """An element of a vector as it was before Zeek's writer doubled backslashes and escaped the separator in it."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", text)


def _order(key: Key) -> tuple[int, str, str, int, int]:
    """As pairs from logs come: connections first, by key."""
    orig_h, resp, resp_p, proto, channel = key
    return CHANNELS.index(channel), orig_h, resp, resp_p, PROTOS.index(proto)
