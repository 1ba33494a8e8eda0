"""A real Zeek without packets, whose candidates are made by a script: what the live loop is tested against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from zeek_beacons.live.offline import find_zeek, scripts

# One candidate a pair, `pairs` of them from `wait` on; each pair beacons once a minute.
SCRIPT = """
redef exit_only_after_terminate = T;
redef Notice::mail_dest = "";
const pairs = %(pairs)d;

event make_candidates()
    {
    local host = 0;
    while ( host < pairs )
        {
        local orig_h = count_to_v4_addr(167772160 + host);
        local c = Beacons::Candidate($ts=network_time(), $uid=fmt("C%%d", host),
            $id=conn_id($orig_h=orig_h, $orig_p=4000/tcp, $resp_h=203.0.113.9, $resp_p=443/tcp),
            $proto=tcp, $resp="203.0.113.9", $conns=64, $named=0,
            $first_ts=double_to_time(1767225600.0), $last_ts=double_to_time(1767229380.0),
            $resp_hosts=1, $site_hosts=3, $reason="gate", $dropped=0, $starts=vector(),
            $durations=vector(), $orig_bytes=vector(), $resp_bytes=vector(), $states=vector());
        local i = 0;
        while ( i < 64 )
            {
            c$starts += 1767225600.0 + i * 60.0 + (i %% 3) * 0.7;
            c$durations += 0.25;
            c$orig_bytes += 300;
            c$resp_bytes += 500;
            c$states += "SF";
            ++i;
            }
        hook Beacons::candidate_found(c);
        ++host;
        }
    }

event zeek_init()
    {
    %(init)s
    schedule %(wait)s { make_candidates() };
    }
"""


@asynccontextmanager
async def running(
    folder: Path, *settings: str, init: str = "", pairs: int = 1, wait: str = "1sec"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Zeek with this package in `folder`, where its logs are; killed at the end."""
    script = folder / "made.zeek"
    script.write_text(SCRIPT % {"pairs": pairs, "init": init, "wait": wait})
    command = [str(find_zeek()), str(scripts()), script.name, *settings]
    with (folder / "zeek.out").open("wb") as output:
        zeek = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=output, stderr=output)
    try:
        yield zeek
    finally:
        if zeek.returncode is None:
            zeek.kill()
        await zeek.wait()


def notices(folder: Path) -> list[str]:
    """The lines of notice.log that tell of a beacon, so far."""
    log = folder / "notice.log"
    return [line for line in log.read_text().splitlines() if "Beacons::C2_Beacon" in line] if log.exists() else []
