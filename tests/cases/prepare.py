"""Recorded files as cases: what `hoshyar replay` plays, written from the recordings as they are.

    python tests/cases/prepare.py CASE RECORDINGS FOLDER

writes FOLDER/case.toml and its CSV file. Values are copied as text, never rounded.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

CASES = Path(__file__).parent
Row = list[str]


def _table(path: Path) -> Iterator[Row]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    yield from csv.reader(text.splitlines())


def _utc(text: str, hours_behind: int = 0) -> str:
    """Local time without a zone, so many hours behind UTC, as RFC 3339."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(hours=hours_behind)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _nukualofa(file: Path) -> Iterator[Row]:
    """Height as the gauge gave it; the recording's own residual is left out: it looks ahead."""
    rows = _table(file)
    height = next(rows).index("height")
    yield ["measured_at", "nukualofa-sea-level"]
    for row in rows:
        yield [_utc(row[0]), row[height]]


def _river(file: Path) -> Iterator[Row]:
    """Hourly stage in feet; the record is in EDT throughout (column tz_cd)."""
    rows = _table(file)
    head = next(rows)
    at, stage, zone = (head.index(name) for name in ("datetime", "65565_00065", "tz_cd"))
    yield ["measured_at", "usgs-01037000-stage"]
    for row in rows:
        if row[zone] != "EDT":
            raise ValueError(f"{file}: a time in {row[zone]!r}")
        yield [_utc(row[at], 4), row[stage]]


def _bearings(file: Path) -> Iterator[Row]:
    rows = _table(file)
    next(rows)
    yield ["measured_at", *(f"bearing-{n}" for n in range(1, 5))]
    for row in rows:
        yield [_utc(row[0]), *row[1:]]


# Case -> (recording, its rows, the file that case.toml names).
_SOURCES = {
    "nukualofa-2006": ("tsunami_nukualofa/tonga2006.csv.gz", _nukualofa, "sea-level.csv"),
    "nukualofa-2009": ("tsunami_nukualofa/samoa2009.csv.gz", _nukualofa, "sea-level.csv"),
    "river-01037000-flood": ("river_usgs/usgs_01037000_hourly.csv.gz", _river, "stage.csv"),
    "bearing-ims-test2": ("bearing_ims/test2.csv", _bearings, "vibration.csv"),
}
NAMES = tuple(_SOURCES)


def prepare(name: str, recordings: Path, folder: Path) -> Path:
    """Write the case into `folder`, which is made, and return it. Raises FileNotFoundError."""
    recording, rows, written = _SOURCES[name]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / written).open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows(recordings / recording))
    shutil.copyfile(CASES / name / "case.toml", folder / "case.toml")
    return folder


if __name__ == "__main__":
    prepare(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
