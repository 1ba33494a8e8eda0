"""Sites full of pairs: places every story at a host, a responder and a time, and lays all out in columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from zeek_beacons.errors import ConfigError
from zeek_beacons.pairs import Pairs
from zeek_beacons_lab.traffic import places
from zeek_beacons_lab.traffic.behaviours import ALL_KINDS
from zeek_beacons_lab.traffic.campaigns import placed
from zeek_beacons_lab.traffic.columns import (
    MAX_HOSTS,
    PairTruth,
    Placed,
    Traffic,
    lay_out,
    to_pairs,
)
from zeek_beacons_lab.traffic.kinds import Label
from zeek_beacons_lab.traffic.lengths import Lengths, Menu
from zeek_beacons_lab.traffic.series import Plan, Rng, Story, log_uniform

EPOCH = 1_767_225_600.0  # 2026-01-01 00:00 UTC: when every window begins, unless told otherwise
BACKGROUND = "background"  # kind of the pairs that are only there for prevalence: one to three connections

_STREAMS: Mapping[Label, int] = {"c2": 0, "benign": 1}
_KIND_CODE = {name: code for code, name in enumerate(ALL_KINDS)}
_FRONT = 63  # kind code of shared hosting that an implant hides behind
_MULTICAST = "239.255.255.250"


def generate(
    beacons: int = 6,
    benign: int = 60,
    hours: float = 24.0,
    seed: int = 7,
    *,
    hosts: int = 36,
    kinds: Mapping[str, float] | None = None,
    lengths: Lengths | None = None,
    begin: float = EPOCH,
    campaigns: int = 0,
) -> Traffic:
    """One site's traffic. `kinds` restricts and weighs the kinds; `lengths` replaces the law of lengths.

    By default most pairs last as long as the window. Hosts that talk to shared services only now and then are there as
    pairs of kind `background`, so that prevalence can be measured from the connections.
    """
    if beacons < 0 or benign < 0 or beacons + benign == 0:
        raise ConfigError(f"{beacons} beacons and {benign} benign pairs, expected at least one pair")
    if not (np.isfinite(hours) and hours > 0.0):
        raise ConfigError(f"hours: {hours}, expected a positive number")
    lengths = lengths or Lengths(longest=3000, window=hours * 3600.0, whole=0.95)
    drawn = list(_draw(seed, [("c2", beacons, beacons or 1), ("benign", benign, benign or 1)], kinds, lengths, hosts))
    attacks = placed(campaigns, seed, 0, min(hosts, MAX_HOSTS), lengths.window)
    return lay_out(drawn, [*_background(seed, drawn, lengths.window), *attacks], begin)


def labelled_pairs(
    n: int,
    seed: int,
    *,
    c2_share: float = 0.5,
    site_pairs: int = 60,
    kinds: Mapping[str, float] | None = None,
    lengths: Lengths | None = None,
    begin: float = EPOCH,
) -> tuple[Pairs, PairTruth]:
    """`n` labelled pairs of sites with `site_pairs` each, C2 first, straight into columns. `PairTruth` row i is pair i.

    A pair whose connections all carry a name is keyed by that name, as the readers do; prevalence is that of its site.
    """
    if n < 1 or site_pairs < 1 or not 0.0 <= c2_share <= 1.0:
        raise ConfigError(f"{n} pairs, {site_pairs} a site, C2 share {c2_share}: expected at least 1, 1 and 0 to 1")
    beacons = round(n * c2_share)
    per_site = max(1, round(site_pairs * c2_share))
    groups: list[tuple[Label, int, int]] = [
        ("c2", beacons, per_site),
        ("benign", n - beacons, max(1, site_pairs - per_site)),
    ]
    return to_pairs(list(_draw(seed, groups, kinds, lengths or Lengths(), None)), begin)


def _draw(
    seed: int,
    groups: list[tuple[Label, int, int]],
    kinds: Mapping[str, float] | None,
    lengths: Lengths,
    hosts: int | None,
) -> Iterator[Placed]:
    """Every pair from a stream of its own; `groups` are label, number of pairs, pairs a site."""
    sizes: dict[int, int] = {}
    taken: set[tuple[str, int, int, int]] = set()
    for label, count, per_site in groups:
        menu = Menu(label, kinds)
        if count and not len(menu):
            raise ConfigError(f"kinds: none of them is {label}, but {count} {label} pairs are wanted")
        for index in range(count):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAMS[label], index)))
            site = index // per_site
            if site not in sizes:
                sizes[site] = hosts if hosts is not None else _site_hosts(seed, site)
            kind, story = _tell(rng, menu, lengths)
            yield _place(rng, label, kind, story, site, min(sizes[site], MAX_HOSTS), index, lengths.window, taken)


def _site_hosts(seed: int, site: int) -> int:
    """Hosts of a training site: from a lab with one, where prevalence says nothing, to an office (log-uniform)."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, site)))
    return round(log_uniform(rng, 1, MAX_HOSTS))


