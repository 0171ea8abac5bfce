"""Earthquakes: which onsets are one wave, and recordings played through the whole path."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from hoshyar import inprocess
from hoshyar.chunks import chunks
from models.association import Statement, Vote
from models.bank import Bank
from models.detector import Watched
from models.detectors.earthquake import Earthquake
from records import times
from records.case import Case
from records.distance import great_circle_m
from records.levels import Level
from records.network import Device, Lab, Network, Station
from records.statements import AlertChange
from records.times import SECOND
from tests.cases.openeew import write

# A coast with a station about every 30 km, and one that is far away.
PLACES = {
    "a": (16.9, -99.9),
    "b": (16.7, -99.65),
    "c": (17.1, -100.15),
    "d": (16.5, -99.4),
    "e": (17.3, -100.4),
    "far": (19.3, -99.2),
}
NETWORK = Network(
    lab=(Lab(id="coast"),),
    station=tuple(Station(id=n, lab="coast", lat=a, lon=o) for n, (a, o) in PLACES.items()),
    device=tuple(Device(id=name, station=name) for name in PLACES),
    series=(),
)
BEGIN_S = 1_000_000.0
SOURCE = (16.85, -99.85)


def hypocentral_km(station: str, source: tuple[float, float]) -> float:
    lat, lon = PLACES[station]
    return float(np.hypot(great_circle_m(lat, lon, *source) / 1000, 20.0))


def wave(
    *stations: str, gal_at_30_km: float = 3.0, source: tuple[float, float] = SOURCE
) -> dict[str, tuple[float, float]]:
    """(onset in s, amplitude in Gal) at each station of a shock at 0 s, 20 km below `source`."""
    km = {station: hypocentral_km(station, source) for station in stations}
    return {s: (far / 6.5, gal_at_30_km * (30.0 / far) ** 2) for s, far in km.items()}


def played(
    shakes: dict[str, tuple[float, float]],
    *,
    silent: tuple[str, ...] = (),
    slow_s: dict[str, float] | None = None,
    before: dict[str, Statement] | None = None,
    begin_s: float = BEGIN_S,
    peak: dict[str, float] | None = None,
) -> list[Statement]:
    """What is said after each station's vote, which comes a second after its onset."""
    standing = dict(before or {})
    slow = slow_s or {}
    votes = {s: Vote(watched=watched(s), level=Level.GREEN, changed_at=0) for s in PLACES}
    said = []
    for station, (onset_s, gal) in sorted(shakes.items(), key=lambda item: item[1]):
        now_at = round((begin_s + onset_s + 1.0) * SECOND)
        lag = round(slow.get(station, 0.0) * SECOND)
        votes[station] = msgspec.structs.replace(
            votes[station],
            level=Level.ORANGE,
            changed_at=now_at,
            lag=lag,
            peak=(peak or {}).get(station, 0.0),
            evidence={
                "onset_at": round((begin_s + onset_s) * SECOND) - lag,
                "amplitude": gal,
                "noise": 0.05,
            },
        )
        heard = [
            msgspec.structs.replace(v, heard_at=None if s in silent else now_at - SECOND // 5)
            for s, v in votes.items()
        ]
        statements = Earthquake().associate(heard, NETWORK, standing, now_at)
        standing = {s.key: s for s in statements}
        said += statements
    return said


def watched(station: str, axis: str = "z") -> Watched:
    return Watched(id=f"{station}-{axis}", quantity="acceleration", unit="Gal", station=station)


def levels(said: list[Statement]) -> list[Level]:
    return [s.level for s in said]


def test_two_stations_of_a_wave_are_doubtful_and_three_are_a_quake() -> None:
    said = played(wave("a", "b", "c"))
    assert levels(said) == [Level.GREEN, Level.YELLOW, Level.ORANGE]
    assert said[-1].stations == ("a", "b", "c")
    found = said[-1].evidence["wave"]
    assert great_circle_m(found["lat"], found["lon"], *SOURCE) < 25_000
    assert abs(found["origin_at"] - BEGIN_S) < 2.0


def test_a_quake_that_most_stations_felt_strongly_is_red_once_the_second_wave_is_through() -> None:
    said = played(wave("a", "b", "c", "d", "e"), peak=dict.fromkeys("abcde", 300.0))
    assert levels(said)[:3] == [Level.GREEN, Level.YELLOW, Level.ORANGE]
    assert said[2].evidence["magnitude_at_least"] is None
    assert levels(said)[-1] == Level.RED
    red = next(s for s in said if s.level == Level.RED)
    assert 5.0 <= float(red.reason.values["magnitude"]) == red.evidence["magnitude_at_least"]


def test_one_station_that_feels_much_more_than_the_others_makes_no_strong_quake() -> None:
    said = played(wave("a", "b", "c", "d", "e"), peak={**dict.fromkeys("bcde", 2.0), "a": 3000.0})
    assert levels(said)[-1] == Level.ORANGE
    assert 0 < said[-1].evidence["magnitude_at_least"] < 5.0


def test_what_was_felt_most_counts_when_it_has_ebbed_away() -> None:
    shakes = wave("a", "b", "c", "d", "e")
    strong = played({s: shakes[s] for s in "abc"}, peak=dict.fromkeys("abc", 300.0))
    before = {strong[-1].key: strong[-1]}
    assert strong[-1].level == Level.ORANGE
    ebbed = played(shakes, before=before, peak=dict.fromkeys("abcde", 1.0))[-1]
    assert ebbed.evidence["felt_gal"]["a"] == 300.0
    assert ebbed.level == Level.RED


def test_onsets_in_an_order_that_no_wave_has_are_no_quake() -> None:
    shakes = wave("a", "b", "c")
    shakes["c"] = (shakes["c"][0] + 25.0, shakes["c"][1])
    assert levels(played(shakes))[-1] < Level.ORANGE


def test_a_station_nearer_by_that_stays_quiet_speaks_against_it() -> None:
    around = wave("b", "c", "d")
    assert levels(played(around, silent=("e",)))[-1] < Level.ORANGE
    # Of one that isn't heard nobody knows whether it is quiet.
    assert levels(played(around, silent=("a", "e")))[-1] == Level.ORANGE


def test_amplitudes_that_no_distance_explains_are_no_quake() -> None:
    shakes = wave("a", "b", "c")
    shakes["b"] = (shakes["b"][0], shakes["b"][1] * 30)
    shakes["c"] = (shakes["c"][0], shakes["c"][1] / 30)
    assert levels(played(shakes))[-1] < Level.ORANGE


def test_restless_stations_need_more_than_three() -> None:
    """Each had begun to shake by itself four minutes before, with nothing in common."""
    restless = {s: (-240.0 + 33.0 * n, 5.0) for n, s in enumerate(("a", "d", "e", "far", "b", "c"))}
    quake = wave("a", "b", "c", "d", "e")
    said = played(restless)
    before = {said[-1].key: said[-1]}
    after = played(quake, before=before)
    assert levels(after)[2] < Level.ORANGE
    assert levels(after)[-1] == Level.ORANGE


def test_one_that_shakes_by_itself_in_the_same_minute_makes_a_fourth_necessary() -> None:
    """What shakes many stations at unrelated times shakes three of them in some wave's order."""
    stranger = {"far": (-20.0, 2.0)}
    said = played({**stranger, **wave("a", "b", "c", "d")})
    assert levels(said)[-2] < Level.ORANGE
    assert levels(said)[-1] == Level.ORANGE
    assert "far" not in said[-1].stations


@pytest.mark.parametrize("source", [(16.80, -99.87), (16.83, -99.83), (16.90, -99.80)])
def test_the_grid_of_sources_adds_little_to_the_misfit_of_a_wave(
    source: tuple[float, float],
) -> None:
    found = played(wave("a", "b", "c", source=source))[-1].evidence["wave"]
    assert max(abs(member["late_s"]) for member in found["members"]) < 0.25


def test_a_clock_that_is_wrong_by_half_an_hour_does_no_harm() -> None:
    right, wrong = played(wave("a", "b", "c")), played(wave("a", "b", "c"), slow_s={"b": 1950.0})
    assert levels(wrong) == levels(right)


def test_what_is_remembered_survives_being_saved() -> None:
    said = played(wave("a", "b"))
    saved = msgspec.msgpack.encode({s.key: s for s in said[-1:]})
    before = msgspec.msgpack.decode(saved, type=dict[str, Statement])
    third = {"c": wave("c")["c"]}
    assert levels(played(third, before=before)) == [Level.ORANGE]


def test_silence_of_all_is_blindness() -> None:
    votes = [Vote(watched=watched(s), level=Level.GREY, changed_at=0) for s in PLACES]
    said = Earthquake().associate(votes, NETWORK, {}, SECOND)
    assert levels(said) == [Level.GREY]


def scored(value: np.ndarray, rate_hz: float = 31.25) -> tuple[np.ndarray, list[dict[str, float]]]:
    """Levels of one axis, and the evidence of what became orange."""
    bank = Bank(Earthquake(), [watched("a")])
    measured_at = np.rint(np.arange(len(value)) / rate_hz * SECOND).astype(np.int64)
    outcome = bank.advance(np.zeros(len(value), np.intp), measured_at, value)
    orange = [s.evidence for _, c, s in outcome.crossings if c.level == Level.ORANGE > c.before]
    return outcome.level, orange


@pytest.mark.parametrize("rate_hz", [31.25, 50.0, 100.0])
def test_a_shock_votes_once_with_its_onset_and_amplitude(rate_hz: float) -> None:
    seconds = np.arange(round(90 * rate_hz)) / rate_hz
    shock = np.where(seconds > 60, 3.0 * np.exp(-(seconds - 60) / 8), 0.0)
    noise = np.random.default_rng(1).normal(0, 0.05, len(seconds))
    level, orange = scored(4.0 + noise + shock * np.sin(2 * np.pi * 5 * seconds), rate_hz)
    assert len(orange) == 1
    assert 0 <= orange[0]["onset_at"] / SECOND - 60 < 0.3
    assert 2.0 < orange[0]["amplitude"] < 3.5
    assert (level[seconds < 61] < Level.ORANGE).all()


def test_a_blow_is_no_shaking() -> None:
    value = np.random.default_rng(2).normal(0, 0.05, 3000)
    value[2000:2003] += 50.0
    assert scored(value)[1] == []


def through_the_path(folder: Path) -> list[AlertChange]:
    case = Case.load(folder)
    messages = list(case.messages())
    return inprocess.play(case, messages, list(chunks(case, messages)), lambda _: None)


@pytest.mark.recordings
def test_a_recorded_quake_is_one_incident_declared_after_its_origin(
    recordings: Path, tmp_path: Path
) -> None:
    """M 5.0 of 2017-12-25, 20:23:11, one clock 11 min slow: three stations within 10 s."""
    changes = through_the_path(write(recordings / "openeew", "2017_12_25", tmp_path / "case"))
    origin = times.parse("2017-12-25T20:23:11Z")
    declared = [c for c in changes if c.level >= Level.ORANGE]
    assert len({c.alert for c in declared}) == 1
    assert 0 < declared[0].at - origin < 10 * SECOND
    assert len(declared[0].stations) >= 3


@pytest.mark.recordings
def test_a_major_quake_turns_red(recordings: Path, tmp_path: Path) -> None:
    """M 7.2 of 2018-02-16, 23:39:39, 60 km from the nearest station."""
    changes = through_the_path(write(recordings / "openeew", "2018_2_16", tmp_path / "case"))
    origin = times.parse("2018-02-16T23:39:39Z")
    first = {level: next(c for c in changes if c.level == level) for level in (3, 4)}
    assert first[Level.ORANGE].at < first[Level.RED].at < origin + 60 * SECOND
    assert 5.0 <= float(first[Level.RED].reason.values["magnitude"]) <= 7.2
    assert first[Level.ORANGE].alert == first[Level.RED].alert


@pytest.mark.recordings
def test_stations_that_shake_at_unrelated_times_are_no_quake(
    recordings: Path, tmp_path: Path
) -> None:
    """Each station's record of the quake, turned by a time of its own."""
    case = write(recordings / "openeew", "2017_12_15", tmp_path / "case", turned=3)
    changes = through_the_path(case)
    assert max([c.level for c in changes], default=Level.GREEN) < Level.ORANGE
