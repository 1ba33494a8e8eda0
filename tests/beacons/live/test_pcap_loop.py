"""`zeek-beacons pcap`: with stand-ins for a Zeek that misbehaves, and with the real one where there is one."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.beacons.cli.commands import Ran, run
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.live import pcap_loop
from zeek_beacons.readmodel import ReadModel
from zeek_beacons.reports.looks_local import LEAST_SERVERS

from ..readers.logs import candidate, conn, json_log, tsv

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "zeek-scripts"
TRACES = ROOT / "testing-btest" / "Traces"
LOG = "beacon_candidates.log"
CAPTURE = TRACES / "steady.pcap"
LABELLED = ("empire_http443", "emotet_icedid", "caldera_ragdoll", "slips_testcc1", "slips_testcc2")
Fake = Callable[[str], Path]


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """A maker of programs that stand in for Zeek, from lines of shell."""

    def make(lines: str) -> Path:
        program = tmp_path / "zeek"
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o755)
        return program

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience in fractions of a second."""
    for name, seconds in (("STUCK", 0.3), ("LOOK", 0.1), ("GRACE", 0.2)):
        monkeypatch.setattr(pcap_loop, name, seconds)


def failed(ran: Ran, out: Path) -> str:
    """What a run that failed said; nothing is left of it."""
    assert ran.returncode == 2
    assert not out.exists()
    assert not list(out.parent.glob(".out*"))
    return ran.stderr


def test_without_zeek_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pcap_loop, "PLACES", (str(tmp_path / "none"),))
    with pytest.raises(ConfigError, match=r"no zeek on PATH .*https://zeek.org/get-zeek"):
        pcap_loop.find_zeek()
    with pytest.raises(ConfigError, match="no program there"):
        pcap_loop.find_zeek(tmp_path)


def test_a_zeek_that_fails_is_quoted(fake: Fake, out: Path) -> None:
    zeek = fake("echo 'fatal error: truncated dump file' >&2; exit 3")
    said = failed(run("pcap", CAPTURE, "-o", out, "--zeek", zeek), out)
    assert "steady.pcap: Zeek ended with code 3\n  zeek: fatal error: truncated dump file" in said


def test_a_zeek_that_never_opens_its_port_is_told(fake: Fake, out: Path) -> None:
    assert "Zeek ended before the sidecar was there" in failed(
        run("pcap", CAPTURE, "-o", out, "--zeek", fake("exit 0")), out
    )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("lines", ["exec sleep 600", "trap '' TERM\nwhile :; do sleep 1; done"])
def test_a_stuck_zeek_is_ended(lines: str, fake: Fake, out: Path) -> None:
    said = failed(run("pcap", CAPTURE, "-o", out, "--zeek", fake(lines)), out)
    assert "Zeek stuck: nothing moved for 0.3 s" in said


@pytest.mark.usefixtures("quick")
def test_a_zeek_that_works_for_ever_ends_with_its_time(fake: Fake, out: Path) -> None:
    zeek = fake("while :; do :; done")
    assert "Zeek not done after 1 s" in failed(run("pcap", CAPTURE, "-o", out, "--zeek", zeek, "--timeout", "1"), out)


def test_a_folder_with_something_in_it_is_refused(fake: Fake, out: Path) -> None:
    out.mkdir()
    (out / "mine").write_text("")
    ran = run("pcap", CAPTURE, "-o", out, "--zeek", fake("exit 0"))
    assert (ran.returncode, (out / "mine").exists()) == (2, True)
    assert "exists; name another folder or replace it with --force" in ran.stderr
    run("pcap", CAPTURE, "-o", out, "--zeek", fake("exit 1"), "--force")
    assert (out / "mine").exists()


@pytest.mark.parametrize("arguments", [["nowhere.pcap"], [CAPTURE, "--allow", "nowhere"], [CAPTURE, "--zeek", "none"]])
def test_bad_usage_is_said_before_any_work(arguments: list[object], out: Path) -> None:
    failed(run("pcap", *arguments, "-o", out), out)


