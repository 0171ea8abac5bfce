"""Ids become names in one place: CAP, retained states, log lines and alert lists say the same."""

from __future__ import annotations

import json

import pytest
from lxml import etree

from alerts import announcement, cap, naming
from alerts.lines import lines
from records.levels import Hazard, Level, Status
from records.network import Area, Lab, Network, Station
from records.statements import AlertChange, Phrase

NETWORK = Network(
    lab=(Lab(id="north"),),
    area=(Area(id="valley", lab="north", names={"en": "The valley"}),),
    station=(
        Station(
            id="lake", lab="north", lat=36, lon=74,
            names={"en": "Blue lake (simulated)", "ur": "نیلی جھیل (مصنوعی)", "zh": "蓝湖（模拟）"},
        ),
        Station(id="stage-1", lab="north", lat=36, lon=74),
    ),
    device=(),
    series=(),
)  # fmt: skip
FALLEN = Phrase(
    text="The lake at {lake} has fallen by {drop} m and the river is rising at {station}.",
    values={"lake": "lake", "drop": 0.5, "station": "stage-1"},
)
CHANGE = AlertChange(
    alert="lake-outburst-valley-1",
    at=0,
    change="raised",
    hazard=Hazard.LAKE_OUTBURST,
    area="valley",
    level=Level.RED,
    stations=("lake", "stage-1"),
    reason=FALLEN,
    detector="lake-outburst",
    status=Status.EXERCISE,
)
ENGLISH = "The lake at Blue lake has fallen by 0.5 m and the river is rising at stage-1."


def test_a_station_is_said_by_its_short_name_in_each_language_and_else_by_its_id() -> None:
    assert naming.sentence(FALLEN, NETWORK, "en") == ENGLISH
    for language, name in (("ur", "نیلی جھیل"), ("zh", "蓝湖")):
        said = naming.sentence(FALLEN, NETWORK, language)
        assert name in said
        assert "stage-1" in said
        assert "模拟" not in said


def test_several_stations_are_each_named_and_other_words_are_translated() -> None:
    several = Phrase(text="{stations}", values={"stations": "lake, stage-1"})
    assert naming.sentence(several, NETWORK, "en") == "Blue lake, stage-1"
    word = Phrase(text="{quantity}", values={"quantity": "sea level"})
    assert naming.sentence(word, NETWORK, "zh") == "海平面"


def test_cap_says_names_in_all_three_languages() -> None:
    root = etree.fromstring(cap.message([CHANGE], NETWORK))
    said = [found.text or "" for found in root.findall("{*}info/{*}description")]
    names = ("Blue lake", "نیلی جھیل", "蓝湖")
    assert all(name in text for name, text in zip(names, said, strict=True))
    assert said[0].startswith(ENGLISH)


def test_the_log_line_the_retained_state_and_the_alert_lines_say_the_same_reason() -> None:
    log = json.loads(announcement.of_change([CHANGE], NETWORK)[0].payload)
    retained = json.loads(announcement.of_standing(CHANGE, [CHANGE], NETWORK).payload)
    written = json.loads(lines([CHANGE], NETWORK))
    assert {log["reason"], retained["incidents"][0]["reason"], written["reason"]} == {ENGLISH}
    assert written["stations"] == ["lake", "stage-1"]


@pytest.mark.parametrize("name", ["蓝湖（模拟）", "Blue lake (simulated)"])
def test_a_short_name_leaves_out_what_stands_in_brackets(name: str) -> None:
    assert naming.short(name) == name.split("（")[0].split(" (")[0]
