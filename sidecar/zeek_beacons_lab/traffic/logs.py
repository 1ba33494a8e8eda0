"""Traffic as files: Zeek logs (conn, ssl, http) as TSV or JSON, the normalized flow CSV, and the labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.errors import ConfigError
from zeek_beacons.files import write_all
from zeek_beacons.pairs import STATES, Bools, Floats
from zeek_beacons_lab.traffic.columns import Traffic
from zeek_beacons_lab.traffic.events import write_events
from zeek_beacons_lab.traffic.series import REJ, S0
from zeek_beacons_lab.traffic.spelled import iso, numbers, plain_numbers

Form = Literal["conn", "csv", "events"]
Column = tuple[str, str, list[str]]  # name, Zeek type, values as TSV prints them; "-" where unset

_IP_PROTO = {"tcp": 6, "udp": 17, "icmp": 1}
_HISTORY = {
    "SF": "ShADadFf",
    "S0": "S",
    "REJ": "Sr",
    "S1": "ShADad",
    "S2": "ShADadF",
    "S3": "ShADadf",
    "RSTO": "ShADadR",
    "RSTR": "ShADadr",
    "SHR": "^hadf",
}
_LOOKED = {"RSTO": "ShR", "SF": "ShAFaf"}  # a port that was found open and left alone
_ALPHABET = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
LABELS = ("orig_h", "resp_h", "resp_p", "proto", "label", "kind", "sleep", "jitter", "jitter_kind")
FLOWS = [
    "timestamp",
    "src_ip",
    "direction",
    "dst_ip",
    "dst_port",
    "protocol",
    "total_bytes",
    "src_port",
    "duration_seconds",
    "total_packets",
    "label",
]


def write_traffic(
    traffic: Traffic, folder: Path, form: Form = "conn", *, json_lines: bool = False, force: bool = False
) -> list[Path]:
    """Writes conn.log (with ssl.log and http.log), flows.csv or events.csv, and labels.csv; returns the paths."""
    if form not in ("conn", "csv", "events"):
        raise ConfigError(f"format: {form!r}, expected conn, csv or events")
    files: dict[str, Callable[[TextIO], None]] = {}
    if form == "csv":
        files["flows.csv"] = lambda stream: _write_flows(traffic, stream)
    elif form == "events":
        files["events.csv"] = lambda stream: write_events(traffic, stream)
    else:
        rows = _Rows(traffic)
        begin = float(traffic.start[0])
        for name, columns in (("conn", rows.conn()), ("ssl", rows.ssl()), ("http", rows.http())):
            write = _json_writer(columns) if json_lines else _tsv_writer(name, columns, begin)
            files[f"{name}.log"] = write
    files["labels.csv"] = lambda stream: write_labels(traffic, stream)
    return write_all(folder, files, force=force)


class _Rows:
    """The values that several logs share, one list element a connection."""

    def __init__(self, traffic: Traffic) -> None:
        truth, pair = traffic.truth, traffic.pair
        self.traffic = traffic
        self.answered: Bools = (traffic.state != S0) & (traffic.state != REJ)
        self.proto: list[str] = truth.proto[pair].tolist()
        self.service = np.where(self.answered | (truth.proto[pair] == "udp"), truth.service[pair], "")
        self.name = np.where(self.answered, truth.name[pair], "")
        self.ts = [f"{value:.6f}" for value in traffic.start.tolist()]
        self.uid = _uids(len(traffic))
        self.orig_p = _source_ports(traffic)
        self.packets = [_packets(bytes_, self.proto) for bytes_ in (traffic.orig_bytes, traffic.resp_bytes)]

    def _head(self) -> list[Column]:
        truth, pair = self.traffic.truth, self.traffic.pair
        return [
            ("ts", "time", self.ts),
            ("uid", "string", self.uid),
            ("id.orig_h", "addr", truth.orig_h[pair].tolist()),
            ("id.orig_p", "port", [str(port) for port in self.orig_p]),
            ("id.resp_h", "addr", truth.resp[pair].tolist()),
            ("id.resp_p", "port", [str(port) for port in truth.resp_p[pair].tolist()]),
        ]

    def conn(self) -> list[Column]:
        """The 22 columns of Zeek 8."""
        traffic = self.traffic
        states = [STATES[code] for code in traffic.state.tolist()]
        (orig_pkts, orig_ip), (resp_pkts, resp_ip) = self.packets
        answers = self.answered & (np.nan_to_num(traffic.resp_bytes) > 0)
        local = [str(address).startswith(("10.", "239.")) for address in traffic.truth.resp[traffic.pair].tolist()]
        unset = ["-"] * len(traffic)
        resp_pkts = [
            count if seen or state == "REJ" else 0
            for count, seen, state in zip(resp_pkts, self.answered, states, strict=True)
        ]
        resp_ip = [size if count else 0 for size, count in zip(resp_ip, resp_pkts, strict=True)]
        return [
            *self._head(),
            ("proto", "enum", self.proto),
            ("service", "string", [str(value) or "-" for value in self.service]),
            ("duration", "interval", numbers(traffic.duration, 6)),
            ("orig_bytes", "count", numbers(traffic.orig_bytes, 0)),
            ("resp_bytes", "count", numbers(traffic.resp_bytes, 0)),
            ("conn_state", "string", states),
            (
                "local_orig",
                "bool",
                ["T" if orig.startswith("10.") else "F" for orig in traffic.truth.orig_h[traffic.pair]],
            ),
            ("local_resp", "bool", ["T" if inside else "F" for inside in local]),
            ("missed_bytes", "count", ["0"] * len(traffic)),
            ("history", "string", self._histories(states, answers)),
            ("orig_pkts", "count", [str(value) for value in orig_pkts]),
            ("orig_ip_bytes", "count", [str(value) for value in orig_ip]),
            ("resp_pkts", "count", [str(value) for value in resp_pkts]),
            ("resp_ip_bytes", "count", [str(value) for value in resp_ip]),
            ("tunnel_parents", "set[string]", unset),
            ("ip_proto", "count", [str(_IP_PROTO[proto]) for proto in self.proto]),
        ]

    def _histories(self, states: Sequence[str], answers: Bools) -> list[str]:
        """Zeek's history of each connection; one that was opened to look, and carried nothing, holds no data."""
        traffic = self.traffic
        looked = traffic.truth.label[traffic.pair] == "malicious_other"
        empty = looked & (np.nan_to_num(traffic.orig_bytes) + np.nan_to_num(traffic.resp_bytes) == 0)
        rows = zip(self.proto, states, answers.tolist(), empty.tolist(), strict=True)
        return [
            _LOOKED[state] if none and proto == "tcp" and state in _LOOKED else _history(proto, state, answered)
            for proto, state, answered, none in rows
        ]

    def ssl(self) -> list[Column]:
        chosen = (self.service == "ssl") & self.answered
        names = [str(name) or "-" for name in self.name[chosen]]
        n = len(names)
        return [
            *_rows(self._head(), chosen),
            ("version", "string", ["TLSv13"] * n),
            ("cipher", "string", ["TLS_AES_256_GCM_SHA384"] * n),
            ("curve", "string", ["x25519"] * n),
            ("server_name", "string", names),
            ("resumed", "bool", ["F"] * n),
            ("last_alert", "string", ["-"] * n),
            ("next_protocol", "string", ["-"] * n),
            ("established", "bool", ["T"] * n),
        ]

    def http(self) -> list[Column]:
        chosen = (self.service == "http") & self.answered
        resp = self.traffic.truth.resp[self.traffic.pair][chosen]
        hosts = [str(name) or str(address) for name, address in zip(self.name[chosen], resp, strict=True)]
        n = len(hosts)
        return [
            *_rows(self._head(), chosen),
            ("trans_depth", "count", ["1"] * n),
            ("method", "string", ["GET"] * n),
            ("host", "string", hosts),
            ("uri", "string", ["/"] * n),
            ("version", "string", ["1.1"] * n),
            ("user_agent", "string", ["-"] * n),
            ("request_body_len", "count", ["0"] * n),
            ("response_body_len", "count", numbers(self.traffic.resp_bytes[chosen], 0)),
            ("status_code", "count", ["200"] * n),
            ("status_msg", "string", ["OK"] * n),
        ]


