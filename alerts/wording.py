"""The words of a message in one language: event, headline, description, instruction."""

from __future__ import annotations

from alerts import lifecycle
from alerts.instructions import INSTRUCTIONS
from alerts.naming import area_name, name_of_station, sentence
from records.language import phrase, say
from records.levels import Hazard, Level, Status
from records.network import Network
from records.statements import AlertChange, Phrase
from records.times import to_datetime

EVENTS: dict[Hazard, str] = {
    Hazard.RIVER_FLOOD: "River flood",
    Hazard.FLASH_FLOOD: "Flash flood",
    Hazard.LAKE_OUTBURST: "Lake outburst",
    Hazard.LANDSLIDE: "Landslide",
    Hazard.EARTHQUAKE: "Earthquake",
    Hazard.TSUNAMI: "Tsunami",
    Hazard.STORM_SURGE: "Storm surge",
    Hazard.HIGH_WAVES: "High waves",
    Hazard.PLANT_FAULT: "Plant fault",
    Hazard.SENSOR_HEALTH: "Sensor health",
    Hazard.UNWATCHED: "Unwatched",
}
HEADLINES: dict[Level, str] = {
    Level.GREEN: "{event}, {area}: all clear",
    Level.YELLOW: "{event}, {area}: yellow, be aware",
    Level.ORANGE: "{event}, {area}: orange, be prepared",
    Level.RED: "{event}, {area}: red, take action",
}
PREFIXES: dict[Status, str] = {
    Status.EXERCISE: "EXERCISE: {headline}",
    Status.TEST: "TEST: {headline}",
}
NOTES: dict[Status, str] = {
    Status.EXERCISE: "This is an exercise. Nothing is really happening.",
    Status.TEST: "This is a test of the system with recorded or made-up data.",
}
EXPECTED = "Expected from {time} UTC on."
STATIONS = "Stations that agree: {stations}."
PARTLY_BLIND = "Some sensors are silent now: it may be worse than this message says."
# Every text that this stage says of itself: message ids of the catalogues.
MESSAGES = frozenset(
    (
        *EVENTS.values(),
        *HEADLINES.values(),
        *PREFIXES.values(),
        *NOTES.values(),
        *(text for by_level in INSTRUCTIONS.values() for text in by_level.values()),
        EXPECTED,
        STATIONS,
        PARTLY_BLIND,
        *lifecycle.TEXTS,
        *(level.word for level in Level if level is not Level.GREY),
    )
)
_JOIN = {"zh": ""}


def event(hazard: Hazard, language: str) -> str:
    return say(EVENTS[hazard], language)


def headline(change: AlertChange, network: Network, language: str) -> str:
    """One line: the event, where, and how bad; an exercise or a test says so first."""
    values: dict[str, str | int | float] = {
        "event": EVENTS[change.hazard],
        "area": area_name(change.area, network, language),
    }
    plain = phrase(Phrase(text=HEADLINES[change.level], values=values), language)
    if change.status not in PREFIXES:
        return plain
    return say(PREFIXES[change.status], language).format(headline=plain)


def description(change: AlertChange, network: Network, language: str) -> str:
    """Why, when and by which stations, in whole sentences."""
    sentences = [sentence(change.reason, network, language)]
    if change.onset_at is not None and change.onset_at > change.at:
        time = f"{to_datetime(change.onset_at):%Y-%m-%d %H:%M}"
        sentences.append(say(EXPECTED, language).format(time=time))
    if change.stations:
        names = [name_of_station(station, network, language) for station in change.stations]
        sentences.append(say(STATIONS, language).format(stations=", ".join(names)))
    if change.blind:
        sentences.append(say(PARTLY_BLIND, language))
    if change.status in NOTES:
        sentences.append(say(NOTES[change.status], language))
    return _JOIN.get(language, " ").join(sentences)


def instruction(change: AlertChange, language: str) -> str:
    """What to do."""
    return say(INSTRUCTIONS[change.hazard][change.level], language)
