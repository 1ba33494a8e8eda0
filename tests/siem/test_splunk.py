"""The Splunk app: taken by Splunk's own parser and inspector, and about fields and words that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from zeek_beacons import __version__

from .conftest import Rows
from .fields import SIEM, TELEMETRY, fields, notice_fields
from .test_sigma import known

APP = SIEM / "splunk" / "zeek_beacons"
VIEW = APP / "default" / "data" / "ui" / "views" / "zeek_beacons.xml"
ALIASES = {"src", "dest", "dest_port", "transport"}
OF_SPLUNK = {"_time", "count", "host", "eventtype", "sourcetype", "pair"}  # the last is made by an eval

Conf = Mapping[str, Mapping[str, str]]


def conf(name: str) -> Conf:
    parsers = pytest.importorskip(
        "addonfactory_splunk_conf_parser_lib", reason="no parser of Splunk: its app was NOT checked"
    )
    parser = parsers.TABConfigParser()
    parser.read(APP / "default" / f"{name}.conf", encoding="utf-8")
    assert parser.sections()
    assert parser.fields_outside_stanza == []
    return {part: {k: v for k, v in parser.items(part) if k != parsers.COMMENT_KEY} for part in parser.sections()}


def words() -> re.Pattern[str]:
    """What takes the words out of a notice's sub, as Python writes it."""
    return re.compile(conf("transforms")["zeek_beacons_words"]["REGEX"].replace("(?<", "(?P<"))


def searches() -> dict[str, str]:
    """All searches of the app by what they are called."""
    saved = {name: one["search"] for name, one in conf("savedsearches").items()}
    panels = ElementTree.parse(VIEW).getroot().iter("search")
    return saved | {f"panel {number}": one.findtext("query") or "" for number, one in enumerate(panels, 1)}


def asked(search: str) -> set[str]:
    """The fields that a search asks for, without those that it makes."""
    made = set(re.findall(r"\bAS (\w+)", search))
    bare = re.sub(r'"[^"]*"', '""', search)
    found = re.findall(r"([\w.]+)\s*(?:!=|>=|=|>| IN \()", bare) + re.findall(r"\b\w+\(([\w.]+)\)", bare)
    for listed in re.findall(r"\bBY ([\w., ]+)", bare):
        found += re.split(r",\s*", listed.strip())
    return set(found) - made - OF_SPLUNK


@pytest.mark.parametrize("name", ["app", "props", "transforms", "eventtypes", "tags", "savedsearches"])
def test_splunks_parser_reads_it(name: str) -> None:
    assert conf(name)


def test_what_is_named_is_there() -> None:
    props, types = conf("props"), conf("eventtypes")
    named = {one["sourcetype"] for part, one in props.items() if part.startswith("source::")}
    assert named == {part for part in props if "::" not in part and not part.endswith("notice:json")}
    for one in props.values():
        assert {value for key, value in one.items() if key.startswith("REPORT-")} <= conf("transforms").keys()
    assert {name.removeprefix("eventtype=") for name in conf("tags")} <= types.keys()
    for search in searches().values():
        assert set(re.findall(r"eventtype=(\w+)", search)) <= types.keys()
    for part in set(re.findall(r'sourcetype="(zeek\w*:[\w:]+)"', str(types))) - {"zeek:telemetry:json"}:
        assert part in props


def test_the_version_is_ours() -> None:
    app = conf("app")
    assert app["launcher"]["version"] == app["id"]["version"] == __version__


def test_aliases_are_of_fields_that_there_are() -> None:
    assert {f"FIELDALIAS-{name}" for name in ALIASES} <= conf("props")["zeek_beacons:alert"].keys()
    for part, one in conf("props").items():
        wanted = {re.sub(r'^"?([\w.]+?)(?:\{\})?"? AS .*', r"\1", v) for k, v in one.items() if k[:5] == "FIELD"}
        assert wanted <= (known(part.split(":")[1]) if wanted else set()), part


def test_searches_ask_for_fields_that_there_are() -> None:
    there = {
        "notice": {*notice_fields(), *words().groupindex},
        "verdict": {*fields("beacon_verdicts"), *ALIASES},
        "long": {*fields("beacon_long"), *ALIASES},
        "telemetry": {*TELEMETRY},
    }
    for name, search in searches().items():
        (kind,) = re.findall(r"eventtype=zeek_beacons_(\w+)", search)
        assert asked(search) <= there[kind], name
    assert sum(len(asked(search)) for search in searches().values()) > 20


def test_the_fields_of_a_search_are_seen() -> None:
    search = 'x IN ("a", "b=c") | stats max(y) AS z, values(id.h) AS q BY a.b, c | sort - z | where z>=1 AND w=2'
    assert asked(search) == {"x", "y", "id.h", "a.b", "c", "w"}


def test_words_of_real_notices_are_taken(logs: Rows) -> None:
    for notice in logs["notice"]:
        found = words().match(notice.get("sub", ""))
        assert (found is not None) == (notice["note"] == "Beacons::C2_Beacon")
        for name, value in (found.groupdict() if found else {}).items():
            assert value is None or f" {name.removeprefix('beacon_')}={value} " in f" {notice['sub']}"
    assert {"tunnel", "beacon"} <= {m["beacon_kind"] for n in logs["notice"] if (m := words().match(n.get("sub", "")))}


def test_times_are_found(logs: Rows, alerts: list[dict[str, Any]]) -> None:
    rows = {f"zeek:{log}:json": logs[log] for log in ("beacon_verdicts", "beacon_candidates", "beacon_long")}
    for part, told in (rows | {"zeek_beacons:alert": alerts}).items():
        one = conf("props")[part]
        for row in told:
            separators = (",", ":") if part.startswith("zeek:") else None
            text = json.dumps(row, separators=separators)
            found = re.search(one["TIME_PREFIX"] + r"(\d+\.\d+)", text)
            assert found, text
            assert float(found[1]) == row["ts" if part.startswith("zeek:") else "time"]
            assert len(found[1]) <= int(one["MAX_TIMESTAMP_LOOKAHEAD"])
            assert len(text) < int(one.get("TRUNCATE", 10_000))


def test_views_are_whole() -> None:
    view = ElementTree.parse(VIEW).getroot()
    assert (view.tag, view.get("version")) == ("form", "1.1")
    (token,) = [one.get("token") for one in view.iter("input")]
    for search in view.iter("search"):
        ends = [search.findtext(name) for name in ("earliest", "latest")]
        assert ends == [f"${token}.earliest$", f"${token}.latest$"]
    nav = ElementTree.parse(VIEW.parents[1] / "nav" / "default.xml").getroot()
    assert VIEW.stem in [one.get("name") for one in nav.iter("view")]


@pytest.mark.skipif(shutil.which("splunk-appinspect") is None, reason="no splunk-appinspect (by pip): NOT inspected")
def test_splunks_inspector_finds_nothing_against_it(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    copy = shutil.copytree(APP, tmp_path / APP.name)
    command = ["splunk-appinspect", "inspect", "--data-format", "json", "--output-file", str(told), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert told.is_file(), done.stdout + done.stderr
    summary = json.loads(told.read_text(encoding="utf-8"))["summary"]
    assert summary["success"] > 50
    assert (summary["error"], summary["failure"], summary["warning"]) == (0, 0, 0), done.stdout
