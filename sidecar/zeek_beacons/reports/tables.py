"""Verdicts as tables: every pair, the alerts, the incidents they form, and the hosts behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.features import CATALOGUE
from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.pairs import Floats
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports import host_risk
from zeek_beacons.reports.facts import PairFacts, facts
from zeek_beacons.reports.incident_text import connections, further, pairs_of, servers
from zeek_beacons.reports.outside import remark
from zeek_beacons.reports.queries import Sources
from zeek_beacons.reports.sentence import ServerFacts, reasons, sentence
from zeek_beacons.scoring import explain, process, rules
from zeek_beacons.scoring.explain import GIVEN
from zeek_beacons.scoring.reasons import REASONS
from zeek_beacons.store import host_owners
from zeek_beacons.verdicts import KINDS, LABELS, NOT_SUPPRESSED, SEVERITIES, SUPPRESSIONS

Table = Any  # pyarrow ships no types

# Columns of texts that hold nothing but our own numbers.
NUMBERS_AS_TEXT = frozenset({"contributions"})

_PROCESS = ("process", "parent", "user")
_CODES = [reason.code for reason in REASONS]


def scored_pairs(scored: Scored) -> Table:
    """Every pair with its verdict, alerts first, then by falling score."""
    order = scored.verdicts.ranking()
    return pa.table(_columns(scored, order))


def alerts(scored: Scored, sources: Sources | None = None) -> Table:
    """The pairs that alert, by rank, each with its facts, its reasons in words, and a sentence."""
    order = scored.verdicts.ranking()
    order = order[scored.verdicts.alerts[order]]
    columns = {"rank": np.arange(1, len(order) + 1)} | _columns(scored, order)
    for told_by_being_here in ("alert", "suppressed", "near_miss"):
        columns.pop(told_by_being_here)
    columns |= _facts([facts(scored, row, sources) for row in order.tolist()])
    server = ServerFacts.of(scored, order)
    columns["why"] = pa.array(["; ".join(reasons(scored, row, server)) for row in order.tolist()], pa.string())
    columns["summary"] = pa.array([_sentence(scored, row) for row in order.tolist()], pa.string())
    return pa.table(columns)


def incidents(scored: Scored) -> Table:
    """The incidents, by the score of their heads, each with a sentence on its head and one on what belongs to it."""
    pairs, verdicts, found = scored.pairs, scored.verdicts, scored.incidents
    heads = np.array([rows[0] for rows in found.rows], dtype=np.int64)
    severest = [int(verdicts.severity[rows].max()) for rows in found.rows]
    seen = pairs.last_ts
    first = [float(np.nanmin(pairs.first_ts[rows])) for rows in found.rows]
    last = [float(np.nanmax(seen[rows])) for rows in found.rows]
    return pa.table(
        {
            "id": pa.array(found.ids, pa.string()),
            "kind": _named(KINDS, verdicts.kind[heads]),
            "severity": _named(SEVERITIES, np.array(severest, dtype=np.int64)),
            "score": verdicts.score[heads],
            **_key(scored, heads),
            "members": np.array([pairs_of(members) for members in found.members], dtype=np.int64),
            "hosts": np.array([len({one.orig_h for one in members}) for members in found.members], dtype=np.int64),
            "servers": np.array([servers(members) for members in found.members], dtype=np.int64),
            "first_seen": _times(np.array(first, dtype=np.float64)),
            "last_seen": _times(np.array(last, dtype=np.float64)),
            "connections": np.array([connections(members) for members in found.members], dtype=np.int64),
            "summary": pa.array([incident_sentence(scored, number) for number in range(len(found))], pa.string()),
        }
    )


def incident_sentence(scored: Scored, number: int) -> str:
    """The sentence on the head of an incident, and what belongs to it."""
    more = further(scored.incidents.members[number])
    return _sentence(scored, int(scored.incidents.rows[number][0])) + (f"; {more}" if more else "")


def _sentence(scored: Scored, row: int) -> str:
    return sentence(scored, row) + remark(scored, row)


def hosts(scored: Scored) -> Table:
    """Originators by combined risk: 1 - product of (1 - score) over the incidents that they are in.

    An incident counts once for each of its hosts, with the highest score that the host has in it. Groups are no pairs.
    """
    verdicts = scored.verdicts
    measured = ((scored.feature_row >= 0) | verdicts.alerts) & (verdicts.suppressed == NOT_SUPPRESSED)
    measured[scored.n_pairs :] = False  # a group's members stand for it
    names, host = np.unique(scored.pairs.orig_h[measured].astype(str), return_inverse=True)
    score, incident = np.nan_to_num(verdicts.score[measured]), scored.incidents.of[measured]
    rows = np.flatnonzero(measured)
    best = np.lexsort((-score, host))
    strongest = rows[best[np.searchsorted(host[best], np.arange(len(names)))]]
    alerting = best[incident[best] >= 0]
    _, first = np.unique(np.stack([host[alerting], incident[alerting]]), axis=1, return_index=True)
    counted = alerting[first]  # of each host and incident the highest score
    beacons = np.bincount(host[counted], minlength=len(names))
    safe = np.bincount(host[counted], np.log1p(-np.minimum(score[counted], 1 - 1e-9)), len(names))
    combined = 1 - np.exp(safe)
    order = np.lexsort((-np.nan_to_num(verdicts.score[strongest]), -combined))
    table = pa.table(
        {
            "host": names[order].astype(object),
            "combined_risk": np.round(combined[order], 6),
            "beaconing_pairs": beacons[order].astype(np.int64),
            "strongest_score": np.nan_to_num(verdicts.score[strongest][order]),
            "strongest_resp": scored.pairs.resp[strongest][order],
            "strongest_resp_p": scored.pairs.resp_p[strongest][order],
            "strongest_proto": scored.pairs.proto[strongest][order],
            "strongest_channel": scored.pairs.channel[strongest][order],
            "scored_pairs": np.bincount(host, minlength=len(names))[order],
        }
    )
    return _owned(host_risk.beside(table, scored), scored)


def _owned(table: Table, scored: Scored) -> Table:
    """The table of hosts with the name of each and who authenticated from it, as their newest connections tell."""
    owners = host_owners.of_pairs(scored.pairs)
    known = [owners.get(host, host_owners.NOBODY) for host in table.column("host").to_pylist()]
    table = table.append_column("name", _or_null([one.name for one in known]))
    return table.append_column("user", _or_null([one.user for one in known]))


def features(scored: Scored) -> Table:
    """The features of every measured pair beside its key."""
    rows = np.flatnonzero(scored.feature_row >= 0)
    columns: dict[str, Any] = {name: getattr(scored.pairs, name)[rows] for name in (*KEY_COLUMNS, "conns")}
    return pa.table(columns | {feature.name: scored.features.column(feature.name) for feature in CATALOGUE})


def _columns(scored: Scored, order: Any) -> dict[str, Any]:
    pairs, verdicts = scored.pairs, scored.verdicts
    columns: dict[str, Any] = {
        "severity": _named(SEVERITIES, verdicts.severity[order]),
        "label": _named(LABELS, verdicts.label[order]),
        "alert": verdicts.alerts[order],
        "suppressed": _named(SUPPRESSIONS, verdicts.suppressed[order]),
        "near_miss": scored.near_miss[order],
        "kind": _named(KINDS, verdicts.kind[order]),
        "incident": _incident_ids(scored, order),
        "score": _maybe(verdicts.score[order]),
    }
    columns |= {f"score_{name}": _maybe(np.round(values[order], 6)) for name, values in verdicts.scorers.items()}
    columns |= _beside(scored, order)
    return columns | {
        **_key(scored, order),
        "addr": pa.array(pairs.addr[order], pa.string()),
        "server_name": pa.array(pairs.server_name[order], pa.string()),
        "dns_name": pa.array(pairs.dns_name[order], pa.string()),
        "service": pa.array(pairs.service[order], pa.string()),
        **_local(scored, order),
        "first_seen": _times(pairs.first_ts[order]),
        "last_seen": _times(pairs.last_ts[order]),
        "connections": pairs.conns[order],
        **_stretch(scored, order),
        "sleep": _maybe(np.round(verdicts.sleep[order], 3)),
        "jitter": _maybe(np.round(verdicts.jitter[order], 3)),
        "evidence": pairs.counts[order],
        "evidence_needed": verdicts.needed[order],
        "hosts_of_responder": _maybe(pairs.resp_hosts[order]),
        "reasons": _reason_codes(verdicts.reasons[order]),
        "contributions": _contributions(verdicts.contributions[order]),
        **_endpoint(scored, order),
    }


def _local(scored: Scored, order: Any) -> dict[str, Any]:
    """What the operator's own files tell of the servers; empty where they tell nothing."""
    places, nothing = scored.scoring.local.places, pa.nulls(len(order), pa.string())
    columns = {"asn": pa.nulls(len(order), pa.int64()), "as_org": nothing, "country": nothing}
    if places:
        found = [places.of(addr) for addr in scored.pairs.addr[order].tolist()]
        columns = {
            "asn": pa.array([one.asn for one in found], pa.int64()),
            "as_org": _or_null([one.as_org for one in found]),
            "country": _or_null([one.country for one in found]),
        }
    told = _or_null([scored.listed.get(row) for row in order.tolist()]) if scored.listed else nothing
    return columns | {"indicator": told}


