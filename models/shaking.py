"""Stations that shake, told as one statement for the network: doubtful, an earthquake, or blind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from models.association import Statement, Vote
from models.magnitude import at_least
from models.travelling import Onset, Place, Wave, best
from records.distance import great_circle_m
from records.levels import Level
from records.network import Network, Record
from records.statements import Phrase
from records.times import SECOND

DOUBTFUL = "The ground shakes at {stations}; other stations don't confirm it yet."
QUAKE = "The ground shakes at {stations}, in an order that fits an earthquake's wave."
STRONG_QUAKE = (
    "The ground shakes at {stations}, in an order that fits an earthquake's wave; "
    "by what was felt so far its magnitude is at least {magnitude}."
)
UNHEARD = "No accelerometer sends readings; nobody can say whether the ground shakes."
CALM = "The signs of danger have ended."

WINDOW_S = 60.0  # one wave crosses the stations within this
MEMORY_S = 900.0
RATE_S = 300.0  # how far back a station's own rate looks
STRANGE_S = 120.0  # an onset of this minute that is no part of the wave counts as one in so long
USUAL_RATE = 1 / 3600.0  # of a station of which nothing is known, 1/s
ONE_ONSET_S = 3.0  # axes of one station begin together
AGAIN_S = 30.0  # so soon again it must be LOUDER (factor) to be another onset
LOUDER = 1.4
STRONG = 5.0  # magnitude from which an earthquake is red
ALIKE = 0.8  # an earlier onset of at least this part of the amplitude was one like it


class Shake(Record, frozen=True):
    """An onset as it is remembered; times in seconds on the clock of arrivals.

    known_at   when it was decided
    explained  it belongs to an earthquake that was declared: no sign of a restless station
    """

    station: str
    at: float
    amplitude: float
    noise: float
    known_at: float
    explained: bool = False


def associated(
    votes: Sequence[Vote],
    network: Network,
    before: Mapping[str, Statement],
    now_at: int,
    *,
    needed: int,
    limit: float,
    doubt: float,
) -> list[Statement]:
    """One statement for the network, green ones too: their evidence is what is remembered.

    Orange where a wave through `needed` stations has a score of `limit`, yellow where one through
    two has `doubt`; red once its magnitude is at least STRONG. What was orange or red stays so
    while any of its stations still shakes.
    """
    lab = min(s.lab for s in network.station if any(v.watched.station == s.id for v in votes))
    if all(vote.level == Level.GREY for vote in votes):
        heard = tuple(sorted({v.watched.station for v in votes}))
        return [_statement(lab, Level.GREY, heard, UNHEARD, {})]
    standing = before.get(lab)
    shakes = _remembered(standing, now_at)
    news = [v for v in votes if v.level >= Level.ORANGE and v.changed_at == now_at]
    shaking = {v.watched.station for v in votes if v.level >= Level.YELLOW}
    quake = standing is not None and standing.level >= Level.ORANGE
    for vote in news:
        shakes = _with(shakes, vote, explained=quake)
    if standing and quake and shaking & set(standing.stations):
        # Not said again for each station that joins: the level is what counts.
        return [_grown(_keeping(standing, shakes), votes, network, now_at)]
    wave = _wave(votes, network, shakes, now_at, needed) if news else None
    if wave and wave.score >= limit:
        shakes = _explained(shakes, wave)
        said = _of_wave(lab, Level.ORANGE, wave, QUAKE, shakes, limit, now_at)
        return [_grown(said, votes, network, now_at)]
    if news:
        pair = _wave(votes, network, shakes, now_at, 2)
        if pair and pair.score >= doubt:
            return [_of_wave(lab, Level.YELLOW, pair, DOUBTFUL, shakes, limit, now_at)]
    if standing and standing.level == Level.YELLOW and shaking & set(standing.stations):
        return [_keeping(standing, shakes)]
    evidence = {"shakes": msgspec.to_builtins(shakes)}
    return [_statement(lab, Level.GREEN, (), CALM, evidence)]


def _remembered(standing: Statement | None, now_at: int) -> list[Shake]:
    found = [] if standing is None else standing.evidence.get("shakes", [])
    shakes = msgspec.convert(found, list[Shake])
    return [s for s in shakes if now_at / SECOND - s.known_at < MEMORY_S]


def _with(shakes: list[Shake], vote: Vote, *, explained: bool) -> list[Shake]:
    """The memory with what a station's axis has begun: joined, added, or only its own echo."""
    at = vote.evidence["onset_at"] / SECOND + vote.lag / SECOND
    new = Shake(
        station=vote.watched.station,
        at=at,
        amplitude=vote.evidence["amplitude"],
        noise=vote.evidence["noise"],
        known_at=vote.changed_at / SECOND,
        explained=explained,
    )
    own = [s for s in shakes if s.station == new.station]
    same = [s for s in own if abs(at - s.at) < ONE_ONSET_S]
    if same:
        old = same[-1]
        new = Shake(
            station=old.station,
            at=min(old.at, at),
            amplitude=max(old.amplitude, new.amplitude),
            noise=min(old.noise, new.noise),
            known_at=new.known_at,
            explained=old.explained or explained,
        )
        return [*(s for s in shakes if s is not old), new]
    recent = [s.amplitude for s in own if at - s.at < AGAIN_S]
    if recent and new.amplitude < LOUDER * max(recent):
        return shakes
    return [*shakes, new]


