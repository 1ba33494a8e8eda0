"""A real Zeek without packets, whose connections are made by a script: what the live loop is tested against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from zeek_beacons.live.pcap_loop import find_zeek, scripts

# Connections of `pairs` pairs from `wait` on, one a minute each, as they come from the observing nodes.
SCRIPT = """
redef exit_only_after_terminate = T;
redef Notice::mail_dest = "";

event make_pairs(host: count)
    {
    if ( host == %(pairs)d )
        return;
    local orig_h = count_to_v4_addr(167772160 + host);
    local i = 0;
    while ( i < 12 )
        {
        event Beacons::observed(Beacons::Observation($orig_h=orig_h, $orig_p=count_to_port(4000 + i, tcp),
            $resp_h=%(resp)s, $resp_p=443/tcp, $uid=fmt("C%%d.%%d", host, i), $name="", $service="ssl",
            $start=1767225600.0 + i * 60.0, $duration=0.25, $orig_bytes=300, $resp_bytes=500, $state="SF"), F);
        ++i;
        }
    event make_pairs(host + 1);
    }

event zeek_init()
    {
    %(init)s
    schedule %(wait)s { make_pairs(0) };
    }
"""


@asynccontextmanager
async def running(
    folder: Path, *settings: str, init: str = "", pairs: int = 1, wait: str = "1sec", resp: str = "203.0.113.9"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Zeek with this package in `folder`, where its logs are; killed at the end. `resp`: of the pair of a `host`."""
    script = folder / "made.zeek"
    script.write_text(SCRIPT % {"pairs": pairs, "init": init, "wait": wait, "resp": resp})
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
