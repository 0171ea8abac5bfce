"""What places are called, and reasons as people read them: the one place where ids become names.

Screens, CAP messages, retained states, log lines and the command line all name stations and areas
from here. What has no name keeps its id.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from records.language import say
from records.network import Area, Network, Station
from records.statements import Phrase

_BRACKETS = re.compile(r"\s*[(（][^()（）]*[)）]\s*\Z")
_BETWEEN = ", "  # how reasons list ids


def short(name: str) -> str:
    """A name without what stands in brackets behind it, for tight places and sentences."""
    return _BRACKETS.sub("", name) or name


def station_name(station: Station, language: str) -> str:
    return station.names.get(language) or station.names.get("en") or station.name or station.id


def name_of_station(identity: str, network: Network, language: str) -> str:
    """By id; a station that is not described keeps its id."""
    known = (one for one in network.station if one.id == identity)
    return next((station_name(one, language) for one in known), identity)


def area_of(area: str, network: Network) -> Area | None:
    return next((known for known in network.area if known.id == area), None)


def area_name(area: str, network: Network, language: str) -> str:
    """Name of an area in a language; an area without description is its lab's."""
    known = area_of(area, network)
    if known is not None:
        return known.names.get(language) or known.names.get("en") or known.id
    return next((lab.name for lab in network.lab if lab.id == area and lab.name), area)


def told(
    value: str | int | float, names: Callable[[str], str | None], language: str
) -> str | int | float:
    """A phrase's value as people read it: ids of stations become names, words are translated.

    `names` gives the name of a station, None for what is none.
    """
    if not isinstance(value, str):
        return value
    found = [names(word) for word in value.split(_BETWEEN)]
    known = [name for name in found if name is not None]
    return _BETWEEN.join(known) if len(known) == len(found) else say(value, language)


def sentence(said: Phrase, network: Network, language: str) -> str:
    """A phrase in this language, its stations by their short names."""
    names = {station.id: short(station_name(station, language)) for station in network.station}
    values = {key: told(value, names.get, language) for key, value in said.values.items()}
    return say(said.text, language).format(**values)
