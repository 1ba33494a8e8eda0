"""The same traffic as a log of every kind that is read."""

from __future__ import annotations

from dataclasses import dataclass

from .logs import (
    AWS,
    BINETFLOW,
    CANDIDATE,
    EVENT,
    EXPORT,
    FLOW,
    aws,
    aws_line,
    azure,
    azure_line,
    binetflow,
    candidate,
    csv_line,
    eve,
    event,
    export,
    flow,
    gcp,
    json_line,
    traffic,
    tsv_header,
    tsv_line,
)


@dataclass(frozen=True)
class Sample:
    """A log as header, lines (one row each) and the number of rows."""

    name: str
    header: bytes
    lines: list[bytes]

    @property
    def data(self) -> bytes:
        return self.header + b"".join(self.lines)


def samples(n: int = 400, seed: int = 1) -> dict[str, Sample]:
    """The same kind of traffic for every reader."""
    rows = traffic(n, seed)
    flows = [flow(row) for row in rows]
    lines = [
        candidate(
            [10.0 * step + host for step in range(count)],
            id__orig_h=f"10.0.0.{host}",
            service="ssl" if count > 6 else "http",
        )
        for host in range(1, 2 + n // 20)
        for count in (6, 12, 24)
    ]
    return {
        "conn-tsv": Sample("conn.log", tsv_header(), [tsv_line(row) for row in rows]),
        "conn-json": Sample("conn.log", b"", [json_line(row) for row in rows]),
        "flows": Sample("flows.csv", ",".join(FLOW).encode() + b"\n", [csv_line(row) for row in flows]),
        "exports": Sample(
            "conn.csv", ",".join(EXPORT).encode() + b"\n", [csv_line(export(row), [*EXPORT]) for row in rows]
        ),
        "binetflow": Sample(
            "capture.binetflow",
            ",".join(BINETFLOW).encode() + b"\n",
            [csv_line(binetflow(row), BINETFLOW) for row in rows],
        ),
        "candidates-tsv": Sample(
            "beacon_candidates.log",
            tsv_header(CANDIDATE, "beacon_candidates"),
            [tsv_line(row, CANDIDATE) for row in lines],
        ),
        "candidates-json": Sample("beacon_candidates.log", b"", [json_line(row) for row in lines]),
        "aws": Sample("flows.log", " ".join(AWS).encode() + b"\n", [aws_line(aws(row)) for row in rows]),
        "azure": Sample("PT1H.json", b"", [azure_line([azure(row)]) for row in rows]),
        "gcp": Sample("vpc_flows.json", b"", [json_line(gcp(row)) for row in rows]),
        "events": Sample("events.csv", ",".join(EVENT).encode() + b"\n", [csv_line(event(row), EVENT) for row in rows]),
        "eve": Sample("eve.json", b"", [json_line(eve(row)) for row in rows]),
    }
