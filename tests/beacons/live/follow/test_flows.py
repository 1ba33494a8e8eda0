"""Flow logs that grow, are rotated and cut: the pairs that `score` reads from the same files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.live.follow.kinds import FLOWS
from zeek_beacons.live.follow.log_files import LogFiles
from zeek_beacons.readers import Request, read

from ...cli.commands import run
from ...readers.logs import T0
from .test_follow import options, own_state
from .test_follow import same as same_verdicts
from .test_tracker import Followed, same

__all__ = ["own_state"]
NETFLOW = "timestamp,duration,src_ip,src_port,dst_ip,dst_port,protocol,total_bytes,out_bytes"
BOTH_WAYS = "timestamp,duration,src_ip,src_port,dst_ip,dst_port,protocol,bytes,direction"
BINETFLOW = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label"
EXPORT = "ts,uid,src_ip,src_port,dest_ip,dest_port,proto,duration,orig_bytes,resp_bytes,conn_state,history"
AWS = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
AWS += "log-status"


def starts(seed: int = 5) -> list[tuple[float, int, int]]:
    """When, which host, which server: beacons and others, in order."""
    rng = np.random.default_rng(seed)
    found = [(60.0 * n + rng.uniform(0, 3), 1, 1) for n in range(120)]
    found += [(float(at), int(rng.integers(2, 9)), int(rng.integers(2, 12))) for at in rng.uniform(0, 7200, 400)]
    return sorted((round(T0 + at, 3), host, server) for at, host, server in found)


def rows(kind: str) -> list[str]:
    made = []
    for number, (at, host, server) in enumerate(starts()):
        orig, resp, port = f"10.0.0.{host}", f"203.0.113.{server}", 20_000 + number
        if kind == "binetflow":
            day = np.datetime64(round(at * 1e6), "us").astype(str).replace("-", "/").replace("T", " ")
            made.append(f"{day},0.5,tcp,{orig},{port},   ->,{resp},443,FSPA_FSPA,0,0,10,2000,800,flow=x")
        elif kind == "exports":
            made.append(f"{at},C{number},{orig},{port},{resp},443,tcp,0.5,800,1200,SF,ShADadfF")
        elif kind == "aws":
            made.append(f"2 1 eni {orig} {resp} {port} 443 6 10 800 {int(at)} {int(at) + 1} ACCEPT OK")
        elif kind == "eve":
            day = np.datetime64(round(at * 1e6), "us").astype(str)
            flow = f'{{"start":"{day}+0000","end":"{day}+0000","bytes_toserver":800,"bytes_toclient":1200}}'
            made.append(
                f'{{"timestamp":"{day}+0000","flow_id":{number + 1},"event_type":"flow","src_ip":"{orig}",'
                f'"src_port":{port},"dest_ip":"{resp}","dest_port":443,"proto":"TCP","flow":{flow}}}'
            )
        elif kind == "both ways":
            made.append(f"{at},0.5,{orig},{port},{resp},443,tcp,800,out")
            made.append(f"{at + 0.1:.3f},0.4,{resp},443,{orig},{port},tcp,1200,in")
        else:
            made.append(f"{at},0.5,{orig},{port},{resp},443,tcp,800,1200")
    return made


HEADERS = {"flows": NETFLOW, "both ways": BOTH_WAYS, "binetflow": BINETFLOW, "exports": EXPORT, "aws": AWS, "eve": ""}
NAMES = {"binetflow": "capture.binetflow", "aws": "1_vpcflowlogs_eu_x.log", "eve": "eve.json"}


def written(kind: str, some: list[str]) -> bytes:
    header = HEADERS[kind]
    return "".join(f"{line}\n" for line in ([header] if header else []) + some).encode()


def scored(folder: Path) -> Any:
    return read(Request([str(folder)]), Config())[0]


@pytest.mark.parametrize("kind", list(HEADERS))
def test_files_that_grow_cut_within_lines(tmp_path: Path, kind: str) -> None:
    data, name = written(kind, rows(kind)), NAMES.get(kind, "flows.csv")
    growing = tmp_path / "growing"
    growing.mkdir()
    followed = Followed(growing)
    for part in range(1, 12):
        (growing / name).write_bytes(data[: len(data) * part // 12])
        followed.step()
        followed.tracker.pairs()
    (growing / name).write_bytes(data)
    pairs = followed.pairs()
    assert len(pairs) > 10
    same(pairs, scored(growing))
    assert followed.tracker.counts().bad == 0


@pytest.mark.parametrize("kind", ["flows", "binetflow", "eve"])
def test_files_that_are_rotated_and_packed(tmp_path: Path, kind: str) -> None:
    """Renamed while it is read, then packed, while a new one begins under the old name."""
    name, all_rows = NAMES.get(kind, "flows.csv"), rows(kind)
    stem, suffix = name.split(".", 1)
    followed = Followed(tmp_path / "logs")
    followed.files.roots[0].mkdir()
    folder = followed.files.roots[0]
    for hour, begin in enumerate(range(0, len(all_rows), 130)):
        part = written(kind, all_rows[begin : begin + 130])
        (folder / name).write_bytes(part[: len(part) // 2])
        followed.step()
        (folder / name).write_bytes(part)
        followed.step()
        (folder / name).rename(folder / f"{stem}-{hour}.{suffix}")
        followed.step()
        (folder / f"{stem}-{hour}.{suffix}.gz").write_bytes(gzip.compress(part))
        (folder / f"{stem}-{hour}.{suffix}").unlink()
    pairs = followed.pairs()
    same(pairs, scored(folder))
    assert followed.tracker.counts().rows == len(all_rows)


def test_a_csv_that_is_copied_and_cut_goes_on_under_its_header(tmp_path: Path) -> None:
    all_rows, folder = rows("flows"), tmp_path / "logs"
    folder.mkdir()
    file = folder / "flows.csv"
    followed = Followed(folder)
    file.write_bytes(written("flows", all_rows[:200]))
    followed.step()
    with file.open("r+b") as cut:
        cut.truncate()
        cut.write("".join(f"{line}\n" for line in all_rows[200:300]).encode())
        cut.truncate()
    followed.step()
    assert followed.pairs().conns.sum() == 300
    assert followed.tracker.counts().bad == 0


def test_once_says_what_score_says(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "flows.csv").write_bytes(written("flows", rows("flows")))
    (logs / "alerts.csv").write_text("severity,score\nhigh,1\n")  # our own
    assert run("score", logs, "-o", tmp_path / "report").returncode == 0
    ran = run("follow", logs, "--once", *options(tmp_path))
    assert ran.returncode == 0, ran.stderr
    same_verdicts(tmp_path / "h.db", tmp_path / "report" / "result.sqlite")


def test_columns_that_nobody_knows_are_named_by_the_user(tmp_path: Path) -> None:
    text = written("flows", rows("flows")).replace(b"src_ip", b"Inside").replace(b"dst_ip", b"Outside")
    (tmp_path / "f.csv").write_bytes(text)
    files = LogFiles([tmp_path])
    files.look()
    assert not files.files
    assert "--map" in files.counts.problem
    known = LogFiles([tmp_path], chosen=("orig_h=Inside", "resp_h=Outside"))
    known.look()
    assert known.kinds() == {"flows"}


def test_every_kind_of_line_is_followed() -> None:
    from zeek_beacons.readers import READERS

    assert READERS.keys() - FLOWS.keys() == {"conn", "candidates", "azure"}
