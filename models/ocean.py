"""Whether waves at several places of the ocean are one tsunami: distance and travel time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

from models.association import Statement, Vote
from models.rivers import reaches_below
from records.levels import Level
from records.network import Network
from records.network import Station as Place
from records.statements import Phrase
from records.times import SECOND

UNCONFIRMED = (
    "{station} shows a wave of {residual} m on the sea floor; no second station confirms it yet."
)
ALONE = "{station}, the only station on the sea floor, shows a wave of {residual} m."
CONFIRMED = (
    "{stations} show a tsunami of up to {residual} m in the open sea; "
    "the wave fits its travel time over {distance} km."
)
SILENT = "No station on the sea floor sends readings; nobody can say whether a tsunami passes."

EARTH_RADIUS_M = 6_371_000.0
SLOWEST_M_PER_S = 100.0  # sqrt(g h) over 1000 m of water
FASTEST_M_PER_S = 1500.0  # no wave in water is faster, every seismic surface wave is
TOLERANCE_S = 900.0
SEISMIC_TOLERANCE_S = 300.0
SHAKING_S = 1800.0  # how long before an onset shaking makes it doubtful


def distance_m(a: Place, b: Place) -> float:
    """Great-circle distance of two stations on a sphere (haversine), m."""
    phi_a, phi_b = math.radians(a.lat), math.radians(b.lat)
    half_lat = (phi_b - phi_a) / 2
    half_lon = math.radians(b.lon - a.lon) / 2
    chord = math.sin(half_lat) ** 2
    chord += math.cos(phi_a) * math.cos(phi_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def one_wave(apart_m: float, apart_s: float, *, shaken: bool) -> bool:
    """Whether onsets so far apart in place and time can be one tsunami.

    A wave needs at most `apart_m` at the slowest speed; from the side it needs no time at all, and
    so do seismic waves: where the ground shook just before, nearly equal onsets don't count.
    """
    if apart_s > apart_m / SLOWEST_M_PER_S + TOLERANCE_S:
        return False
    return not shaken or apart_s > apart_m / FASTEST_M_PER_S + SEISMIC_TOLERANCE_S


def associated(
    votes: Sequence[Vote], network: Network, before: Mapping[str, Statement]
) -> list[Statement]:
    """One statement an area: orange or red with two stations, or with one where there is one."""
    if all(vote.level == Level.GREY for vote in votes):
        return _silent(votes, network)
    places = {s.id: s for s in network.station}
    risen = _risen(votes)
    several = len({vote.watched.station for vote in votes}) > 1
    joined, apart_m = _joined(risen, places)
    statements: dict[str, Statement] = {}
    for station, vote in sorted(risen.items()):
        confirmed = station in joined
        if confirmed:
            level = max(Level.ORANGE, *(risen[name].level for name in joined))
            reason = _confirmed(joined, risen, apart_m)
        else:
            level = min(Level.YELLOW, vote.level) if several else vote.level
            reason = _single(UNCONFIRMED if several else ALONE, vote)
        stations = tuple(sorted(joined)) if confirmed else (station,)
        for reach in reaches_below(network, station):
            onset_at = vote.onset_at if confirmed or not several else None
            if onset_at is not None and reach.travel_s is not None:
                onset_at += round(reach.travel_s * SECOND)
            said = Statement(
                key=reach.area,
                area=reach.area,
                level=level,
                stations=stations,
                reason=reason,
                onset_at=onset_at,
                score=vote.score,
                evidence={name: dict(risen[name].evidence) for name in stations},
            )
            statements[reach.area] = _stronger(statements.get(reach.area), said)
    return list(_kept(statements, before, votes).values())


def _risen(votes: Sequence[Vote]) -> dict[str, Vote]:
    """The strongest vote of each station that is above green."""
    risen: dict[str, Vote] = {}
    for vote in votes:
        known = risen.get(vote.watched.station)
        if vote.level > Level.GREEN and (known is None or vote.level > known.level):
            risen[vote.watched.station] = vote
    return risen


def _joined(risen: Mapping[str, Vote], places: Mapping[str, Place]) -> tuple[set[str], float]:
    """Stations at orange or more of which at least two are one wave, and how far apart they are."""
    strong = [name for name, vote in sorted(risen.items()) if vote.level >= Level.ORANGE]
    joined: set[str] = set()
    apart_m = 0.0
    for a, b in combinations(strong, 2):
        between_m = distance_m(places[a], places[b])
        between_s = abs(_onset_s(risen[a]) - _onset_s(risen[b]))
        shaken = any(
            float(risen[name].evidence.get("shaken_s", math.inf)) < SHAKING_S for name in (a, b)
        )
        if one_wave(between_m, between_s, shaken=shaken):
            joined |= {a, b}
            apart_m = max(apart_m, between_m)
    return joined, apart_m


def _onset_s(vote: Vote) -> float:
    at = vote.changed_at if vote.onset_at is None else vote.onset_at
    return at / SECOND


def _residual_m(vote: Vote) -> float:
    return abs(float(vote.evidence.get("residual", 0.0)))


def _single(text: str, vote: Vote) -> Phrase:
    residual = float(f"{_residual_m(vote):.2g}")
    return Phrase(text=text, values={"station": vote.watched.station, "residual": residual})


def _confirmed(joined: set[str], risen: Mapping[str, Vote], apart_m: float) -> Phrase:
    most = max(_residual_m(risen[name]) for name in joined)
    values: dict[str, str | int | float] = {
        "stations": ", ".join(sorted(joined)),
        "residual": float(f"{most:.2g}"),
        "distance": round(apart_m / 1000),
    }
    return Phrase(text=CONFIRMED, values=values)


def _stronger(known: Statement | None, said: Statement) -> Statement:
    if known is None or said.level > known.level:
        return said
    if said.level == known.level and said.onset_at is not None:
        earlier = known.onset_at is None or said.onset_at < known.onset_at
        return said if earlier else known
    return known


def _kept(
    said: dict[str, Statement], before: Mapping[str, Statement], votes: Sequence[Vote]
) -> dict[str, Statement]:
    """What is said, but nothing lower than before because a station has fallen silent."""
    silent = {vote.watched.station for vote in votes if vote.level == Level.GREY}
    kept = dict(said)
    for key, statement in before.items():
        lower = key not in said or said[key].level < statement.level
        if lower and statement.level > Level.GREEN and silent & set(statement.stations):
            kept[key] = statement
    return kept


def _silent(votes: Sequence[Vote], network: Network) -> list[Statement]:
    """Nobody sees: every area that a station speaks for is blind."""
    by_area: dict[str, list[str]] = {}
    for vote in votes:
        for reach in reaches_below(network, vote.watched.station):
            by_area.setdefault(reach.area, []).append(vote.watched.station)
    return [
        Statement(
            key=area,
            area=area,
            level=Level.GREY,
            stations=tuple(sorted(set(stations))),
            reason=Phrase(text=SILENT),
        )
        for area, stations in sorted(by_area.items())
    ]