def _endpoint(scored: Scored, order: Any) -> dict[str, Any]:
    """What an endpoint knows of the process, what that adds, and the risk: beside the verdict."""
    pairs, risk = scored.pairs, scored.risk
    nothing = pa.nulls(len(order), pa.string())
    told_of = process.known(pairs)[order].any()
    texts = {name: _or_null(getattr(pairs, name)[order]) if told_of else nothing for name in _PROCESS}
    told = _process_reasons(risk.held[order]) if told_of else nothing
    return texts | {
        "signed": _maybe(pairs.signed[order]),
        "process_reasons": told,
        "supervised_risk": _maybe(risk.supervised[order]),
        "anomaly_risk": _maybe(risk.anomaly[order]),
        "risk": _maybe(risk.fused[order]),
    }


def _process_reasons(held: Any) -> Any:
    kinds, of = np.unique(held, axis=0, return_inverse=True)
    told = [("; ".join(process.reasons(kind))) or None for kind in kinds]
    return pa.array(told, pa.string()).take(pa.array(of.reshape(-1)))


def _or_null(texts: Any) -> Any:
    return pa.array([text or None for text in texts], pa.string())


def _facts(known: list[PairFacts]) -> dict[str, Any]:
    """What an analyst would look up, as columns."""

    def texts(values: list[str]) -> Any:
        return pa.array([value or None for value in values], pa.string())

    def numbers(values: list[int | None]) -> Any:
        return pa.array(values, pa.int64())

    return {
        "answered": numbers([one.answered for one in known]),
        "unanswered": numbers([one.unanswered for one in known]),
        "bytes_out": numbers([one.bytes_out for one in known]),
        "bytes_in": numbers([one.bytes_in for one in known]),
        "name_from": texts([one.name_from for one in known]),
        "other_hosts": numbers([one.other_hosts for one in known]),
        "certificate": texts([one.certificate for one in known]),
        "web_client": texts([one.web_client for one in known]),
        "traits": texts([one.traits for one in known]),
        "endpoint": texts([one.endpoint for one in known]),
        "could_be": texts([one.could_be for one in known]),
        "attack": texts([" ".join(one.attack) for one in known]),
        "waits": texts([one.waits for one in known]),
        "implant": texts([one.implant for one in known]),
        "filter": texts([one.filter for one in known]),
        "command": texts([one.command for one in known]),
        "uids": texts([" ".join(one.uids) for one in known]),
    }


