"""CAP messages: valid against OASIS's schema for everything that can be said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from alerts import cap, profiles, wording
from alerts.instructions import INSTRUCTIONS
from alerts.lifecycle import Change
from records.language import say
from records.levels import LANGUAGES, Hazard, Level, Status
from records.network import Area, Lab, Network, Station
from records.statements import AlertChange, Phrase
from records.times import MINUTE, parse

AT = parse("2026-03-01T12:00:00.250Z")
NETWORK = Network(
    lab=(Lab(id="north", name="Northern lab"),),
    station=(
        Station(id="gauge-1", lab="north", lat=36, lon=74, names={"en": "Bridge", "ur": "پل"}),
    ),
    device=(),
    series=(),
    area=(
        Area(
            id="valley",
            lab="north",
            names={"en": "The valley", "ur": "وادی", "zh": "山谷"},
            polygon=((36.0, 74.0), (36.5, 74.0), (36.5, 74.5)),
        ),
    ),
)
C = f"{{{cap.NAMESPACE}}}"


@pytest.fixture(scope="module")
def schema(standards: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(standards / "CAP-v1.2.xsd")))


def change(**changed: Any) -> AlertChange:
    values: dict[str, Any] = {
        "alert": "lake-outburst-valley-20260301T120000Z",
        "at": AT,
        "change": Change.RAISED,
        "hazard": Hazard.LAKE_OUTBURST,
        "area": "valley",
        "level": Level.RED,
        "stations": ("gauge-1",),
        "reason": Phrase(text="Lake fell {fall} m.", values={"fall": 2.5}),
        "detector": "lake-outburst",
        "status": Status.EXERCISE,
        "onset_at": AT + 40 * MINUTE,
    }
    return AlertChange(**values | changed)


def read(xml: bytes) -> etree._Element:
    return etree.fromstring(xml)


def texts(root: etree._Element, path: str) -> list[str | None]:
    return [found.text for found in root.findall("/".join(C + step for step in path.split("/")))]


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("level", [Level.GREEN, Level.YELLOW, Level.ORANGE, Level.RED])
@pytest.mark.parametrize("hazard", Hazard)
def test_every_hazard_at_every_level_is_valid_and_says_what_to_do(
    schema: etree.XMLSchema, hazard: Hazard, level: Level, status: Status
) -> None:
    last = change(hazard=hazard, level=level, status=status)
    if level is Level.GREEN:
        last = change(hazard=hazard, level=level, status=status, change=Change.CLEARED)
    root = read(cap.message([change(hazard=hazard, status=status), last], NETWORK))
    schema.assertValid(root)
    assert texts(root, "info/language") == list(LANGUAGES)
    for path in ("info/event", "info/headline", "info/description", "info/instruction"):
        said = texts(root, path)
        assert len(said) == len(LANGUAGES)
        assert all(said)
    assert texts(root, "status") == [status.value]


def test_a_raised_alert_says_all_of_this() -> None:
    root = read(cap.message([change()], NETWORK))
    said = {child.tag.removeprefix(C): child.text for child in root if len(child) == 0}
    assert said == {
        "identifier": "lake-outburst-valley-20260301T120000Z.1",
        "sender": "hoshyar.north",
        "sent": "2026-03-01T12:00:00-00:00",
        "status": "Exercise",
        "msgType": "Alert",
        "source": "lake-outburst",
        "scope": "Public",
        "note": " / ".join(say(wording.NOTES[Status.EXERCISE], language) for language in LANGUAGES),
        "incidents": "lake-outburst-valley-20260301T120000Z",
    }
    info = root.find(f"{C}info")
    assert info is not None
    assert {child.tag.removeprefix(C): child.text for child in info if len(child) == 0} == {
        "language": "en",
        "category": "Geo",
        "event": "Lake outburst",
        "responseType": "Evacuate",
        "urgency": "Immediate",
        "severity": "Extreme",
        "certainty": "Likely",
        "effective": "2026-03-01T12:00:00-00:00",
        "onset": "2026-03-01T12:40:00-00:00",
        "expires": "2026-03-02T18:40:00-00:00",
        "senderName": "Northern lab",
        "headline": "EXERCISE: Lake outburst, The valley: red, take action",
        "description": "Lake fell 2.5 m. Expected from 2026-03-01 12:40 UTC on."
        " Stations that agree: Bridge. This is an exercise. Nothing is really happening.",
        "instruction": INSTRUCTIONS[Hazard.LAKE_OUTBURST][Level.RED],
    }
    assert texts(info, "parameter/valueName") == [
        "hoshyar:level",
        "hoshyar:change",
        "hoshyar:blind",
        "hoshyar:lead_s",
    ]
    assert texts(info, "parameter/value") == ["red", "raised", "false", "2400"]
    assert texts(root, "info/area/areaDesc") == ["The valley", "وادی", "山谷"]
    assert texts(info, "area/polygon") == [
        "36.000000,74.000000 36.500000,74.000000 36.500000,74.500000 36.000000,74.000000"
    ]


def test_an_update_and_a_cancel_name_every_message_before_them() -> None:
    history = [
        change(),
        change(change=Change.ACKNOWLEDGED, at=AT + MINUTE, person="Ayesha"),
        change(change=Change.BLIND, at=AT + 2 * MINUTE, blind=True),
        change(change=Change.CLEARED, at=AT + 3 * MINUTE, level=Level.GREEN, onset_at=None),
    ]
    update, cancel = (read(cap.message(history[:end], NETWORK)) for end in (3, 4))
    first = "hoshyar.north,lake-outburst-valley-20260301T120000Z.1,2026-03-01T12:00:00-00:00"
    third = "hoshyar.north,lake-outburst-valley-20260301T120000Z.3,2026-03-01T12:02:00-00:00"
    assert texts(update, "msgType") + texts(update, "references") == ["Update", first]
    assert texts(cancel, "msgType") + texts(cancel, "references") == ["Cancel", f"{first} {third}"]
    assert texts(cancel, "info/responseType") == ["AllClear"] * 3


def test_what_people_do_among_themselves_is_not_told() -> None:
    assert not cap.is_told(change(change=Change.ACKNOWLEDGED))
    with pytest.raises(ValueError, match="acknowledged"):
        cap.message([change(), change(change=Change.ACKNOWLEDGED)], NETWORK)


def test_an_area_without_polygon_and_a_lab_as_area_have_none(schema: etree.XMLSchema) -> None:
    root = read(cap.message([change(area="north")], NETWORK))
    schema.assertValid(root)
    assert root.findall(f".//{C}polygon") == []
    assert texts(root, "info/area/areaDesc") == ["Northern lab"] * 3


@settings(deadline=None, max_examples=60)
@given(station=st.text(min_size=1), said=st.text())
def test_any_text_stays_valid_xml(schema: etree.XMLSchema, station: str, said: str) -> None:
    strange = change(stations=(station,), reason=Phrase(text="It is {said}", values={"said": said}))
    schema.assertValid(read(cap.message([strange], NETWORK)))


def test_plant_and_sensor_messages_are_for_people_on_duty() -> None:
    root = read(cap.message([change(hazard=Hazard.PLANT_FAULT, level=Level.ORANGE)], NETWORK))
    assert texts(root, "scope") + texts(root, "restriction") == [
        "Restricted",
        profiles.RESTRICTION,
    ]


@pytest.mark.parametrize(
    ("level", "lead", "urgency"),
    [
        (Level.RED, None, "Immediate"),
        (Level.RED, 600 * MINUTE, "Immediate"),
        (Level.ORANGE, None, "Expected"),
        (Level.ORANGE, 59 * MINUTE, "Expected"),
        (Level.ORANGE, 61 * MINUTE, "Future"),
        (Level.YELLOW, None, "Future"),
        (Level.GREEN, None, "Past"),
    ],
)
def test_urgency_follows_level_and_lead(level: Level, lead: int | None, urgency: str) -> None:
    onset_at = None if lead is None else AT + lead
    assert profiles.urgency(change(level=level, onset_at=onset_at)) == urgency


def test_tables_are_complete() -> None:
    assert set(INSTRUCTIONS) == set(profiles.PROFILES) == set(wording.EVENTS) == set(Hazard)
    for said in INSTRUCTIONS.values():
        assert set(said) == set(Level) - {Level.GREY}
