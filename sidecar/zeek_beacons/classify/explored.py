"""What a log's connections look like: the flow of `classify explore`, and its page."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zeek_beacons.classify import figures
from zeek_beacons.classify.figures import AreaCurve
from zeek_beacons.classify.model import CLASSES, NORMAL, Classifier
from zeek_beacons.classify.said import OTHER, UNKNOWN, by_pair, said_classes
from zeek_beacons.classify.sample import CHECKED, NUMBERS, WORDS, Column, ConnectionSample
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.files import staged
from zeek_beacons.labels import read_labels
from zeek_beacons.pairs import Ints
from zeek_beacons.readers import Request
from zeek_beacons.readers.connections import read_connections
from zeek_beacons.readers.files import Progress

if TYPE_CHECKING:
    from zeek_beacons.classify.pictures import Album

PAGE = "explore.html"
_SAID = {**dict(enumerate(CLASSES)), OTHER: "other attack", UNKNOWN: "not labelled"}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "img{max-width:100%;height:auto}table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:left;"
    "border-bottom:1px solid #ccd}figure{margin:1.5rem 0}"
)


@dataclass(slots=True)
class Explored:
    """What was looked at, and what could not be shown."""

    connections: int
    labelled: int
    notes: list[str] = field(default_factory=list)


def explore(
    request: Request,
    config: Config,
    classifier: Classifier,
    output: Path,
    labels: Path | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Explored:
    """Writes explore.html and its pictures into the folder `output`. Raises InputError, ConfigError, OutputError."""
    try:
        from zeek_beacons.classify.pictures import Album
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install 'zeek-beacons[plots]'") from error
    known = read_labels(labels) if labels else None
    tables, ingest = read_connections(request, config, progress)
    sample = ConnectionSample(seed)
    for table in tables:
        sample.add(table, said_classes(table, request.inputs[0]) if known is None else by_pair(table, known))
    if not sample.connections:
        raise InputError(request.inputs[0], "the input holds no connections")
    said: Ints = sample.columns["said"]
    found = Explored(sample.connections, int((said != UNKNOWN).sum()), [*ingest.notes])
    if sample.connections > len(said):
        found.notes.append(f"pictures are of {len(said)} connections drawn at random; bars and nulls are of all")
    with staged(output) as folder:
        album = Album(folder)
        _looks(album, sample)
        chances = classifier.probabilities(sample.columns["inputs"])
        facts = _facts(sample, classifier.classes(chances), classifier, found)
        _told_apart(album, sample, chances, classifier, seed, found)
        (folder / PAGE).write_text(_page(folder, album, facts, found), encoding="utf-8")
    return found


def _looks(album: Album, sample: ConnectionSample) -> None:
    """What the connections are like, whoever made them."""
    columns, n = sample.columns, sample.connections
    album.bars("nulls", "Connections without a value", {name: sample.missing[name] / n for name in CHECKED}, "share")
    album.histograms("histograms", "How values are spread", {name: columns[name] for name in NUMBERS})
    for name in WORDS:
        album.bars(f"bars_{name}", f"Connections by {name}", dict(sample.counts[name].most_common()), "connections")
    groups = {_SAID[at]: columns["said"] == at for at in _SAID if (columns["said"] == at).any()}
    for name in ("orig_bytes", "resp_bytes"):
        by_label = {label: columns[name][rows] for label, rows in groups.items()}
        album.spread(f"violins_{name}", f"{name} by label", by_label, violins=True)
        often = [state for state, _ in sample.counts["conn_state"].most_common(8)]
        by_state = {state: columns[name][columns["conn_state"] == state] for state in often}
        album.spread(f"boxes_{name}", f"{name} by conn_state", by_state, violins=False)
    album.grid("correlation", "Correlation of log sizes", NUMBERS, NUMBERS, _correlation(columns), ".2f")


def _correlation(columns: dict[str, Column]) -> Column:
    """Pearson's, over the rows that have both values; NaN where one does not vary."""
    logs = [np.log1p(columns[name]) for name in NUMBERS]
    table = np.full((len(logs), len(logs)), np.nan)
    for one, first in enumerate(logs):
        for other, second in enumerate(logs):
            both = np.isfinite(first) & np.isfinite(second)
            if both.sum() > 2 and first[both].std() > 0 and second[both].std() > 0:
                table[one, other] = np.corrcoef(first[both], second[both])[0, 1]
    return table


def _told_apart(
    album: Album, sample: ConnectionSample, chances: Any, classifier: Classifier, seed: int, found: Explored
) -> None:
    """How well the classifier does by the labels, where there are attacks and normal connections."""
    columns = sample.columns
    said, classes = columns["said"], classifier.classes(chances)
    rows = said != UNKNOWN
    attack = said[rows] != NORMAL
    if not rows.any() or attack.all() or not attack.any():
        only = "no labels" if not rows.any() else "labels of a single class"
        found.notes.append(f"{only}: ROC, precision and recall, confusion and importances are left out")
        return
    levels = [at for at in (NORMAL, *range(1, len(CLASSES)), OTHER) if (said == at).any()]
    table = [[int(((said == one) & (classes == other)).sum()) for other in range(len(CLASSES))] for one in levels]
    album.grid("confusion", "Label (rows) and class (columns)", [_SAID[at] for at in levels], CLASSES, table, ",.0f")
    score, hosts = 1.0 - chances[rows, NORMAL], columns["orig_h"][rows]
    curve = figures.roc(score, attack, hosts, seed)
    album.curve(
        "roc", _titled("Attack against normal, ROC", curve), curve, ("false positive rate", "true positive rate")
    )
    curve = figures.precision_recall(score, attack, hosts, seed)
    album.curve(
        "precision_recall",
        _titled("Attack against normal, precision and recall", curve),
        curve,
        ("recall", "precision"),
    )
    fall = figures.importances(
        lambda inputs: 1.0 - classifier.probabilities(inputs)[:, NORMAL], columns["inputs"][rows], attack, seed
    )
    album.bars("importances", "What the classifier rests on, by permutation", fall, "fall of the area under the ROC")


def _titled(title: str, curve: AreaCurve) -> str:
    if curve.interval is None:
        return f"{title}: area {curve.area:.3f}; a single host began all, so there is no interval"
    low, high = curve.interval
    return f"{title}: area {curve.area:.3f}, 95% of draws of hosts {low:.3f} to {high:.3f}"


def _facts(sample: ConnectionSample, classes: Ints, classifier: Classifier, found: Explored) -> list[tuple[str, str]]:
    share = np.bincount(classes, minlength=len(CLASSES)) / len(classes)
    return [
        ("Connections", f"{sample.connections:,}"),
        ("In the sample, labelled", f"{found.labelled:,} of {len(classes):,}"),
        ("Classes found", ", ".join(f"{name} {part:.1%}" for name, part in zip(CLASSES, share, strict=True))),
        ("Classifier", classifier.identity),
    ]


def _page(folder: Path, album: Album, facts: list[tuple[str, str]], found: Explored) -> str:
    """One page that needs nothing else."""
    rows = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts)
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    pictures = "".join(
        f"<figure><img alt='{escape(title)}' src='data:image/png;base64,"
        f"{base64.b64encode((folder / name).read_bytes()).decode()}'><figcaption>{escape(title)}</figcaption></figure>"
        for name, title in album.files.items()
    )
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Connections</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style></head><body><main>"
        f"<h1>What the connections look like</h1><table>{rows}</table>"
        + (f"<h2>Notes</h2><ul>{notes}</ul>" if notes else "")
        + f"{pictures}</main></body></html>\n"
    )