def _stretch(scored: Scored, order: Any) -> dict[str, Any]:
    """From when to when the stretch lasts that speaks for a pair; empty where all of it does."""
    rows = scored.feature_row[order]
    times = np.full((len(rows), 2), np.nan)
    times[rows >= 0] = scored.stretch[rows[rows >= 0]]
    return {"stretch_begin": _times(times[:, 0]), "stretch_end": _times(times[:, 1])}


def _beside(scored: Scored, order: Any) -> dict[str, Any]:
    """What others would say: the rules, with their strongest reasons, and the mean of rules and forest."""
    rows = scored.feature_row[order]
    measured = rows >= 0
    given = np.full((len(rows), GIVEN), -1, dtype=np.int16)
    score = np.full(len(rows), np.nan)
    if measured.any():
        seen = scored.features.take(rows[measured])
        score[measured] = rules.score(seen)
        given[measured] = explain.by_rules(seen).reasons
    forest = scored.verdicts.scorers.get("forest", np.full(len(scored.pairs), np.nan))[order]
    return {
        "rule_score": _maybe(np.round(score, 6)),
        "rule_reasons": _reason_codes(given),
        "hybrid_score": _maybe(np.round((score + forest) / 2, 6)),
    }


def _key(scored: Scored, order: Any) -> dict[str, Any]:
    pairs = scored.pairs
    return {
        "orig_h": pa.array(pairs.orig_h[order], pa.string()),
        "resp": pa.array(pairs.resp[order], pa.string()),
        "resp_p": pairs.resp_p[order],
        "proto": pa.array(pairs.proto[order], pa.string()),
        "channel": pa.array(pairs.channel[order], pa.string()),
    }


def _incident_ids(scored: Scored, order: Any) -> Any:
    """The incident of each pair, null where it does not alert."""
    of = scored.incidents.of[order]
    return pa.array(scored.incidents.ids, pa.string()).take(pa.array(of, mask=of < 0))


def _reason_codes(reasons: Any) -> Any:
    codes = pa.array(_CODES)  # here and not at import: arrow then looks for pandas
    return _words([codes.take(pa.array(column, pa.int64(), mask=column < 0)) for column in reasons.T.astype(int)])


def _contributions(added: Floats) -> Any:
    """What each of the reasons adds to the score, in their order; empty where that was not measured."""
    return _words([_maybe(np.round(column, 4)).cast(pa.string()) for column in added.T])


def _words(columns: list[Any]) -> Any:
    joined = pc.binary_join_element_wise(*(pc.fill_null(column, "") for column in columns), " ")
    return pc.utf8_rtrim_whitespace(joined)


def _named(names: tuple[str, ...], codes: Any) -> Any:
    return pa.array(names).take(pa.array(codes))


def _maybe(values: Floats) -> Any:
    return pa.array(values, from_pandas=True)  # NaN becomes null, an empty field


def _times(seconds: Floats) -> Any:
    microseconds = np.rint(np.nan_to_num(seconds) * 1e6).astype(np.int64)
    stamps = pa.array(microseconds, pa.timestamp("us", "UTC"), mask=np.isnan(seconds))
    return pc.strftime(stamps, format="%Y-%m-%dT%H:%M:%SZ")
