"""Real recordings through broker, ingest, store, models and alerts: as in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.prepare import prepare
from tests.flow.running import run


@pytest.mark.recordings
@pytest.mark.promise("R4")
@pytest.mark.parametrize("name", ["nukualofa-2009", "river-01037000-flood", "bearing-ims-test2"])
def test_a_recorded_case_gives_the_same_lines_through_the_broker(
    name: str, recordings: Path, tmp_path: Path
) -> None:
    case = prepare(name, recordings, tmp_path / name)
    lines = {}
    for way, options in {"in process": ("--speed", "max"), "through the broker": ()}.items():
        out = tmp_path / "alerts.jsonl"
        done = run("replay", case, *options, "--alerts", out)
        assert done.returncode == 0, done.stderr
        lines[way] = out.read_bytes()
    assert lines["through the broker"] == lines["in process"]
    assert b'"orange"' in lines["in process"]