def _rows(columns: Sequence[Column], chosen: Bools) -> list[Column]:
    index = np.flatnonzero(chosen).tolist()
    return [(name, kind, [values[i] for i in index]) for name, kind, values in columns]


def _history(proto: str, state: str, answers: bool) -> str:
    if proto == "icmp":
        return "-"
    if proto == "udp":
        return "Dd" if answers else "D"
    return _HISTORY[state]


def _packets(bytes_: Floats, protos: Sequence[str]) -> tuple[list[int], list[int]]:
    """Packets and IP bytes that such a payload takes: 1400 bytes a packet, five more for TCP's own."""
    payload = np.nan_to_num(bytes_).astype(np.int64)
    tcp = np.array([proto == "tcp" for proto in protos], dtype=np.bool_)
    packets = -(-payload // 1400) + np.where(tcp, np.where(payload > 0, 5, 1), 0)
    packets = np.maximum(packets, 1)
    return packets.tolist(), (payload + packets * np.where(tcp, 52, 28)).tolist()


def _uids(n: int) -> list[str]:
    """Connection identifiers as Zeek's look; the same for the same number of connections, all different."""
    letters = _ALPHABET[np.random.default_rng(0).integers(0, len(_ALPHABET), (n, 17))]
    return ["C" + "".join(row) for row in letters.tolist()]


def _source_ports(traffic: Traffic) -> list[int]:
    """Ephemeral ports counting up by host, as a kernel hands them out; icmp has its type there."""
    _, host = np.unique(traffic.truth.orig_h.astype(str), return_inverse=True)
    of = host[traffic.pair]
    order = np.argsort(of, kind="stable")
    counts = np.bincount(of)
    nth = np.empty(len(of), dtype=np.int64)
    nth[order] = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    ports = 49_152 + (nth * 7 + of * 977) % 16_384
    ports = np.where(traffic.truth.proto[traffic.pair] == "icmp", 8, ports)
    return [int(port) for port in ports]


def _tsv_writer(path: str, columns: Sequence[Column], begin: float) -> Callable[[TextIO], None]:
    def write(stream: TextIO) -> None:
        day = datetime.fromtimestamp(begin, UTC).strftime("%Y-%m-%d-%H-%M-%S")
        stream.write("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n")
        stream.write(f"#path\t{path}\n#open\t{day}\n")
        stream.write("#fields\t" + "\t".join(name for name, _, _ in columns) + "\n")
        stream.write("#types\t" + "\t".join(kind for _, kind, _ in columns) + "\n")
        stream.writelines("\t".join(row) + "\n" for row in zip(*(values for _, _, values in columns), strict=True))
        stream.write(f"#close\t{day}\n")

    return write


def _json_writer(columns: Sequence[Column]) -> Callable[[TextIO], None]:
    def text(kind: str, value: str) -> str:
        if kind == "bool":
            return "true" if value == "T" else "false"
        return value if kind in ("time", "interval", "count", "port") else json.dumps(value)

    def write(stream: TextIO) -> None:
        heads = [(f'"{name}":', kind) for name, kind, _ in columns]
        for row in zip(*(values for _, _, values in columns), strict=True):
            members = (head + text(kind, value) for (head, kind), value in zip(heads, row, strict=True) if value != "-")
            stream.write("{" + ",".join(members) + "}\n")

    return write


def _write_flows(traffic: Traffic, stream: TextIO) -> None:
    truth, rows = traffic.truth, _Rows(traffic)
    out = csv.writer(stream, lineterminator="\n")
    out.writerow(FLOWS)
    total = traffic.orig_bytes + traffic.resp_bytes
    packets = np.array(rows.packets[0][0]) + np.where(rows.answered, rows.packets[1][0], 0)
    columns: list[NDArray[np.object_] | list[str] | list[int]] = [
        [iso(value) for value in traffic.start.tolist()],
        truth.orig_h[traffic.pair],
        ["outbound"] * len(traffic),
        truth.resp[traffic.pair],
        truth.resp_p[traffic.pair].astype(object),
        truth.proto[traffic.pair],
        plain_numbers(total, 0),
        rows.orig_p,
        plain_numbers(traffic.duration, 6),
        packets.tolist(),
        truth.label[traffic.pair],
    ]
    out.writerows(zip(*columns, strict=True))


def write_labels(traffic: Traffic, stream: TextIO) -> None:
    """Writes what is true of each pair by address."""
    truth = traffic.truth
    out = csv.writer(stream, lineterminator="\n")
    out.writerow(LABELS)
    numbers = [["" if value != value else f"{value:.6g}" for value in column] for column in (truth.sleep, truth.jitter)]
    out.writerows(
        zip(
            truth.orig_h,
            truth.resp,
            truth.resp_p,
            truth.proto,
            truth.label,
            truth.kind,
            *numbers,
            truth.jitter_kind,
            strict=True,
        )
    )
