"""Keys packed into integers, and the columns that pairs are made of."""

from __future__ import annotations

import numpy as np
import pytest

from zeek_beacons.pairs import Ints
from zeek_beacons.readers.columns import Connections, PairRows, joined
from zeek_beacons.readers.pair_table import (
    ENDPOINT_BITS,
    HOST_BITS,
    PORT_BITS,
    PROTO_BITS,
    SERVICE_BITS,
    PairTable,
    by_pair_and_start,
    pack,
    unpack,
)


def ints(*values: int) -> Ints:
    return np.array(values, dtype=np.int64)


WIDTHS = (PROTO_BITS, PORT_BITS, PORT_BITS + PROTO_BITS, SERVICE_BITS, HOST_BITS, ENDPOINT_BITS)


@pytest.mark.parametrize("bits", WIDTHS)
def test_numbers_up_to_the_limit_come_back(bits: int) -> None:
    highest, lowest = (1 << 63 - bits) - 1, (1 << bits) - 1
    high, low = ints(0, highest, 0, highest), ints(0, 0, lowest, lowest)
    packed = pack(high, low, bits)
    assert len(np.unique(packed)) == 4
    assert packed.min() == 0
    assert [part.tolist() for part in unpack(packed, bits)] == [high.tolist(), low.tolist()]


@pytest.mark.parametrize("bits", WIDTHS)
def test_a_number_over_the_limit_is_no_key(bits: int) -> None:
    for high, low in ((1 << 63 - bits, 0), (0, 1 << bits), (-1, 0), (0, -1)):
        with pytest.raises(OverflowError, match=r"numbers from .* do not fit \d+ bits"):
            pack(ints(0, high), ints(0, low), bits)


def test_no_numbers_fit() -> None:
    assert len(pack(ints(), ints(), 8)) == 0


def connections(**columns: Ints) -> Connections:
    """Rows that differ in these columns only."""
    n = len(next(iter(columns.values())))
    nothing = {
        **dict.fromkeys(("start_us", "orig_h", "orig_p", "resp_h", "resp_p", "proto"), np.zeros(n, dtype=np.int64)),
        **dict.fromkeys(("service", "name"), np.full(n, -1)),
        **dict.fromkeys(("duration", "orig_bytes", "resp_bytes"), np.zeros(n)),
        **dict.fromkeys(("state", "half"), np.zeros(n, dtype=np.uint8)),
        "midstream": np.zeros(n, dtype=np.bool_),
    }
    return Connections(**(nothing | columns))


LAST = 2**HOST_BITS - 1  # the last host there is room for


@pytest.mark.parametrize(
    ("column", "values"),
    [("orig_h", (0, LAST)), ("resp_h", (0, LAST)), ("resp_p", (0, 65_535)), ("proto", (0, 2)), ("name", (0, LAST))],
)
def test_pairs_at_the_limits_are_told_apart(column: str, values: tuple[int, int]) -> None:
    table = PairTable()
    by_name = np.full(4, column == "name")
    pair = table.add(connections(**{column: ints(*values, *values)}), by_name)
    assert pair[0] != pair[1]
    assert pair[:2].tolist() == pair[2:].tolist()


@pytest.mark.parametrize(
    ("column", "value"), [("orig_h", LAST + 1), ("resp_p", 65_536), ("proto", 4), ("service", 2**24)]
)
def test_what_does_not_fit_is_never_another_pair(column: str, value: int) -> None:
    with pytest.raises(OverflowError):
        PairTable().add(connections(**{column: ints(value)}), np.zeros(1, dtype=np.bool_))


def pair_rows(pairs: Ints, starts: Ints) -> PairRows:
    n = len(pairs)
    return PairRows(
        pair=pairs.astype(np.int32),
        start_us=starts,
        duration=np.zeros(n),
        orig_bytes=np.arange(n, dtype=np.float64),
        resp_bytes=np.zeros(n),
        state=np.zeros(n, dtype=np.uint8),
        orig_p=np.zeros(n, dtype=np.int32),
        addr=np.zeros(n, dtype=np.int32),
        named=np.zeros(n, dtype=np.int8),
    )


def test_the_order_holds_beyond_sixteen_bits_of_pairs() -> None:
    rng = np.random.default_rng(1)
    pairs, starts = rng.integers(0, 2**31 - 1, 5000), rng.integers(-(2**50), 2**50, 5000)
    pairs[:1000], starts[:500] = pairs[1000:2000], starts[1000:1500]
    rows = pair_rows(pairs, starts)
    assert np.array_equal(by_pair_and_start(rows), np.lexsort((rows.orig_bytes, starts, pairs)))


def test_joining_uses_the_parts_up() -> None:
    parts = [pair_rows(ints(1, 2), ints(10, 20)), pair_rows(ints(3), ints(30))]
    whole = joined(parts)
    assert (whole.pair.tolist(), whole.start_us.tolist(), parts) == ([1, 2, 3], [10, 20, 30], [])
    assert joined([whole], ints(2, 0)).pair.tolist() == [3, 1]
