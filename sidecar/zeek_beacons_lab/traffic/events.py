"""Traffic as an event table: one row a connection, with what an endpoint knows of the process behind it.

Columns as in published event tables of EDR exports. Which process opens what is drawn by kind of traffic: implants sit
in script hosts, loaders and injected system processes, and now and then in a signed browser.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Mapping
from typing import TextIO

import numpy as np

from zeek_beacons.pairs import Strings
from zeek_beacons_lab.traffic.columns import Traffic
from zeek_beacons_lab.traffic.spelled import iso, plain_numbers

COLUMNS = (
    *("event_id", "host_id", "timestamp", "src_ip", "dst_ip", "dst_port", "protocol", "bytes_out", "bytes_in"),
    *("inter_event_seconds", "proc_name", "user", "country_code", "signed_binary", "label"),
)
_IMPLANTS = ("powershell.exe", "rundll32.exe", "regsvr32.exe", "mshta.exe", "wscript.exe", "updater.exe", "chrome.exe")
_BROWSERS = ("chrome.exe", "firefox.exe", "msedge.exe")
_SERVICES = ("svchost.exe", "agent.exe", "updateservice.exe")
# Of benign kinds; every other one runs in a service.
_PROCESSES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("browsing", "third_party", "page_timer", "page_refresh", "ocsp", "streaming"), _BROWSERS),
    "scripted_browsing": ("python.exe",),
    "scripted_loop": ("curl.exe", "powershell.exe"),
    "chat_reconnect": ("teams.exe", "slack.exe"),
    "office": ("outlook.exe", "excel.exe"),
    "mail_check": ("outlook.exe",),
    "antivirus": ("msmpeng.exe",),
    "cloud_sync": ("onedrive.exe",),
}
_UNSIGNED = frozenset({"updater.exe", "agent.exe", "python.exe", "curl.exe"})


def write_events(traffic: Traffic, stream: TextIO) -> None:
    """Writes the event table; seconds since the pair's last event are empty for its first one."""
    truth, pair = traffic.truth, traffic.pair
    process = _processes(traffic)
    order = np.lexsort((traffic.start, pair))
    gap = np.full(len(traffic), np.nan)
    later = np.flatnonzero(np.diff(pair[order]) == 0) + 1
    gap[order[later]] = traffic.start[order[later]] - traffic.start[order[later - 1]]
    out = csv.writer(stream, lineterminator="\n")
    out.writerow(COLUMNS)
    hosts = {host: f"WS-{number:03d}" for number, host in enumerate(sorted(set(truth.orig_h)), 1)}
    numbers = [plain_numbers(column, digits) for column, digits in ((traffic.orig_bytes, 0), (traffic.resp_bytes, 0))]
    rows = zip(pair.tolist(), traffic.start.tolist(), *numbers, plain_numbers(gap, 6), strict=True)
    for number, (row, start, sent, received, since) in enumerate(rows, 1):
        host = truth.orig_h[row]
        user = "SYSTEM" if process[row] in _SERVICES else f"user{hosts[host][3:]}"
        signed = int(process[row] not in _UNSIGNED)
        key = (truth.resp[row], truth.resp_p[row], truth.proto[row], sent, received, since)
        out.writerow((number, hosts[host], iso(start), host, *key, process[row], user, "", signed, truth.label[row]))


def _processes(traffic: Traffic) -> Strings:
    """The process of each pair, (n,): the same for the same pair, whatever else is in the traffic."""
    truth = traffic.truth
    names = []
    for row in range(len(truth)):
        choice = _IMPLANTS if truth.label[row] == "c2" else _PROCESSES.get(truth.kind[row], _SERVICES)
        place = zlib.crc32(f"{truth.orig_h[row]} {truth.resp[row]} {truth.resp_p[row]}".encode())
        names.append(choice[place % len(choice)])
    return np.array(names, dtype=np.object_)
