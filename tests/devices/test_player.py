"""The player of recorded cases: asked line by line, answers what it did, keeps nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from devices import player
from records.case import Message
from records.errors import SettingsError
from records.settings import BrokerAddress, Settings

CASE = """
name = "three"
start = 2020-01-01T00:00:00Z
clock = "measured"
[[lab]]
id = "lab"
[[station]]
id = "place"
lab = "lab"
lat = 0
lon = 0
[[device]]
id = "gauge"
station = "place"
[[series]]
id = "stage"
station = "place"
device = "gauge"
quantity = "stage"
unit = "m"
[[file]]
path = "rows.csv"
format = "csv-long"
"""
SETTINGS = Settings.read({"HOSHYAR_BROKER": "mqtt://127.0.0.1:1"})


class Recorder:
    """Stands for the connection: notes what is published."""

    published: list[tuple[str, int]]

    def __init__(self, settings: Settings, broker: BrokerAddress) -> None:
        type(self).published = []

    def publish(self, messages: Sequence[Message]) -> bool:
        self.published.extend((message.topic, message.seq) for message in messages)
        return True

    def close(self) -> None:
        self.published.append(("closed", -1))


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(player, "Publisher", Recorder)
    (tmp_path / "case.toml").write_text(CASE)
    rows = "".join(f"stage,2020-01-01T00:0{n}:00Z,{n}\n" for n in range(3))
    (tmp_path / "rows.csv").write_text("series,measured_at,value\n" + rows)
    return tmp_path


def test_spans_are_published_as_often_as_they_are_asked_for(case: Path) -> None:
    answers = io.StringIO()
    player.play(case, SETTINGS, ["publish 0 2\n", "publish 1 2\n", "publish 2 9\n"], answers)
    assert answers.getvalue().splitlines() == [
        "ready 3",
        "published 0 2",
        "published 1 2",
        "published 2 9",
    ]
    topic = "hoshyar/v1/lab/gauge/readings"
    assert Recorder.published == [(topic, n) for n in (0, 1, 1, 2)] + [("closed", -1)]


def test_a_request_that_is_none_ends_the_player(case: Path) -> None:
    with pytest.raises(SettingsError, match="was asked 'stop 1'"):
        player.play(case, SETTINGS, ["stop 1\n"], io.StringIO())
    assert Recorder.published == [("closed", -1)]


def test_without_a_broker_it_says_what_to_set(case: Path) -> None:
    with pytest.raises(SettingsError, match="HOSHYAR_BROKER is not set"):
        player.play(case, Settings.read({}), [], io.StringIO())
