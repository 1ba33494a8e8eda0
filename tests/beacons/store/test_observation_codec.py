"""Observations as bytes: they come back as they were, and no other bytes are taken for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.live.made import candidate
from zeek_beacons.store.observation_codec import ObservationsError, pack, unpack

SIZES = st.floats(0, 2.0**64) | st.just(float("nan"))


@given(
    st.lists(
        st.tuples(
            st.integers(-(10**17), 10**17), st.integers(-1, 10**12), SIZES, SIZES, st.sampled_from(["", "SF", "S0"])
        ),
        max_size=40,
    )
)
def test_observations_come_back_as_they_were(rows: list[tuple[int, int, float, float, str]]) -> None:
    start, duration, up, down, state = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    row = {
        "start": np.array(start, dtype=np.int64) / 1e6,
        "duration": np.array([np.nan if value < 0 else value / 1e6 for value in duration], dtype=np.float64),
        "orig_bytes": np.array(up, dtype=np.float64),
        "resp_bytes": np.array(down, dtype=np.float64),
        "state": np.array(state, dtype=np.object_),
    }
    found = unpack(pack(row))
    for name, column in row.items():
        assert np.array_equal(found[name], column, equal_nan=name != "state"), name


@given(st.binary() | st.binary().map(lambda data: b"\x01" + data))
def test_no_bytes_are_taken_for_observations(data: bytes) -> None:
    with pytest.raises(ObservationsError):
        unpack(data)


def test_a_changed_blob_is_refused() -> None:
    blob = bytearray(pack(candidate(1).row))
    blob[len(blob) // 2] ^= 1
    with pytest.raises(ObservationsError):
        unpack(bytes(blob))
