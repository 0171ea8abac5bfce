"""Which incidents are one event, and in which order an officer meets them."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from lab_ui import events, views
from lab_ui.picture import Picture
from records import times
from records.clock import ScenarioClock
from records.levels import Hazard, Level, Status
from records.statements import AlertChange, HazardWarning, Phrase
from store.incidents import Closed, Incident

NOW = times.parse("2026-03-01T03:00:00Z")


def incident(
    area: str,
    lead_s: float | None = None,
    *,
    stations: tuple[str, ...] = ("lake",),
    level: Level = Level.RED,
    by: str | None = None,
    status: Status = Status.EXERCISE,
    hazard: Hazard = Hazard.LAKE_OUTBURST,
) -> Incident:
    last = AlertChange(
        alert=area, at=NOW, change="raised", hazard=hazard, area=area, level=level,
        stations=stations, reason=Phrase(text="because"), detector="limit", status=status,
        onset_at=None if lead_s is None else NOW + int(lead_s * times.SECOND),
    )  # fmt: skip
    return Incident(NOW, last, 1, by, None if by is None else NOW)


WAVE = (
    incident("upper", 30),
    incident("village", 1000),
    incident("middle", 500),
    incident("flooded", stations=("lake", "bridge"), hazard=Hazard.RIVER_FLOOD),
)


def names(incidents: list[Incident] | tuple[Incident, ...]) -> list[str]:
    return [one.last.alert for one in incidents]


def test_those_who_can_still_be_warned_come_before_those_whom_the_wave_has_reached() -> None:
    assert names(events.in_order(WAVE)) == ["middle", "village", "upper", "flooded"]


def test_incidents_that_share_a_station_are_one_event_and_stand_together() -> None:
    coast = incident("coast", 600, stations=("gauge",))
    shown = events.in_order((*WAVE, coast))
    assert names(shown) == ["middle", "village", "upper", "flooded", "coast"]
    assert [names(members) for members in events.events(shown)] == [names(shown)[:4], ["coast"]]
    assert names(events.of(WAVE[1], shown)) == ["middle", "upper", "flooded"]
    assert events.of(coast, shown) == []


def test_two_events_become_one_by_an_incident_that_rests_on_stations_of_both() -> None:
    parts = [incident("a", stations=("x",)), incident("b", stations=("y",))]
    both = incident("c", stations=("x", "y"))
    assert [names(members) for members in events.events([*parts, both])] == [["a", "b", "c"]]


def test_floods_of_one_area_are_one_event_and_a_fault_of_a_machine_there_is_not() -> None:
    wave, flood, fault = (
        incident(hazard, stations=(station,), hazard=hazard)
        for hazard, station in (
            (Hazard.LAKE_OUTBURST, "lake"),
            (Hazard.RIVER_FLOOD, "ford"),
            (Hazard.PLANT_FAULT, "plant"),
        )
    )
    one, other, machine = (
        replace(each, last=msgspec.structs.replace(each.last, area="plant"))
        for each in (wave, flood, fault)
    )
    assert events.events([one, other, machine]) == [[one, other], [machine]]


def test_real_and_simulated_incidents_are_never_one_event() -> None:
    real = incident("real", status=Status.ACTUAL)
    assert [names(members) for members in events.events([WAVE[0], real])] == [["upper"], ["real"]]


def test_the_worst_and_what_nobody_has_taken_on_comes_first_whatever_the_event() -> None:
    coast = incident("coast", stations=("gauge",))
    taken, less = incident("taken", 90, by="Bo"), incident("less", 90, level=Level.ORANGE)
    assert names(events.in_order((less, taken, coast, incident("new", 800)))) == [
        "new",
        "coast",
        "taken",
        "less",
    ]


def test_a_card_after_one_of_the_same_event_is_short_and_says_what_the_others_are(
    picture: Picture,
) -> None:
    cards = views.cards(replace(picture, incidents=WAVE), "en")
    assert [card["follows"] for card in cards] == ["", *3 * ["lake-outburst"]]
    assert cards[0]["event"] == [
        "Village (Lake outburst)",
        "Upper (Lake outburst)",
        "Flooded (River flood)",
    ]


def test_a_reason_that_names_no_station_has_its_stations_beside_it(picture: Picture) -> None:
    silent = views.card(picture, incident("top"), "en")
    reason = Phrase(text="It rises at {station}.", values={"station": "lake"})
    telling = msgspec.structs.replace(incident("top").last, at=NOW - times.MINUTE, reason=reason)
    named = views.card(replace(picture, reasons={"top": telling}), incident("top"), "en")
    assert (silent["place"], named["place"]) == ("Lake", "")
    assert named["said"] == (NOW - times.MINUTE) // 1000


def test_the_map_shows_a_station_whose_own_series_are_worse_than_its_incidents(
    picture: Picture,
) -> None:
    warning = HazardWarning(
        source="stage-limit/bridge-stage", detector="stage-limit", version="1",
        hazard=Hazard.RIVER_FLOOD, area="top", level=Level.RED, stations=("bridge",),
        simulated=True, decided_at=NOW, reason=Phrase(text="x"),
    )  # fmt: skip
    seen = replace(picture, incidents=(incident("top", level=Level.ORANGE),))
    seen = seen.with_warnings([warning])
    assert seen.station_levels() == {"lake": Level.ORANGE, "bridge": Level.RED}


def test_what_is_over_says_how_bad_it_was_and_who_ended_it(picture: Picture) -> None:
    ended = msgspec.structs.replace(
        WAVE[0].last, change="cleared", level=Level.GREEN, person="Bo", onset_at=None
    )
    (row,) = views.closed(replace(picture, closed=(Closed(NOW, ended, Level.RED),)), "en")
    assert (row["level"], row["area"], row["person"]) == (int(Level.RED), "Upper", "Bo")


def test_everything_is_watched_only_while_every_stage_and_series_is_heard(picture: Picture) -> None:
    assert not views.watching(picture, ScenarioClock(NOW))
