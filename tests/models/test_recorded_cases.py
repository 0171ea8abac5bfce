"""Whole cases out of real recordings: the right alert within the time that the truth allows."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from alerts.lines import lines
from hoshyar import inprocess
from hoshyar.chunks import Chunk, chunks
from records import times
from records.case import Case
from records.levels import Level
from records.statements import AlertChange
from tests.cases.prepare import CASES, NAMES, prepare

pytestmark = pytest.mark.recordings


def played(folder: Path) -> list[AlertChange]:
    case = Case.load(folder)
    messages = list(case.messages())
    done: list[Chunk] = []
    return inprocess.play(case, messages, list(chunks(case, messages)), done.append)


@pytest.mark.parametrize("name", NAMES)
def test_a_case_raises_its_alert_in_time_and_nothing_before(
    name: str, recordings: Path, tmp_path: Path
) -> None:
    changes = played(prepare(name, recordings, tmp_path / name))
    truth = tomllib.loads((CASES / name / "truth.toml").read_text())["alert"]
    reached: list[AlertChange] = []
    for change in changes:
        highest = max((c.level for c in reached), default=Level.YELLOW)
        if change.level > highest:
            reached.append(change)
    assert len({change.alert for change in changes}) == 1
    for expected in truth:
        change = next(c for c in reached if c.level.word == expected["level"])
        earliest, latest = (times.from_datetime(expected[x]) for x in ("earliest", "latest"))
        assert change.hazard == expected["hazard"]
        assert earliest <= change.at <= latest


def test_the_same_case_gives_the_same_lines(recordings: Path, tmp_path: Path) -> None:
    name = "bearing-ims-test2"
    first = lines(played(prepare(name, recordings, tmp_path / "one")))
    assert first == lines(played(prepare(name, recordings, tmp_path / "two")))