def _wave(
    votes: Sequence[Vote], network: Network, shakes: Sequence[Shake], now_at: int, needed: int
) -> Wave | None:
    """The best wave that the newest onset belongs to."""
    now_s = now_at / SECOND
    recent = sorted(
        (s for s in shakes if now_s - s.at < WINDOW_S and not s.explained),
        key=lambda s: (s.at, s.station),
    )
    if len({s.station for s in recent}) < needed:
        return None
    places = _places(votes, network)
    older = [s for s in shakes if now_s - s.at >= WINDOW_S and not s.explained]
    restless = {s.station: 0.0 for s in older}
    for s in older:
        restless[s.station] = min(1.0, restless[s.station] + math.exp((s.at - now_s) / RATE_S))
    everyone = len(places) * RATE_S
    shared = USUAL_RATE + sum(restless.values()) / everyone
    onsets = [
        Onset(
            station=s.station,
            at=s.at,
            amplitude=s.amplitude,
            noise=s.noise,
            rate=shared + _own_rate(s, shakes, now_s),
        )
        for s in recent
    ]
    newest = max(range(len(recent)), key=lambda i: recent[i].known_at)
    strange = 1 / (len(places) * STRANGE_S)
    return best(onsets, newest, places, needed=needed, chance_rate=strange)


def _own_rate(shake: Shake, shakes: Sequence[Shake], now_s: float) -> float:
    """How often the station began to shake like that before, 1/s."""
    alike = (
        math.exp((s.at - now_s) / RATE_S)
        for s in shakes
        if s.station == shake.station
        and s.at < shake.at
        and not s.explained
        and s.amplitude >= ALIKE * shake.amplitude
    )
    return sum(alike) / RATE_S


def _places(votes: Sequence[Vote], network: Network) -> list[Place]:
    """The stations that were heard, each by its axis heard last."""
    heard: dict[str, float] = {}
    shaking = set()
    for vote in votes:
        if vote.level != Level.GREY and vote.heard_at is not None:
            station, at = vote.watched.station, vote.heard_at / SECOND
            heard[station] = max(at, heard.get(station, at))
            if vote.level >= Level.YELLOW:
                shaking.add(station)
    return [
        Place(s.id, s.lat, s.lon, heard[s.id], s.id in shaking)
        for s in network.station
        if s.id in heard
    ]


def _explained(shakes: Sequence[Shake], wave: Wave) -> list[Shake]:
    members = {(onset.station, onset.at) for onset in wave.members}
    return [
        msgspec.structs.replace(s, explained=s.explained or (s.station, s.at) in members)
        for s in shakes
    ]


def _of_wave(
    lab: str, level: Level, wave: Wave, text: str, shakes: list[Shake], limit: float, now_at: int
) -> Statement:
    evidence = {
        "limit": limit,
        "wave": wave.evidence(),
        "since": now_at / SECOND,
        "shakes": msgspec.to_builtins(shakes),
    }
    return _statement(lab, level, wave.stations, text, evidence, wave.score)


def _grown(said: Statement, votes: Sequence[Vote], network: Network, now_at: int) -> Statement:
    """With the least magnitude by all that was felt until now: red from STRONG on.

    What each station felt most stays in the evidence: shaking ebbs away, an earthquake does not.
    """
    wave, felt_gal = said.evidence["wave"], dict(said.evidence.get("felt_gal", {}))
    for vote in votes:
        station = vote.watched.station
        if station in said.stations:
            felt_gal[station] = round(max(vote.peak, felt_gal.get(station, 0.0)), 2)
    places = [s for s in network.station if s.id in felt_gal]
    lat, lon = [s.lat for s in places], [s.lon for s in places]
    apart_km = great_circle_m(lat, lon, wave["lat"], wave["lon"]) / 1000
    away_km = np.hypot(apart_km, wave["depth_km"]).tolist()
    felt = [(felt_gal[s.id], km) for s, km in zip(places, away_km, strict=True)]
    passed_s = now_at / SECOND - wave["origin_at"]
    least = round(at_least(felt, wave["depth_km"], passed_s), 1)
    evidence = {**said.evidence, "felt_gal": felt_gal, "magnitude_at_least": least or None}
    said = msgspec.structs.replace(said, evidence=evidence)
    if least < STRONG or said.level == Level.RED:
        return said
    stations = ", ".join(said.stations)
    reason = Phrase(text=STRONG_QUAKE, values={"stations": stations, "magnitude": least})
    return msgspec.structs.replace(said, level=Level.RED, reason=reason)


def _keeping(standing: Statement, shakes: list[Shake]) -> Statement:
    """What stands, with what was remembered since; who has joined holds it up too."""
    joined = {s.station for s in shakes if s.explained and s.known_at >= standing.evidence["since"]}
    return msgspec.structs.replace(
        standing,
        stations=tuple(sorted({*standing.stations, *joined})),
        evidence={**standing.evidence, "shakes": msgspec.to_builtins(shakes)},
    )


def _statement(
    lab: str,
    level: Level,
    stations: tuple[str, ...],
    text: str,
    evidence: dict[str, Any],
    score: float | None = None,
) -> Statement:
    values: dict[str, str | int | float] = {"stations": ", ".join(stations)} if stations else {}
    reason = Phrase(text=text, values={} if text == UNHEARD else values)
    return Statement(
        key=lab, area=lab, level=level, stations=stations, reason=reason, score=score,
        evidence=evidence,
    )  # fmt: skip
