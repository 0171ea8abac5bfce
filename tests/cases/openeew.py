"""An event of the OpenEEW recordings as a case: its messages as they were sent, and its places."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

HEAD = """name = "{name}"
start = {start}
clock = "received"

[[lab]]
id = "openeew"

[[file]]
path = "*.jsonl"
format = "openeew-jsonl"

[[detector]]
name = "earthquake"
"""
PLACE = """
[[station]]
id = "{id}"
lab = "openeew"
lat = {latitude}
lon = {longitude}

[[device]]
id = "{id}"
station = "{id}"
"""


def write(openeew: Path, event: str, folder: Path, turned: int | None = None) -> Path:
    """Write the event's case into `folder`, which is made, and return it.

    With `turned`, a seed, each station's record is turned by a time of its own: what shook them
    together shakes each at an unrelated time, and nothing is left to be found.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {p["device_id"]: p for p in json.loads((openeew / "device_locations.json").read_text())}
    random = np.random.default_rng(turned)
    first, places = float("inf"), []
    for device in sorted(path for path in (openeew / event).iterdir() if path.name in known):
        place = known[device.name]
        places.append(
            PLACE.format(id=device.name, latitude=place["latitude"], longitude=place["longitude"])
        )
        data = b"".join(gzip.decompress(p.read_bytes()) for p in sorted(device.glob("*.jsonl.gz")))
        if turned is not None:
            data = _turned(data, random.uniform())
        (folder / f"{device.name}.jsonl").write_bytes(data)
        first = min(first, *(json.loads(line)["cloud_t"] for line in data.splitlines()))
    start = _rfc3339(first)
    text = HEAD.format(name="quake-" + event.replace("_", "-"), start=start)
    (folder / "case.toml").write_text(text + "".join(places))
    return folder


def _turned(data: bytes, part: float) -> bytes:
    """The record moved later by this part of its length, its end put before its beginning."""
    messages = [json.loads(line) for line in data.splitlines()]
    received = [message["cloud_t"] for message in messages]
    begin, length = min(received), max(received) - min(received) + 1.024
    for message, received_s in zip(messages, received, strict=True):
        moved_s = (received_s - begin + part * length) % length - (received_s - begin)
        message["cloud_t"] += moved_s
        message["device_t"] += moved_s
    messages.sort(key=lambda message: message["cloud_t"])
    return "".join(json.dumps(message) + "\n" for message in messages).encode()


def _rfc3339(seconds: float) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"
