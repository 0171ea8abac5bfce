"""Which detector looks at which series: the registry's choices, or every shipped one that fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.catalogue import catalogue, make
from models.detector import Detector, Watched
from records.errors import InputError
from records.network import DetectorChoice, Network, Series, Thresholds
from records.quantities import QUANTITIES, conversion


@dataclass(frozen=True, slots=True)
class Binding:
    """A detector and the series it looks at, ordered by id."""

    detector: Detector
    watched: tuple[Watched, ...]


def to_canonical(series: Series) -> tuple[float, float]:
    """Factor and offset from the series' unit to its quantity's canonical unit."""
    return conversion(series.unit, QUANTITIES[series.quantity].unit)


def watched(series: Series) -> Watched:
    """A registry's series as detectors see it, thresholds in the canonical unit."""
    factor, offset = to_canonical(series)

    def convert(limit: float | None) -> float | None:
        return None if limit is None else limit * factor + offset

    limits = series.thresholds
    return Watched(
        id=series.id,
        quantity=series.quantity,
        unit=QUANTITIES[series.quantity].unit,
        interval_s=series.interval_s,
        thresholds=Thresholds(
            yellow=convert(limits.yellow), orange=convert(limits.orange), red=convert(limits.red)
        ),
        station=series.station,
    )


def bind(network: Network) -> list[Binding]:
    """Every detector with its series, ordered by detector name.

    Raises InputError for a choice that names an unknown series or station, a series that the
    detector can't take, or a series twice; SettingsError for an unknown detector or parameter.
    """
    if not network.detector:
        shipped = [make(n, {}) for n, kind in catalogue().items() if not kind.experimental]
        return _kept([Binding(d, _fitting(d, network.series)) for d in shipped])
    bindings: list[Binding] = []
    for detector, choices in _alike(network.detector):
        chosen = {w.id: w for c in choices for w in _chosen(detector, c, network)}
        bindings.append(Binding(detector, tuple(chosen[i] for i in sorted(chosen))))
    _refuse_twice(bindings)
    return _kept(bindings)


def _alike(choices: Sequence[DetectorChoice]) -> list[tuple[Detector, list[DetectorChoice]]]:
    """Choices of the same detector with the same parameters belong to one bank."""
    alike: dict[str, tuple[Detector, list[DetectorChoice]]] = {}
    for choice in choices:
        detector = make(choice.name, choice.params)
        alike.setdefault(repr((detector.name, detector)), (detector, []))[1].append(choice)
    return [alike[key] for key in sorted(alike)]


def _kept(bindings: Sequence[Binding]) -> list[Binding]:
    return [b for b in bindings if b.watched]


def _fitting(detector: Detector, series: Sequence[Series]) -> tuple[Watched, ...]:
    fitting = [w for w in map(watched, series) if detector.takes(w)]
    return tuple(sorted(fitting, key=lambda w: w.id))


def _chosen(detector: Detector, choice: DetectorChoice, network: Network) -> tuple[Watched, ...]:
    by_id = {s.id: s for s in network.series}
    stations = {s.id for s in network.station}
    for name in choice.series:
        if name not in by_id:
            raise InputError(f"detector {choice.name!r} names the unknown series {name!r}")
        if not detector.takes(watched(by_id[name])):
            raise InputError(f"detector {choice.name!r} can't take the series {name!r}")
    for name in choice.stations:
        if name not in stations:
            raise InputError(f"detector {choice.name!r} names the unknown station {name!r}")
    everywhere = not choice.series and not choice.stations
    return _fitting(
        detector,
        [
            s
            for s in network.series
            if everywhere or s.id in choice.series or s.station in choice.stations
        ],
    )


def _refuse_twice(bindings: Sequence[Binding]) -> None:
    seen: set[tuple[str, str]] = set()
    for binding in bindings:
        for one in binding.watched:
            if (binding.detector.name, one.id) in seen:
                raise InputError(f"{binding.detector.name!r} is chosen twice for series {one.id!r}")
            seen.add((binding.detector.name, one.id))
