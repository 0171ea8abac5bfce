"""An event of the OpenEEW recordings as a case: its messages as they were sent, and its places."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

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


def write(openeew: Path, event: str, folder: Path) -> Path:
    """Write the event's case into `folder`, which is made, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {p["device_id"]: p for p in json.loads((openeew / "device_locations.json").read_text())}
    first, places = float("inf"), []
    for device in sorted(path for path in (openeew / event).iterdir() if path.name in known):
        place = known[device.name]
        places.append(
            PLACE.format(id=device.name, latitude=place["latitude"], longitude=place["longitude"])
        )
        with (folder / f"{device.name}.jsonl").open("wb") as file:
            for path in sorted(device.glob("*.jsonl.gz")):
                data = gzip.decompress(path.read_bytes())
                file.write(data)
                first = min(first, *(json.loads(line)["cloud_t"] for line in data.splitlines()))
    start = _rfc3339(first)
    text = HEAD.format(name="quake-" + event.replace("_", "-"), start=start)
    (folder / "case.toml").write_text(text + "".join(places))
    return folder


def _rfc3339(seconds: float) -> str:

    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"