def test_a_network_that_looks_local_is_suggested_as_by_score(
    fake: Fake, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connections(_capture: Path, folder: Path, _loop: pcap_loop.PcapLoop) -> dict[str, int]:
        clients = [conn(at, id__orig_h="147.32.83.165", id__resp_h=f"45.77.{at}.9") for at in range(LEAST_SERVERS)]
        (folder / "conn.log").write_bytes(tsv(clients))
        (folder / pcap_loop.ZEEK_OUTPUT).write_text("")
        return {"scored": 0, "notices": 0}

    monkeypatch.setattr(pcap_loop, "run", connections)
    ran = run("pcap", CAPTURE, "-o", out, "--zeek", fake("exit 0"))
    (note,) = json.loads((out / "run_summary.json").read_text())["ingest"]["notes"]
    assert note.startswith("147.32.83.0/24 looks local")
    assert f"note: {note}" in ran.stdout


@pytest.mark.parametrize("poll", [True, False])
def test_exchanges_inside_connections_are_in_the_reports(
    poll: bool, fake: Fake, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchanges(_capture: Path, folder: Path, loop: pcap_loop.PcapLoop) -> dict[str, int]:
        (folder / "conn.log").write_bytes(tsv([conn(0.0, duration=7200.0)]))
        if loop.poll:
            times = [60.0 * number for number in range(100)]
            (folder / LOG).write_bytes(
                json_log([candidate(times, channel="poll", resp="45.77.1.9", id__resp_h="45.77.1.9")])
            )
        (folder / pcap_loop.ZEEK_OUTPUT).write_text("")
        return {"scored": 1, "notices": 1}

    monkeypatch.setattr(pcap_loop, "run", exchanges)
    ran = run("pcap", CAPTURE, "-o", out, "--zeek", fake("exit 0"), *([] if poll else ["--no-poll"]))
    assert ran.returncode == 0, ran.stderr
    with (out / "alerts.csv").open() as file:
        assert [row["channel"] for row in csv.DictReader(file)] == ["poll"] * poll
    assert ReadModel.open(out).beacons().total == poll
    files = json.loads((out / "run_summary.json").read_text())["ingest"]["files"]
    assert (str(out / LOG) in files) == poll


def test_captures_of_one_name_get_folders_of_their_own(tmp_path: Path) -> None:
    captures = [Path("a/x.pcap"), Path("b/x.pcap"), Path("c/y.pcap.1")]
    assert [folder.name for folder in pcap_loop.folders(captures, tmp_path).values()] == ["x", "x-2", "y"]
    assert list(pcap_loop.folders(captures[:1], tmp_path).values()) == [tmp_path]


@pytest.mark.usefixtures("zeek")
def test_real_zeek_gives_notices_and_reports(out: Path) -> None:
    ran = run("pcap", TRACES / "beacon.pcap", "-o", out)
    assert ran.returncode == 0, ran.stderr
    notices = (out / "notice.log").read_text()
    assert "Beacons::C2_Beacon" in notices
    assert {"conn.log", "beacon_candidates.log", "beacon_verdicts.log", "report.md", "alerts.csv"} <= {
        path.name for path in out.iterdir()
    }
    assert not {pcap_loop.ZEEK_OUTPUT, "settings.zeek"} & {path.name for path in out.iterdir()}
    files = json.loads((out / "run_summary.json").read_text())["ingest"]["files"]
    assert files
    assert all(Path(file).is_file() for file in files), "reports name logs that are there"
    assert f"cat {out / 'conn.log'}" in (out / "report.md").read_text()


@pytest.mark.usefixtures("zeek")
def test_a_zeek_without_broker_gives_the_same_verdicts(tmp_path: Path) -> None:
    found = []
    for number, extra in enumerate(((), ("--zeek-arg", SCRIPTS / "backend-zeromq.zeek"))):
        out = tmp_path / str(number)
        ran = run("pcap", TRACES / "names.pcap", "-o", out, *extra)
        assert ran.returncode == 0, ran.stderr
        found.append([list(rows(out / f"{log}.log")) for log in ("notice", "beacon_verdicts")])
    by_chance = {"ts", "uid"}
    told = [
        [sorted([row[name] for name in row if name not in by_chance] for row in log) for log in logs] for logs in found
    ]
    assert told[0] == told[1]
    assert all(told[0])


@pytest.mark.usefixtures("zeek")
def test_several_captures_make_one_report(out: Path) -> None:
    ran = run("pcap", TRACES / "worker_1.pcap", TRACES / "worker_2.pcap", "-o", out, "--direction", "outbound")
    assert ran.returncode == 0, ran.stderr
    assert (out / "worker_1" / "conn.log").exists()
    assert len(json.loads((out / "run_summary.json").read_text())["ingest"]["files"]) >= 2


def test_zeek_gets_the_settings_of_the_scoring() -> None:
    usual = pcap_loop._settings(Config(), 1234, poll=True)
    assert "Beacons::poll_channel = T;" in usual
    assert "Beacons::poll_channel = F;" in pcap_loop._settings(Config(), 1234, poll=False)
    assert "Beacons::direction = Beacons::ANY;" in usual
    assert "local_nets" not in usual
    given = pcap_loop._settings(
        Config(direction="from-local", local_nets=("10.0.0.0/8", "2001:db8::/32")), 1234, poll=True
    )
    assert "Beacons::direction = Beacons::FROM_LOCAL;" in given
    assert "redef Site::private_address_space_is_local = F;" in given
    assert "redef Site::local_nets = { 10.0.0.0/8, [2001:db8::]/32 };" in given


@pytest.mark.usefixtures("zeek")
def test_zeek_takes_for_local_what_the_settings_say(out: Path) -> None:
    ran = run("pcap", TRACES / "directions.pcap", "-o", out, "--local-net", "10.0.0.5/32")
    assert ran.returncode == 0, ran.stderr
    local = {(row["id.orig_h"], row["id.resp_h"]): (row["local_orig"], row["local_resp"]) for row in rows(out / LOG)}
    assert local == {
        ("10.0.0.5", "203.0.113.7"): ("T", "F"),
        ("198.51.100.3", "10.0.0.6"): ("F", "F"),
        ("10.0.0.5", "10.0.0.6"): ("T", "F"),
    }


@pytest.mark.usefixtures("zeek")
def test_real_zeek_tells_a_truncated_capture(tmp_path: Path, out: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(CAPTURE.read_bytes()[:-7])
    assert "truncated dump file" in failed(run("pcap", cut, "-o", out), out)


def rows(log: Path) -> Iterator[dict[str, str]]:
    """The rows of a Zeek log in TSV."""
    names: list[str] = []
    for line in log.read_text().splitlines():
        if line.startswith("#fields"):
            names = line.split("\t")[1:]
        elif not line.startswith("#"):
            yield dict(zip(names, line.split("\t"), strict=True))


@pytest.mark.usefixtures("zeek")
@pytest.mark.parametrize("name", LABELLED)
def test_the_last_verdict_of_each_pair_is_that_of_its_conn_log(name: str, captures: Path, out: Path) -> None:
    found = sorted((captures / "dev" / name).glob("*.pcap*"))
    if not found:
        pytest.skip(f"no capture of {name}")
    ran = run("pcap", found[0], "-o", out)
    assert ran.returncode == 0, ran.stderr
    with (out / "scored_pairs.csv").open() as file:
        scored = {tuple(row[name] for name in KEY_COLUMNS): row for row in csv.DictReader(file)}
    verdicts = rows(out / "beacon_verdicts.log")
    ends = ("id.orig_h", "resp", "id.resp_p", "proto", "channel")
    last = {tuple(row[name] for name in ends): row for row in verdicts}
    assert {pair for pair, row in scored.items() if int(row["evidence"]) >= 6} <= last.keys()
    for pair, verdict in last.items():
        assert verdict["label"] == scored[pair]["label"], pair
        assert float(verdict["score"].replace("-", "nan")) == pytest.approx(
            float(scored[pair]["score"] or "nan"), abs=1e-6, nan_ok=True
        )
    alerts = {pair for pair, row in scored.items() if row["alert"] == "true"}
    noticed = {row["sub"].split("incident=")[1].split()[0] for row in notices(out)}
    assert {last[pair]["incident"] for pair in alerts} <= noticed
    assert grouped({pair: last[pair]["incident"] for pair in alerts}) == grouped(
        {pair: scored[pair]["incident"] for pair in alerts}
    )


def grouped(incidents: dict[tuple[str, ...], str]) -> set[frozenset[tuple[str, ...]]]:
    """Which pairs are one incident, whatever it is called."""
    return {
        frozenset(pair for pair, other in incidents.items() if other == incident) for incident in incidents.values()
    }


def notices(out: Path) -> list[dict[str, str]]:
    log = out / "notice.log"
    return [row for row in rows(log) if row["note"] == "Beacons::C2_Beacon"] if log.exists() else []
