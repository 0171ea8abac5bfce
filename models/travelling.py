"""Whether stations that shake owe it to one wave through the ground: distance and arrival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.association import Statement, Vote
from models.ocean import distance_m
from records.levels import Level
from records.network import Network
from records.network import Station as Place
from records.statements import Phrase
from records.times import SECOND

DOUBTFUL = "The ground shakes at {stations}; other stations don't confirm it yet."
QUAKE = "The ground shakes at {stations}, in an order that fits an earthquake's wave."
UNHEARD = "No accelerometer sends readings; nobody can say whether the ground shakes."

SLOWEST_M_PER_S = 3000.0  # shear waves in the crust
TOLERANCE_S = 2.0  # a message holds a second, and takes some time
Pick = tuple[int, str]  # (arrival in microseconds, station)


def one_wave(a: Pick, b: Pick, places: Mapping[str, Place]) -> bool:
    """Whether two arrivals at different stations can be one wave, from wherever it came.

    No wave takes longer between two stations than along the straight line; from the side it comes
    to both at once.
    """
    if a[1] == b[1]:
        return False
    apart_s = abs(a[0] - b[0]) / SECOND
    return apart_s <= distance_m(places[a[1]], places[b[1]]) / SLOWEST_M_PER_S + TOLERANCE_S


def largest(picks: Sequence[Pick], places: Mapping[str, Place]) -> tuple[str, ...]:
    """Stations of a large group of picks of which every two can be one wave, ordered.

    Grown from each pair, the earliest first, so that at least any group of three is found.
    """
    fits = {p: {q for q in picks if one_wave(p, q, places)} for p in picks}
    best: list[Pick] = list(picks[:1])
    for first in picks:
        for second in sorted(q for q in fits[first] if q > first):
            group, common = [first, second], fits[first] & fits[second]
            for pick in sorted(common):
                if pick in common:
                    group.append(pick)
                    common &= fits[pick]
            if len(group) > len(best):
                best = group
    return tuple(sorted({station for _, station in best}))


def associated(
    votes: Sequence[Vote],
    network: Network,
    before: Mapping[str, Statement],
    needed: int,
) -> list[Statement]:
    """One statement for the network: orange while `needed` stations fit one wave, else yellow.

    What was orange stays so while any of its stations still shakes.
    """
    places = {s.id: s for s in network.station}
    lab = min(places[v.watched.station].lab for v in votes)
    if all(vote.level == Level.GREY for vote in votes):
        heard = tuple(sorted({v.watched.station for v in votes}))
        return [_statement(lab, Level.GREY, heard, UNHEARD)]
    picks = sorted({(v.changed_at, v.watched.station) for v in votes if v.level >= Level.ORANGE})
    shaking = {v.watched.station for v in votes if v.level >= Level.YELLOW}
    together = largest(picks, places)
    standing = before.get(lab)
    if len(together) >= needed:
        # Not said again for each station that joins: the level is what counts.
        return [_statement(lab, Level.ORANGE, together, QUAKE)]
    if standing and standing.level == Level.ORANGE and shaking & set(standing.stations):
        return [standing]
    if not together:
        return []
    return [_statement(lab, Level.YELLOW, together, DOUBTFUL)]


def _statement(lab: str, level: Level, stations: tuple[str, ...], text: str) -> Statement:
    values: dict[str, str | int | float] = {"stations": ", ".join(stations)}
    reason = Phrase(text=text, values={} if text == UNHEARD else values)
    return Statement(key=lab, area=lab, level=level, stations=stations, reason=reason)
