"""OpenEEW's seconds of acceleration, made up and as recorded, become packets."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import openeew
from records.errors import BadMessage
from records.times import SECOND


def test_a_second_of_openeew_is_three_packets_that_end_at_the_devices_time() -> None:
    # The form is that of the network's devices, the values are made up.
    said = {
        "country_code": "mx", "device_id": "000", "x": [0.053, -0.041, 0.026, -0.008],
        "y": [0.079, 0.064, 0.038, 0.053], "z": [-0.015, 0.011], "device_t": 1513379400.154,
        "cloud_t": 1513379400.057, "sr": 31.25,
    }  # fmt: skip
    message = openeew.decode(json.dumps(said).encode())
    packets = openeew.content(message, 0).packets
    assert openeew.device(message) == "000"
    assert [(p.point, p.quantity, p.unit, p.start_at, p.rate_hz) for p in packets] == [
        ("x", "acceleration", "Gal", 1513379400_058000, 31.25),
        ("y", "acceleration", "Gal", 1513379400_058000, 31.25),
        ("z", "acceleration", "Gal", 1513379400_122000, 31.25),
    ]
    assert [p.samples.tolist() for p in packets] == [said["x"], said["y"], said["z"]]


def test_recorded_openeew_messages_are_read_as_they_were_sent(recordings: Path) -> None:
    lines = gzip.decompress(
        (recordings / "openeew/2017_12_15/000/10.jsonl.gz").read_bytes()
    ).splitlines()
    for line in lines:
        said = json.loads(line)
        packets = openeew.content(openeew.decode(line), 0).packets
        for packet, axis in zip(packets, "xyz", strict=True):
            assert packet.samples.tolist() == said[axis]
            last_s = packet.start_at / SECOND + (len(packet.samples) - 1) / packet.rate_hz
            assert last_s == pytest.approx(said["device_t"], abs=1e-6)
        assert np.dtype(np.float64) == packets[0].samples.dtype


@pytest.mark.parametrize(
    "change",
    [{"sr": 0}, {"sr": -1}, {"sr": 1e-300}, {"device_t": 1000}, {"device_t": 1e300}, {"x": ["a"]}],
)
def test_openeew_with_an_impossible_rate_or_time_is_refused(change: dict[str, Any]) -> None:
    said = {"device_id": "0", "x": [1, 2], "y": [1], "z": [], "device_t": 1.6e9, "sr": 32}
    with pytest.raises(BadMessage):
        openeew.content(openeew.decode(json.dumps({**said, **change}).encode()), 0)