def _tell(rng: Rng, menu: Menu, lengths: Lengths) -> tuple[str, Story]:
    """A kind's story with enough connections; the window may cut one short, then it is told again undisturbed."""
    plan = lengths.draw(rng)
    name, plan = menu.pick(rng, plan)
    story = ALL_KINDS[name].make(rng, plan)
    if len(story.series.start) < min(plan.n, lengths.shortest):
        story = ALL_KINDS[name].make(rng, Plan(plan.n, plan.gap, plan.window, 0.0))
    return name, story


def _place(
    rng: Rng,
    label: Label,
    kind: str,
    story: Story,
    site: int,
    hosts: int,
    index: int,
    window: float,
    taken: set[tuple[str, int, int, int]],
) -> Placed:
    reach, code = ALL_KINDS[kind].reach, _KIND_CODE[kind]
    chance = rng.random(2)
    others = np.zeros(0, dtype=np.int64)
    if label == "c2" and chance[0] < 0.06 and story.peer.name:
        reach, code = "common", _FRONT
    if reach == "common":
        others = rng.integers(0, hosts, int(rng.beta(1.5, 2.0) * hosts))
    elif reach == "few" or chance[0] < 0.18:
        others = rng.integers(0, hosts, int(rng.integers(0 if reach == "few" else 1, 5 if reach == "few" else 3)))
    host, slot = int(rng.integers(hosts)), int(rng.integers(2))
    begin = float(rng.random()) * max(0.0, window - float(story.series.start[-1]))
    own = 2 * (2 * index + _STREAMS[label]) + 1
    responder, address = own, places.outside(own)
    if reach != "rare" or story.peer.inside:
        shared = 2 * ((site * 64 + code) * 4 + slot)
        key = (story.peer.proto, story.peer.port, shared)
        host = next((h % hosts for h in range(host, host + hosts) if (*key, h % hosts) not in taken), -1)
        if host >= 0:
            taken.add((*key, host))
            responder, address = _shared(shared, site, kind, code, slot, inside=story.peer.inside)
        else:
            host = index % hosts
    return Placed(label, kind, story, site, host, responder, address, begin, others, index)


def _shared(shared: int, site: int, kind: str, code: int, slot: int, *, inside: bool) -> tuple[int, str]:
    if kind == "ssdp":
        return shared - slot * 2, _MULTICAST if slot == 0 else "239.255.255.253"
    return shared, places.server(site, code * 4 + slot) if inside else places.outside(shared)


def _background(seed: int, drawn: list[Placed], window: float) -> Iterator[Placed]:
    """The other hosts of each responder: one to three connections like those of the pair, at any time."""
    taken = {(d.host, d.responder, d.story.peer.port, d.story.peer.proto) for d in drawn}
    for pair in drawn:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3, _STREAMS[pair.label], pair.index)))
        label: Label = "c2" if pair.label == "c2" and pair.responder % 2 else "benign"
        for host in pair.others:
            rows = np.sort(rng.integers(0, len(pair.story.series.start), int(rng.integers(1, 4))))
            start = np.sort(rng.random(len(rows))) * window
            key = (int(host), pair.responder, pair.story.peer.port, pair.story.peer.proto)
            if key in taken:
                continue
            taken.add(key)
            story = Story(replace(pair.story.series.take(rows), start=start), pair.story.peer)
            yield replace(pair, label=label, kind=BACKGROUND, story=story, host=int(host), begin=0.0)
